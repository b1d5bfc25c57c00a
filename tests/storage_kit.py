"""A database and a file store with a little of everything in them, for tests of the storage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from steatoscope.service.storage import audit, configuration, patients, results, studies, users
from steatoscope.service.storage.blobs import BlobStore, open_blobs
from steatoscope.service.storage.database import Database
from steatoscope.service.storage.migrate import upgrade
from steatoscope.service.storage.tables import Job, Series, Study

DIGEST = "d" * 64


@dataclass
class Store:
    """An open database and file store, and the folder of the installation."""

    database: Database
    blobs: BlobStore
    folder: Path


def open_store(folder: Path, *, url: str | None = None, storage: str | None = None) -> Store:
    """A new installation's database and file store; SQLite and a folder where nothing else is named."""
    folder.mkdir(parents=True, exist_ok=True)
    url = url or f"sqlite:///{folder / 'steatoscope.db'}"
    upgrade(url)
    return Store(Database(url), open_blobs(storage or str(folder / "files")), folder)


def report_of(fat: float | None = 12.5, *codes: str) -> dict[str, Any]:
    """A report document with the parts that the storage reads."""
    words = [{"code": code, "message": f"{code} – ü"} for code in codes]
    return {
        "modality": "CT",
        "fat": None if fat is None else {"scale": "pdff", "value_percent": fat, "interval": {"low": 0.1, "high": 20.0}},
        "grade": None if fat is None else {"label": "mild"},
        "steatosis": None if fat is None else {"probability": 0.75},
        "quality": {"status": "ok", "codes": words},
        "provenance": {"report_digest": DIGEST},
    }


def add_done_study(
    session: Session, blobs: BlobStore, subject: str, *, content: bytes = b"image", owner_id: str | None = None
) -> Study:
    """A study of a subject with one file and one result, done."""
    patient = patients.patient_for(session, subject, identity={"name": f"Name of {subject}"}, identity_key=subject)
    sha256, size = blobs.put_bytes(content)
    study = studies.add_study(
        session, patient=patient, owner_id=owner_id, files=[studies.NewFile("a/image.dcm", sha256, size)],
        views={"AR": "a"}, acquired_on=date(2024, 2, 29), description="déjà vu",
    )  # fmt: skip
    session.add(Series(study_id=study.id, uid="1.2.3", modality="CT", files=1, measured=True))
    job = Job(study_id=study.id, owner_id=owner_id, state="done", progress=1 / 3)
    session.add(job)
    session.flush()
    stored = [(name, *blobs.put_bytes(f"{name} of {study.id}".encode())) for name in ("report.json", "overlay.png")]
    files = [results.NewResultFile(name, sha, length, "application/octet-stream") for name, sha, length in stored]
    results.add_result(session, job, report_of(12.5, "W_SIMULATED"), files)
    study.state = "done"
    session.flush()
    return study


def fill(store: Store, *, n: int = 3) -> list[str]:
    """Users, studies, a correction with a mask, a sign-off, settings, models, audit; returns the studies' ids."""
    with store.database.writing() as session:
        anna = users.add_user(session, "anna", ["admin", "clinician"], password_hash="x")
        users.issue_token(session, anna, "token", digest="t" * 64, scopes=["read"])
        users.open_session(session, anna, "s" * 64, longest_s=3600, address="127.0.0.1")
        made = [
            add_done_study(session, store.blobs, f"S-{k}", content=b"image %d" % k, owner_id=anna.id) for k in range(n)
        ]
        result = results.result_of(session, made[0].id)
        assert result is not None
        results.add_review(session, result, anna, "amend", "moderate", "Überprüft\nzweimal")
        mask, size = store.blobs.put_bytes(b"mask")
        job = Job(study_id=made[0].id, kind="remeasure", options={"liver_mask": mask}, error={"code": "E_X"})
        session.add(job)
        session.flush()
        results.add_correction(session, base=result, job=job, user=anna, mask_sha256=mask, mask_size=size)
        configuration.set_setting(session, "site.name", {"de": "Straße", "n": 1.5}, "anna")
        configuration.activate_model(session, "ct-segmenter", "first", "", "anna")
        for k in range(n):
            audit.record(session, actor="anna", action="study.upload", subject=f"S-{k}", details={"n": k, "x": 0.1})
        ids = [study.id for study in made]
    (store.folder / "secret.key").write_text("5" * 64, encoding="ascii")
    return ids
