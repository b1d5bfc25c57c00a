"""One door to the database: an engine made for its kind, and sessions that commit or roll back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

import steatoscope.service.storage.tables  # noqa: F401  (all tables are known before the first flush)

_BUSY_MS = 15_000
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-32000")


def normalised_url(url: str) -> str:
    """The URL with the driver that this project installs: ``postgresql://`` and ``postgres://`` mean psycopg 3."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url[len(prefix) :]
    return url


def make_engine(url: str) -> Engine:
    """An engine with foreign keys on; SQLite runs in WAL mode and takes its write lock when a writer begins."""
    parsed = make_url(normalised_url(url))
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20)
    file = {} if parsed.database in (None, "", ":memory:") else {"pool_size": 16, "max_overflow": 64}
    waits = {"timeout": _BUSY_MS / 1000, "check_same_thread": False}
    engine = create_engine(parsed, connect_args=waits, **file)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows ASCII letters only
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-32000",
        f"busy_timeout={_BUSY_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: Any) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Database:
    """The database behind one URL. ``reading()`` gives a session to look, ``writing()`` one that commits at the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = make_engine(url)
        self._reader = sessionmaker(self.engine, expire_on_commit=False)
        self._writer = sessionmaker(self.engine.execution_options(writes=True), expire_on_commit=False)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session for reading; nothing is committed."""
        with self._reader() as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits when the block ends well and rolls back when it raises."""
        with self._writer.begin() as session:
            yield session

    def dispose(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()


def is_writing(session: Session) -> bool:
    """Whether a session came from ``writing()``: only then may a look-up also note that it took place."""
    return bool(session.get_bind().get_execution_options().get("writes", False))
