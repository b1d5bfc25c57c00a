"""Migrations on SQLite: up, down, up again; nothing is lost on the way."""

from __future__ import annotations

import io
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import inspect, select, text

from steatoscope.service.storage import audit
from steatoscope.service.storage.database import Database, make_engine
from steatoscope.service.storage.migrate import (
    NewerDatabaseError,
    alembic_config,
    current_revision,
    downgrade,
    known_revisions,
    newest_revision,
    upgrade,
)
from steatoscope.service.storage.tables import Base, Result
from storage_kit import Store, fill, open_store


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'steatoscope.db'}"


def _tables(url: str) -> set[str]:
    engine = make_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_tables_equal_the_models_after_up_down_and_up(url: str) -> None:
    for _ in range(2):
        upgrade(url)
        assert current_revision(url) == newest_revision()
        config = alembic_config(url)
        config.stdout = io.StringIO()
        command.check(config)
        assert _tables(url) == set(Base.metadata.tables) | {"alembic_version"}
        downgrade(url, "base")
        assert current_revision(url) is None
        assert _tables(url) == {"alembic_version"}


def test_each_step_can_be_taken_back(url: str) -> None:
    for revision in known_revisions():
        upgrade(url, revision)
        assert current_revision(url) == revision
    for revision in reversed(known_revisions()[:-1]):
        downgrade(url, revision)
        assert current_revision(url) == revision


def _all_rows(database: Database, *, without: str = "") -> dict[str, list[dict[str, Any]]]:
    with database.reading() as session:
        return {
            table.name: [
                {key: value for key, value in row.items() if key != without}
                for row in session.execute(select(table).order_by(*table.primary_key.columns)).mappings()
            ]
            for table in Base.metadata.sorted_tables
        }


def test_rows_survive_the_way_down_and_up(tmp_path: Path) -> None:
    store: Store = open_store(tmp_path)
    fill(store)
    before = _all_rows(store.database)
    assert {row["simulated"] for row in before["results"]} == {True}
    with store.database.writing() as session:
        plain = session.scalars(select(Result)).first()
        assert plain is not None
        plain.report = {**plain.report, "quality": {"status": "ok", "codes": []}}
        plain.simulated = False
    before = _all_rows(store.database)
    store.database.dispose()
    downgrade(store.database.url, "0001")
    engine = make_engine(store.database.url)
    assert "simulated" not in {column["name"] for column in inspect(engine).get_columns("results")}
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM result_files")) == len(before["result_files"]) > 0
        assert connection.scalar(text("SELECT count(*) FROM reviews")) == 1
    engine.dispose()
    upgrade(store.database.url)
    assert _all_rows(store.database) == before
    with store.database.reading() as session:
        assert audit.verify_chain(session) == []
    store.database.dispose()


def test_failed_migration_changes_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    upgrade(url, "0001")
    before = _tables(url)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(op, "create_index", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        upgrade(url)
    monkeypatch.undo()
    assert (current_revision(url), _tables(url)) == ("0001", before)
    engine = make_engine(url)
    assert "simulated" not in {column["name"] for column in inspect(engine).get_columns("results")}
    engine.dispose()
    upgrade(url)


def test_newer_database_is_left_alone(url: str) -> None:
    upgrade(url)
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(NewerDatabaseError, match="newer version"):
        upgrade(url)
    assert current_revision(url) == "9999"


def test_nothing_to_do_is_quick(url: str) -> None:
    upgrade(url)
    began = time.perf_counter()
    upgrade(url)
    assert time.perf_counter() - began < 0.5  # about 10 ms on an idle machine


def test_migrations_leave_logging_alone(url: str) -> None:
    root, own = logging.getLogger(), logging.getLogger("steatoscope.test")
    own.setLevel(logging.DEBUG)
    before = (root.level, list(root.handlers), own.disabled)
    upgrade(url)
    downgrade(url, "base")
    assert (root.level, list(root.handlers), own.disabled) == before
    assert own.isEnabledFor(logging.DEBUG)
