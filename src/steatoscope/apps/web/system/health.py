"""Is the service fit to work? One check for each part."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text

from steatoscope.apps.wiring.heartbeats import workers
from steatoscope.apps.wiring.service import Service

WORKERS: Final = "workers"
LEAST_FREE_BYTES: Final = 256 * 1024 * 1024
_KEPT_S: Final = 2.0
_PROBE: Final = b"steatoscope readiness probe\n"


@dataclass(frozen=True, slots=True)
class Check:
    """What one part of the service answered; ``detail`` names no patient and no secret."""

    name: str
    ok: bool
    detail: str


class Readiness:
    """The checks of one installation, asked at most every two seconds however often the address is called."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._kept: tuple[float, list[Check]] = (float("-inf"), [])

    def checks(self) -> list[Check]:
        """All checks, just made or up to two seconds old."""
        with self._lock:
            if time.monotonic() - self._kept[0] > _KEPT_S:
                self._kept = (time.monotonic(), all_checks(self._service))
            return self._kept[1]


def all_checks(service: Service) -> list[Check]:
    """Ask every part of the service."""
    return [_checked(name, check, service) for name, check in _CHECKS.items()]


def _checked(name: str, check: Callable[[Service], str], service: Service) -> Check:
    try:
        return Check(name, True, check(service))
    except _Unfit as fault:
        return Check(name, False, str(fault))
    except Exception as fault:
        return Check(name, False, type(fault).__name__)


class _Unfit(Exception):
    pass


def _database(service: Service) -> str:
    with service.database.reading() as session:
        session.execute(text("SELECT 1"))
    return service.database.engine.dialect.name


def _migrations(service: Service) -> str:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    from steatoscope.service.storage.migrate import alembic_config

    heads = set(ScriptDirectory.from_config(alembic_config(service.settings.database_url)).get_heads())
    with service.database.engine.connect() as connection:
        current = set(MigrationContext.configure(connection).get_current_heads())
    if current != heads:
        raise _Unfit(
            f"the database is at {', '.join(sorted(current)) or 'no revision'}, not {', '.join(sorted(heads))}"
        )
    return ", ".join(sorted(heads))


def _storage(service: Service) -> str:
    sha256, _size = service.blobs.put_bytes(_PROBE)
    with service.blobs.open(sha256) as stored:
        if stored.read() != _PROBE:
            raise _Unfit("what was written was not read back")
    service.blobs.delete(sha256)
    return "writable"


def _disk(service: Service) -> str:
    if not os.access(service.settings.data_dir, os.W_OK):
        raise _Unfit("the data folder cannot be written")
    free = shutil.disk_usage(service.settings.data_dir).free
    if free < LEAST_FREE_BYTES:
        raise _Unfit(f"{free / 1e6:.0f} MB free")
    return f"{free / 1e9:.1f} GB free"


def _workers(service: Service) -> str:
    with service.database.reading() as session:
        alive = sum(worker.alive for worker in workers(session))
    if alive:
        return f"{alive} alive"
    if service.settings.broker_url and _broker_answers(service.settings.broker_url):
        return "the broker answers"
    raise _Unfit("no worker is alive" + (" and the broker does not answer" if service.settings.broker_url else ""))


def _broker_answers(url: str) -> bool:
    import kombu

    connect: Any = getattr(kombu, "Connection")  # noqa: B009  (the package fills its names in when asked)
    try:
        with connect(url, connect_timeout=2, transport_options={"socket_connect_timeout": 2}) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except Exception:
        return False
    return True


_CHECKS: Final[dict[str, Callable[[Service], str]]] = {
    "database": _database,
    "migrations": _migrations,
    "storage": _storage,
    "disk": _disk,
    WORKERS: _workers,
}
