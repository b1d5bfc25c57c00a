"""The storage on PostgreSQL and with many processes: migrations, one audit chain, backups across databases."""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import IntegrityError

from steatoscope.service.storage import audit, patients, results, users
from steatoscope.service.storage.blobs import open_blobs
from steatoscope.service.storage.contents import used
from steatoscope.service.storage.database import Database, make_engine
from steatoscope.service.storage.dump import dumped_tables, lines
from steatoscope.service.storage.maintenance import (
    NotEmptyError,
    backup,
    check_consistency,
    collect_garbage,
    installation_digest,
    restore,
)
from steatoscope.service.storage.migrate import alembic_config, current_revision, downgrade, newest_revision, upgrade
from steatoscope.service.storage.tables import AuditEntry, Base, Job, Patient, Result
from storage_kit import Store, add_done_study, fill, open_store, report_of

pytestmark = pytest.mark.service
_SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of either kind."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'steatoscope.db'}"


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "data", url=url)
    yield opened
    opened.database.dispose()


def test_tables_equal_the_models_after_up_down_and_up(postgres_url: str) -> None:
    for _ in range(2):
        upgrade(postgres_url)
        config = alembic_config(postgres_url)
        config.stdout = io.StringIO()
        command.check(config)
        downgrade(postgres_url, "base")
        engine = make_engine(postgres_url)
        assert inspect(engine).get_table_names() == ["alembic_version"]
        engine.dispose()


def _dump(database: Database) -> bytes:
    with database.reading() as session:
        return b"".join(line for table in dumped_tables() for line in lines(session, table))


def test_rows_survive_the_way_down_and_up(postgres_url: str, tmp_path: Path) -> None:
    store = open_store(tmp_path, url=postgres_url)
    fill(store)
    before = _dump(store.database)
    store.database.dispose()
    downgrade(postgres_url, "0001")
    upgrade(postgres_url)
    assert _dump(store.database) == before
    store.database.dispose()


def test_many_processes_may_migrate_at_once(url: str) -> None:
    with ProcessPoolExecutor(4, mp_context=_SPAWN) as pool:
        list(pool.map(upgrade, [url] * 8))
    assert current_revision(url) == newest_revision()
    engine = make_engine(url)
    assert set(inspect(engine).get_table_names()) == set(Base.metadata.tables) | {"alembic_version"}
    engine.dispose()


def _write_entries(url: str, writer: int, count: int) -> None:
    """From one process: entries of four threads, every fifth transaction rolled back."""
    database = Database(url)

    def one(k: int) -> None:
        try:
            with database.writing() as session:
                audit.record(session, actor=f"writer-{writer}", action="entry.write", details={"k": k})
                if k % 5 == 4:
                    raise RuntimeError("rolled back")
        except RuntimeError:
            pass

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(one, range(count)))
    database.dispose()


def test_many_writers_keep_one_unbroken_chain(store: Store) -> None:
    with ProcessPoolExecutor(3, mp_context=_SPAWN) as pool:
        futures = [pool.submit(_write_entries, store.database.url, writer, 25) for writer in range(3)]
        for future in futures:
            future.result()
    with store.database.reading() as session:
        assert audit.verify_chain(session) == []
        assert audit.anchor(session).seq == 60
        per_writer = session.execute(select(AuditEntry.actor, func.count()).group_by(AuditEntry.actor)).all()
    assert sorted(tuple(row) for row in per_writer) == [(f"writer-{n}", 20) for n in range(3)]


def test_changed_row_breaks_the_chain(store: Store) -> None:
    fill(store)
    with store.database.writing() as session:
        session.execute(text("UPDATE audit SET actor = 'forged' WHERE seq = 2"))
    with store.database.reading() as session:
        assert audit.verify_chain(session) == ["entry 2 was changed"]


def _make_patient(url: str, n: int) -> str:
    database = Database(url)
    with database.writing() as session:
        found = patients.patient_for(session, f"S-{n % 5}").id
        audit.record(session, actor="a", action="patient.add")
    database.dispose()
    return found


def test_patient_made_twice_at_once_is_one(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda n: _make_patient(store.database.url, n), range(40)))
    with store.database.reading() as session:
        assert {row.id for row in session.scalars(select(Patient))} == set(ids)
        assert len(set(ids)) == 5
        assert audit.verify_chain(session) == []


def test_job_that_ends_twice_at_once_has_one_result(store: Store) -> None:
    with store.database.writing() as session:
        study = add_done_study(session, store.blobs, "S-1")
        jobs = [Job(study_id=study.id) for _ in range(3)]
        session.add_all(jobs)
        session.flush()
        names = [job.id for job in jobs] * 4

    def end(name: str) -> str:
        with store.database.writing() as session:
            return results.add_result(session, session.get_one(Job, name), report_of(), []).id

    with ThreadPoolExecutor(6) as threads:
        ids = list(threads.map(end, names))
    with store.database.reading() as session:
        rows = session.scalars(select(Result).where(Result.study_id == study.id)).all()
    assert sorted(row.version for row in rows) == [1, 2, 3, 4]
    assert len(set(ids)) == 3


def test_two_administrators_cannot_remove_each_other(store: Store) -> None:
    with store.database.writing() as session:
        for name in ("anna", "bob"):
            users.add_user(session, name, ["admin"])

    def disable(name: str) -> bool:
        try:
            with store.database.writing() as session:
                user = users.user_named(session, name)
                assert user is not None
                users.set_disabled(session, user, True)
        except ValueError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(disable, ["anna", "bob"])) == [False, True]


def test_every_wrong_password_counts(store: Store) -> None:
    with store.database.writing() as session:
        users.add_user(session, "anna", ["viewer"])

    def fail(_: int) -> None:
        with store.database.writing() as session:
            user = users.user_named(session, "anna")
            assert user is not None
            users.note_failed_login(session, user)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(fail, range(12)))
    with store.database.reading() as session:
        user = users.user_named(session, "anna")
        assert user is not None
        assert user.failed_logins == 12
        assert users.is_locked(user)


def _kind(kind: str, request: pytest.FixtureRequest, tmp_path: Path, name: str) -> str:
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / name}.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


def _second(request: pytest.FixtureRequest, url: str) -> str:
    """Another database on the same server, dropped with the test."""
    engine = make_engine(url).execution_options(isolation_level="AUTOCOMMIT")
    other = url + "_b"
    name = other.rpartition("/")[2]
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))

    def drop() -> None:
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        engine.dispose()

    request.addfinalizer(drop)
    return other


@pytest.mark.parametrize(
    ("source", "target"), [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("postgresql", "postgresql")]
)
@pytest.mark.parametrize("storage", ["folder", "memory"])
def test_backup_of_one_database_restores_into_another(
    request: pytest.FixtureRequest, tmp_path: Path, source: str, target: str, storage: str
) -> None:
    first = open_store(tmp_path / "one", url=_kind(source, request, tmp_path, "one"))
    fill(first)
    backup(first.database, first.blobs, first.folder, tmp_path / "backup.tar")
    url = _kind(target, request, tmp_path, "two")
    url = _second(request, url) if source == target else url
    blobs = open_blobs(str(tmp_path / "two") if storage == "folder" else f"memory://{tmp_path.name}-{target}")
    restore(tmp_path / "backup.tar", url, blobs, tmp_path / "new")
    second = Database(url)
    assert installation_digest(second, blobs) == installation_digest(first.database, first.blobs)
    with second.reading() as session:
        assert audit.verify_chain(session) == []
        assert check_consistency(session, blobs, deep=True) == []
        assert session.scalar(select(func.count()).select_from(Job).where(Job.error.is_(None))) == 3
    with second.writing() as session:
        audit.record(session, actor="a", action="after.restore")
        add_done_study(session, blobs, "S-new")
    second.dispose()
    with pytest.raises(NotEmptyError):
        restore(tmp_path / "backup.tar", url, open_blobs(str(tmp_path / "three")), tmp_path / "three")
    first.database.dispose()


def test_backup_while_others_write_is_of_one_moment(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from steatoscope.service.storage import backup as module

    store = open_store(tmp_path / "data", url=postgres_url)
    fill(store)
    real: Callable[..., Any] = module._add_rows

    def add_rows(writer: Any, session: Any, table: Any, beside: Path) -> Any:
        with store.database.writing() as other:
            add_done_study(other, store.blobs, f"S-{table.name}")
            audit.record(other, actor="busy", action=f"write.{table.name}")
        return real(writer, session, table, beside)

    monkeypatch.setattr(module, "_add_rows", add_rows)
    before = installation_digest(store.database, store.blobs)
    backup(store.database, store.blobs, store.folder, tmp_path / "backup.tar")
    assert installation_digest(store.database, store.blobs) != before
    url, blobs = f"sqlite:///{tmp_path / 'new.db'}", open_blobs(str(tmp_path / "new"))
    restore(tmp_path / "backup.tar", url, blobs, tmp_path / "new")
    again = Database(url)
    assert installation_digest(again, blobs) == before
    again.dispose()
    store.database.dispose()


def test_erasure_during_a_backup_leaves_no_trace_in_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    real, done = store.blobs.facts, []

    def facts(sha256: str) -> Any:
        if not done:
            done.append(True)
            with store.database.writing() as session:
                patient = patients.patient_named(session, "S-1")
                assert patient is not None
                patients.erase_patient(session, store.blobs, patient)
        return real(sha256)

    monkeypatch.setattr(store.blobs, "facts", facts)
    manifest = backup(store.database, store.blobs, store.folder, tmp_path / "backup.tar")
    assert (manifest["rows"]["studies"]["count"], manifest["blobs"]["missing"]) == (2, [])
    assert b"Name of S-1" not in (tmp_path / "backup.tar").read_bytes()


def test_erasure_and_garbage(store: Store) -> None:
    fill(store)
    before = set(store.blobs.all())
    with store.database.writing() as session:
        patient = patients.patient_named(session, "S-0")
        assert patient is not None
        patients.erase_patient(session, store.blobs, patient)
    with store.database.writing() as session:
        assert set(store.blobs.all()) == set(used(session)) < before
        assert collect_garbage(session, store.blobs, 3600)["contents"] == 0
        assert check_consistency(session, store.blobs, deep=True) == []


def test_second_result_of_a_job_is_impossible_in_the_table_itself(postgres_url: str, tmp_path: Path) -> None:
    store = open_store(tmp_path, url=postgres_url)
    with store.database.writing() as session:
        study = add_done_study(session, store.blobs, "S-1")
        job_id = session.scalars(select(Result.job_id)).one()
    with pytest.raises(IntegrityError), store.database.writing() as session:
        session.add(Result(study_id=study.id, job_id=job_id, version=2, report={}, report_digest="", status="ok"))
    store.database.dispose()
