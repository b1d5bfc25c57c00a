"""All that is kept of one patient in one zip file."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.service.storage.base import Base
from steatoscope.service.storage.blobs import BlobStore
from steatoscope.service.storage.rows import as_document
from steatoscope.service.storage.tables_results import Correction, Job, Result
from steatoscope.service.storage.tables_studies import Patient, Study
from steatoscope.service.storage.tables_system import AuditEntry

_README = """All that this installation keeps of one patient.

patient.json   every row: patient, studies, series, files, jobs, results, sign-offs, corrections, audit trail
studies/       by study: the files that were uploaded, the files of each version of the result, corrected masks
missing.json   only where contents were missing from the store: their names

Research and decision support, not a diagnosis: a qualified clinician reviews every result.
"""


def export_patient(session: Session, blobs: BlobStore, patient: Patient, target: Path) -> dict[str, int]:
    """Write all that is kept of a patient into a zip file; returns how many studies, files and missing contents."""
    studies = list(
        session.scalars(select(Study).where(Study.patient_id == patient.id).order_by(Study.created_at, Study.id))
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(handle, "w+b") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", _README)
            archive.writestr("patient.json", _json(_rows(session, patient, studies)))
            files, missing = _store(archive, blobs, _members(session, studies))
            if missing:
                archive.writestr("missing.json", _json(missing))
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return {"studies": len(studies), "files": files, "missing": len(missing)}


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _rows(session: Session, patient: Patient, studies: list[Study]) -> dict[str, Any]:
    trail = session.scalars(select(AuditEntry).where(AuditEntry.subject == patient.subject).order_by(AuditEntry.seq))
    return {
        "patient": as_document(patient),
        "studies": [_study(session, study) for study in studies],
        "audit": _documents(trail),
    }


def _study(session: Session, study: Study) -> dict[str, Any]:
    results = session.scalars(select(Result).where(Result.study_id == study.id).order_by(Result.version))
    return {
        **as_document(study),
        "files": _documents(study.files),
        "series": _documents(study.series),
        "jobs": _documents(session.scalars(select(Job).where(Job.study_id == study.id).order_by(Job.created_at))),
        "results": [
            {**as_document(result), "files": _documents(result.files), "reviews": _documents(result.reviews)}
            for result in results
        ],
        "corrections": _documents(session.scalars(select(Correction).where(Correction.study_id == study.id))),
    }


def _documents(items: Iterable[Base]) -> list[dict[str, Any]]:
    return [as_document(item) for item in items]


def _members(session: Session, studies: list[Study]) -> Iterator[tuple[str, str]]:
    """Name in the archive and hash of every content."""
    for study in studies:
        root = f"studies/{study.id}"
        for file in study.files:
            yield f"{root}/files/{file.name}", file.sha256
        for result in session.scalars(select(Result).where(Result.study_id == study.id)):
            for written in result.files:
                yield f"{root}/results/{result.version}/{written.name}", written.sha256
        for correction in session.scalars(select(Correction).where(Correction.study_id == study.id)):
            yield f"{root}/corrections/{correction.id}", correction.mask_sha256


def _store(
    archive: zipfile.ZipFile, blobs: BlobStore, members: Iterable[tuple[str, str]]
) -> tuple[int, list[dict[str, str]]]:
    stored, missing = 0, []
    for name, sha256 in members:
        try:
            source = blobs.open(sha256)
        except KeyError:
            missing.append({"name": name, "sha256": sha256})
            continue
        with source, archive.open(name, "w", force_zip64=True) as sink:
            copyfileobj(source, sink)
        stored += 1
    return stored, missing
