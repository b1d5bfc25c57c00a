"""Brings a database to the tables of this version, and back. Several processes may start at once: one migrates."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import make_url

from steatoscope.service.storage.database import make_engine, normalised_url

_HERE = Path(__file__).parent / "migrations"
_LOCK: Final = 0x53544D49
_PATIENCE_S: Final = 120


class NewerDatabaseError(ValueError):
    """The database was made by a newer version of the program."""


def alembic_config(url: str) -> Config:
    """Alembic's configuration for one database; no file is needed."""
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = normalised_url(url)
    return config


def newest_revision() -> str:
    """The revision that this version of the program works with."""
    head = ScriptDirectory(str(_HERE)).get_current_head()
    assert head is not None
    return head


def known_revisions() -> list[str]:
    """All revisions that this version knows, oldest first."""
    return [script.revision for script in reversed(list(ScriptDirectory(str(_HERE)).walk_revisions()))]


def current_revision(url: str) -> str | None:
    """The revision of a database; None where it has no tables of ours."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up to a revision (default: the newest); quick where nothing is to do.

    Raises NewerDatabaseError where the database is of a revision that this version does not know.
    """
    target = newest_revision() if revision == "head" else revision
    with _alone(url):
        current = current_revision(url)
        if current == target:
            return
        if current is not None and current not in known_revisions():
            raise NewerDatabaseError(f"the database is of revision {current}, made by a newer version of Steatoscope")
        command.upgrade(alembic_config(url), target)


def downgrade(url: str, revision: str) -> None:
    """Migrate down to a revision ("base": no tables)."""
    with _alone(url):
        command.downgrade(alembic_config(url), revision)


@contextmanager
def _alone(url: str) -> Iterator[None]:
    """Only one process at a time; the lock ends with the process that holds it."""
    parsed = make_url(normalised_url(url))
    lock = _sqlite_lock(parsed.database) if parsed.get_backend_name() == "sqlite" else _postgresql_lock(url)
    with lock:
        yield


@contextmanager
def _sqlite_lock(path: str | None) -> Iterator[None]:
    """An empty database beside the real one is the lock: it works wherever SQLite does."""
    if not path or path == ":memory:":
        yield
        return
    with closing(sqlite3.connect(f"{path}.lock", timeout=_PATIENCE_S, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def _postgresql_lock(url: str) -> Iterator[None]:
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
            yield
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
    finally:
        engine.dispose()
