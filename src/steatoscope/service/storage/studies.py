"""Studies and their input files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.service.storage.contents import register
from steatoscope.service.storage.tables_studies import Patient, StoredFile, Study


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file of a new study, its content stored already; ``name`` is relative and safe, ``view`` an ultrasound view."""

    name: str
    sha256: str
    size: int
    view: str | None = None


def add_study(
    session: Session,
    *,
    patient: Patient,
    owner_id: str | None,
    files: Sequence[NewFile],
    views: Mapping[str, Any] | None = None,
    clinical: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    description: str = "",
    modality: str | None = None,
    acquired_on: date | None = None,
) -> Study:
    """A new study with its files. Raises ValueError for no files, an unsafe name, or a name that comes twice."""
    _check_names([file.name for file in files])
    register(session, {file.sha256: file.size for file in files})
    study = Study(
        patient_id=patient.id,
        owner_id=owner_id,
        description=description[:200],
        modality=modality,
        content_digest=content_digest(file.sha256 for file in files),
        acquired_on=acquired_on,
        views=dict(views or {}),
        clinical=dict(clinical or {}),
        options=dict(options or {}),
        files=[StoredFile(name=file.name, sha256=file.sha256, size=file.size, view=file.view) for file in files],
    )
    session.add(study)
    session.flush()
    return study


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise ValueError("a study has at least one file")
    if len(set(names)) != len(names):
        raise ValueError("two files of a study have the same name")
    for name in names:
        parts = name.replace("\\", "/").split("/")
        if not name or len(name) > 400 or "\0" in name or any(part in {"", ".", ".."} for part in parts):
            raise ValueError(f"{name!r} is no safe name for a file of a study")


def content_digest(hashes: Iterable[str]) -> str:
    """The SHA-256 of sorted hashes: the same files give the same digest, whatever their names and order."""
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


def study_named(session: Session, study_id: str) -> Study | None:
    """The study with this identifier; None where there is none."""
    return session.get(Study, study_id)


def same_content(session: Session, digest: str) -> list[Study]:
    """Studies of exactly these files, oldest first."""
    return list(session.scalars(select(Study).where(Study.content_digest == digest).order_by(Study.created_at)))
