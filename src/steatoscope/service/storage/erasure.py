"""Erases all that is kept of one patient, but for the audit trail, which names only the subject code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, event, func, select
from sqlalchemy.orm import Session

from steatoscope.service.storage.blobs import BlobStore
from steatoscope.service.storage.contents import MASK_OPTION, still_used
from steatoscope.service.storage.tables_results import Correction, Job, Result, ResultFile, Review
from steatoscope.service.storage.tables_studies import Patient, StoredFile, Study, Upload
from steatoscope.service.storage.tables_system import Blob


def erase_patient(session: Session, blobs: BlobStore, patient: Patient) -> dict[str, int]:
    """Remove a patient's rows now and, once the transaction has been committed, the contents that nobody else uses.

    Returns how many of each were removed. A content that somebody stored again since it was last put to use stays:
    a study that is just being made may need it; the collection of garbage removes it later where that was not so.
    """
    session.flush()
    studies = list(session.scalars(select(Study.id).where(Study.patient_id == patient.id)))
    counts = _counts(session, studies)
    contents = _contents(session, studies)
    session.execute(delete(Upload).where(Upload.study_id.in_(studies)))
    session.execute(delete(Patient).where(Patient.id == patient.id))
    session.expunge(patient)
    session.expire_all()
    free = {sha256: contents[sha256] for sha256 in set(contents) - still_used(session, contents)}
    session.execute(delete(Blob).where(Blob.sha256.in_(free)))
    event.listen(session, "after_commit", lambda _: _remove(session, blobs, free), once=True)
    return {**counts, "contents": len(free)}


def _counts(session: Session, studies: list[str]) -> dict[str, int]:
    results = select(Result.id).where(Result.study_id.in_(studies))
    queries = {
        "files": select(func.count()).select_from(StoredFile).where(StoredFile.study_id.in_(studies)),
        "jobs": select(func.count()).select_from(Job).where(Job.study_id.in_(studies)),
        "results": select(func.count()).select_from(Result).where(Result.study_id.in_(studies)),
        "result_files": select(func.count()).select_from(ResultFile).where(ResultFile.result_id.in_(results)),
        "reviews": select(func.count()).select_from(Review).where(Review.result_id.in_(results)),
        "corrections": select(func.count()).select_from(Correction).where(Correction.study_id.in_(studies)),
    }
    return {"studies": len(studies), **{name: session.scalar(query) or 0 for name, query in queries.items()}}


def _contents(session: Session, studies: list[str]) -> dict[str, datetime]:
    """Each content of these studies, with the last moment at which one of their rows took it into use."""
    mask = MASK_OPTION
    queries: list[Any] = [
        select(StoredFile.sha256, Study.created_at).join(Study).where(Study.id.in_(studies)),
        select(ResultFile.sha256, Result.created_at).join(Result).where(Result.study_id.in_(studies)),
        select(Correction.mask_sha256, Correction.created_at).where(Correction.study_id.in_(studies)),
        select(Study.options[mask].as_string(), Study.created_at).where(Study.id.in_(studies)),
        select(Job.options[mask].as_string(), Job.created_at).where(Job.study_id.in_(studies)),
    ]
    moments: dict[str, datetime] = {}
    for query in queries:
        for sha256, moment in session.execute(query):
            if sha256 is not None:
                moments[sha256] = max(moment, moments.get(sha256, moment))
    return moments


def _remove(session: Session, blobs: BlobStore, free: Mapping[str, datetime]) -> None:
    with Session(session.get_bind()) as fresh:
        taken = still_used(fresh, free)
    for sha256, moment in free.items():
        if sha256 not in taken:
            blobs.delete_unless_newer(sha256, moment)
