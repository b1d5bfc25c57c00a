"""An installation of the service in a temporary folder, with one user for each role, for tests."""

from __future__ import annotations

import json
import mimetypes
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from steatoscope.apps.web.app import create_app
from steatoscope.apps.wiring.service import Service, open_service
from steatoscope.apps.wiring.settings import service_settings
from steatoscope.service.access.passwords import digest_of, hash_password, new_secret
from steatoscope.service.storage.base import new_id, now
from steatoscope.service.storage.tables import Job, Patient, Result, ResultFile, StoredFile, Study, Token, User

ROLES = ("viewer", "clinician", "researcher", "admin")
PASSWORD = "correct horse battery"


@dataclass
class Bench:
    """An open installation, its application, and users by role: ``users[role] = (user id, token)``."""

    service: Service
    app: Any
    users: dict[str, tuple[str, str]] = field(default_factory=dict)

    def client(self, role: str | None = None) -> FlaskClient:
        """A client that sends the role's token, or none."""
        client: FlaskClient = self.app.test_client()
        if role is not None:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {self.users[role][1]}"
        return client

    def add_user(self, name: str, *roles: str) -> tuple[str, str]:
        """A user with these roles and a token; kept under ``name`` as well. The password is ``PASSWORD``."""
        secret = new_secret("sts_")
        with self.service.database.writing() as session:
            user = User(id=new_id(), name=name, roles=list(roles), password_hash=_hashed())
            session.add(user)
            session.flush()
            session.add(Token(user_id=user.id, name="test", digest=digest_of(secret), scopes=[]))
        self.users[name] = (user.id, secret)
        return self.users[name]

    def add_study(
        self, analysed: Path, *, subject: str = "S-1", owner: str = "clinician", state: str = "done", **columns: Any
    ) -> str:
        """A study with one finished result from a folder that ``analyze`` has written; returns the study's id.

        ``columns`` overrule columns of the study (``acquired_on``, ``created_at``, ...).
        """
        report = json.loads((analysed / "report.json").read_text(encoding="utf-8"))
        store = self.service.blobs
        with self.service.database.writing() as session:
            patient = session.query(Patient).filter_by(subject=subject).one_or_none() or Patient(subject=subject)
            session.add(patient)
            session.flush()
            sha, size = store.put_file(analysed / "overlay.png")
            owner_id = self.users[owner][0]
            study = Study(
                id=new_id(), patient_id=patient.id, owner_id=owner_id, modality=report["modality"], state=state,
                content_digest=sha, **columns,
            )  # fmt: skip
            session.add(study)
            session.flush()
            session.add(StoredFile(study_id=study.id, name="image.png", sha256=sha, size=size))
            job = Job(id=new_id(), study_id=study.id, owner_id=owner_id, state=state, progress=1.0, finished_at=now())
            session.add(job)
            result = _result(study.id, job.id, report)
            session.add(result)
            session.flush()
            study.current_result_id = result.id
            for path in sorted(analysed.iterdir()):
                sha, size = store.put_file(path)
                media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                session.add(ResultFile(result_id=result.id, name=path.name, sha256=sha, size=size, media_type=media))
        return study.id


def _result(study_id: str, job_id: str, report: dict[str, Any]) -> Result:
    fat, grade = report["fat"], report["grade"]
    return Result(
        id=new_id(),
        study_id=study_id,
        job_id=job_id,
        version=1,
        report=report,
        report_digest=report["provenance"]["report_digest"],
        status=report["quality"]["status"],
        scale=fat and fat["scale"],
        fat_percent=fat and fat["value_percent"],
        fat_low=fat and fat["interval"]["low"],
        fat_high=fat and fat["interval"]["high"],
        grade=grade and grade["label"],
        probability=report["steatosis"] and report["steatosis"]["probability"],
    )


_hashes: list[str] = []


def _hashed() -> str:
    if not _hashes:
        _hashes.append(hash_password(PASSWORD))
    return _hashes[0]


def make_bench(folder: Path, **overrides: Any) -> Bench:
    """An installation on SQLite in ``folder`` with a user for each role."""
    service = open_service(service_settings(folder, {}, **overrides))
    bench = Bench(service, create_app(service, TESTING=False, RATELIMIT_ENABLED=False))
    for role in ROLES:
        bench.add_user(role, role)
    return bench
