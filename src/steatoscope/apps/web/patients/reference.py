"""Healthy references to compare with: studies under the subject code ``healthy-reference-us``, ``-ct`` or ``-mr``.

Whatever lies under such a code is the reference of its modality, the newest measured study first. An installation may
upload a volunteer's study there; until it does, the button makes a simulated liver with 2 % fat and sends it through
the same queue as any other study. Simulated pictures carry their label everywhere.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.trail import note
from steatoscope.service.storage.cohort_rows import REFERENCE_PREFIX
from steatoscope.service.storage.job_table import FINAL, add_job
from steatoscope.service.storage.patients import patient_for
from steatoscope.service.storage.studies import NewFile, add_study
from steatoscope.service.storage.tables import Patient, Study

FAT_PERCENT: Final = 2.0
SEED: Final = 7
_FORMATS: Final = {"us": "png", "ct": "dicom", "mr": "dicom"}


def subject_of(modality: str) -> str:
    """The subject code of a modality's healthy reference."""
    return f"{REFERENCE_PREFIX}{modality.lower()}"


def healthy_study(session: Session, modality: str) -> Study | None:
    """The newest measured study of the modality's healthy reference; None where there is none."""
    statement = _studies(modality).where(Study.current_result_id.is_not(None), Study.modality == modality)
    return session.scalars(statement).first()


def pending_study(session: Session, modality: str) -> Study | None:
    """A reference study that is still to be measured."""
    return session.scalars(_studies(modality).where(Study.state.not_in(FINAL))).first()


def _studies(modality: str) -> Any:
    statement = select(Study).join(Patient, Patient.id == Study.patient_id)
    return statement.where(Patient.subject == subject_of(modality)).order_by(Study.created_at.desc(), Study.id)


def make_healthy(modality: str) -> str:
    """Simulate a healthy liver and queue its analysis; returns the study's id. An unfinished one is not doubled."""
    database = service().database
    with database.reading() as session:
        waiting = pending_study(session, modality)
    if waiting is not None:
        return waiting.id
    files = _simulated_files(modality)
    with database.writing() as session:
        patient = patient_for(session, subject_of(modality))
        study = add_study(
            session,
            patient=patient,
            owner_id=principal().user_id,
            files=files,
            options={"modality": modality},
            description=f"Simulated healthy liver, fat {FAT_PERCENT:g} %",
            modality=modality,
        )
        job = add_job(session, study, owner_id=principal().user_id, max_attempts=service().settings.most_attempts)
        note(session, "study.upload", "study", study.id, subject=patient.subject, job=job.id, simulated=True)
        return study.id


def _simulated_files(modality: str) -> list[NewFile]:
    from steatoscope.imaging.phantoms.write_files import write_phantom

    blobs = service().blobs
    with tempfile.TemporaryDirectory(dir=service().settings.scratch) as name:
        folder = Path(name) / "study"
        folder.mkdir()
        out = folder / "liver.png" if modality == "US" else folder / "images"
        written = write_phantom(_simulate(modality), out, _FORMATS[modality.lower()])
        images = [path for path in written if path == out or out in path.parents]
        return [NewFile(path.relative_to(folder).as_posix(), *blobs.put_file(path)) for path in sorted(images)]


def _simulate(modality: str) -> Any:
    if modality == "CT":
        from steatoscope.imaging.phantoms.ct import simulate_ct

        return simulate_ct(FAT_PERCENT, SEED)
    if modality == "MR":
        from steatoscope.imaging.phantoms.mr import simulate_mr

        return simulate_mr(FAT_PERCENT, SEED)
    from steatoscope.imaging.phantoms.us import simulate_us

    return simulate_us(FAT_PERCENT, SEED)
