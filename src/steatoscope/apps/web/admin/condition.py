"""How the installation is: sizes and counts for the pages and the API of the administration."""

from __future__ import annotations

import platform
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from steatoscope import __version__
from steatoscope.apps.web.system.health import all_checks
from steatoscope.apps.wiring.heartbeats import workers
from steatoscope.apps.wiring.service import Service
from steatoscope.service.jobs.port import States
from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables import Blob, Job, Patient, Result, ResultFile, StoredFile, Study, Upload, User

_PACKAGES: Final = ("flask", "sqlalchemy", "onnxruntime", "numpy", "pydicom")


def overview(service: Service) -> dict[str, Any]:
    """Checks, workers, queue and versions."""
    with service.database.reading() as session:
        seen = workers(session)
        states = dict(session.execute(select(Job.state, func.count()).group_by(Job.state)).all())
        oldest = session.scalar(select(func.min(Job.created_at)).where(Job.state == States.QUEUED))
    return {
        "checks": [asdict(check) for check in all_checks(service)],
        "workers": [asdict(worker) for worker in seen],
        "jobs": {state.value: states.get(state.value, 0) for state in States},
        "oldest_queued_s": (now() - oldest).total_seconds() if oldest else None,
        "versions": {
            "steatoscope": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in _PACKAGES},
        },
    }


def storage(service: Service) -> dict[str, Any]:
    """Counts of rows and sizes in bytes."""
    with service.database.reading() as session:
        counts = {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in (
                ("patients", Patient), ("studies", Study), ("results", Result), ("jobs", Job), ("users", User),
                ("uploads", Upload), ("contents", Blob),
            )
        }  # fmt: skip
        sizes = {
            "contents": _sum(session, Blob.size),
            "images": _sum(session, StoredFile.size),
            "results": _sum(session, ResultFile.size),
            "database": _database_bytes(session, service),
            "inbox": _folder_bytes(service.settings.inbox),
        }
    disk = shutil.disk_usage(service.settings.data_dir)
    return {"counts": counts, "bytes": sizes, "disk": {"total": disk.total, "free": disk.free}}


def _sum(session: Session, column: Any) -> int:
    return int(session.scalar(select(func.coalesce(func.sum(column), 0))) or 0)


def _database_bytes(session: Session, service: Service) -> int:
    if service.database.engine.dialect.name == "postgresql":
        return int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    name = service.database.engine.url.database or ""
    return sum(Path(name + end).stat().st_size for end in ("", "-wal") if name and Path(name + end).is_file())


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
