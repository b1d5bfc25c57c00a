"""Backup, restore, consistency and garbage, on SQLite and a folder."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from steatoscope.service.storage import audit
from steatoscope.service.storage.base import now
from steatoscope.service.storage.blobs import FolderBlobs, open_blobs
from steatoscope.service.storage.database import Database
from steatoscope.service.storage.maintenance import (
    BackupError,
    NotEmptyError,
    backup,
    check_consistency,
    collect_garbage,
    installation_digest,
    restore,
    verify_backup,
)
from steatoscope.service.storage.tables import Blob, Study
from storage_kit import Store, fill, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "data")
    fill(opened)
    yield opened
    opened.database.dispose()


def _digest(store: Store) -> str:
    return installation_digest(store.database, store.blobs)


def _restored(source: Path, folder: Path) -> Store:
    folder.mkdir()
    url, blobs = f"sqlite:///{folder / 'steatoscope.db'}", open_blobs(str(folder / "files"))
    restore(source, url, blobs, folder)
    return Store(Database(url), blobs, folder)


def test_restored_backup_equals_the_original(store: Store, tmp_path: Path) -> None:
    manifest = backup(store.database, store.blobs, store.folder, tmp_path / "backup.tar")
    assert (tmp_path / "backup.tar").stat().st_mode & 0o777 == 0o600
    assert (manifest["blobs"]["missing"], manifest["blobs"]["damaged"]) == ([], [])
    again = _restored(tmp_path / "backup.tar", tmp_path / "again")
    assert _digest(again) == _digest(store)
    assert sorted(again.blobs.all()) == sorted(store.blobs.all())
    assert (again.folder / "secret.key").read_text(encoding="ascii") == "5" * 64
    assert (again.folder / "secret.key").stat().st_mode & 0o777 == 0o600
    with again.database.reading() as session:
        assert audit.verify_chain(session, audit.Anchor(**manifest["audit"])) == []
        assert check_consistency(session, again.blobs, deep=True) == []
    backup(again.database, again.blobs, again.folder, tmp_path / "second.tar")
    with tarfile.open(tmp_path / "backup.tar") as one, tarfile.open(tmp_path / "second.tar") as two:
        assert [m.name for m in one] == [m.name for m in two]
    again.database.dispose()


def test_digest_sees_every_row_and_every_byte(store: Store) -> None:
    seen = {_digest(store)}
    changes = (
        "UPDATE settings SET updated_by = 'x'",
        "UPDATE jobs SET progress = progress + 0.001",
        "UPDATE studies SET acquired_on = '2024-03-01'",
        "DELETE FROM tokens",
    )
    for k, change in enumerate(changes, 2):
        with store.database.writing() as session:
            session.execute(text(change))
        seen.add(_digest(store))
        assert len(seen) == k
    assert isinstance(store.blobs, FolderBlobs)
    path = store.blobs.path(next(store.blobs.all()))
    path.write_bytes(path.read_bytes() + b"x")
    seen.add(_digest(store))
    assert len(seen) == len(changes) + 2


def test_backup_while_others_write_is_of_one_moment(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from steatoscope.service.storage import backup as module

    real = module._add_rows

    def add_rows(writer: Any, session: Any, table: Any, beside: Path) -> Any:
        with store.database.writing() as other:
            audit.record(other, actor="busy", action=f"write.{table.name}")
        return real(writer, session, table, beside)

    monkeypatch.setattr(module, "_add_rows", add_rows)
    before = _digest(store)
    backup(store.database, store.blobs, store.folder, tmp_path / "backup.tar")
    assert _digest(store) != before
    again = _restored(tmp_path / "backup.tar", tmp_path / "again")
    assert _digest(again) == before
    again.database.dispose()


def test_lost_contents_are_named_and_the_rest_is_saved(store: Store, tmp_path: Path) -> None:
    assert isinstance(store.blobs, FolderBlobs)
    first, second, *rest = store.blobs.all()
    store.blobs.delete(first)
    store.blobs.path(second).write_bytes(b"rotten")
    manifest = backup(store.database, store.blobs, store.folder, tmp_path / "backup.tar")
    assert (manifest["blobs"]["missing"], manifest["blobs"]["damaged"]) == ([first], [second])
    again = _restored(tmp_path / "backup.tar", tmp_path / "again")
    assert list(again.blobs.all()) == rest
    again.database.dispose()


def test_backup_refuses_to_overwrite_and_an_old_database(store: Store, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    target.write_bytes(b"")
    with pytest.raises(NotEmptyError, match="exists"):
        backup(store.database, store.blobs, store.folder, target)
    with store.database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(BackupError, match="migrate it first"):
        backup(store.database, store.blobs, store.folder, tmp_path / "other.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar", "data"]


def test_restore_refuses_an_installation_that_is_not_empty(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "backup.tar"
    backup(store.database, store.blobs, store.folder, source)
    before = _digest(store)
    with pytest.raises(NotEmptyError, match="database is not empty"):
        restore(source, store.database.url, open_blobs(str(tmp_path / "new")), tmp_path / "new")
    url = f"sqlite:///{tmp_path / 'new.db'}"
    with pytest.raises(NotEmptyError, match="file store is not empty"):
        restore(source, url, store.blobs, tmp_path / "new")
    with pytest.raises(NotEmptyError, match="secret"):
        restore(source, url, open_blobs(str(tmp_path / "new")), store.folder)
    assert _digest(store) == before


def _rewritten(source: Path, target: Path, change: Callable[[str, bytes], list[tuple[str, bytes]]]) -> Path:
    """The archive with each member replaced by what ``change`` makes of it."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for info in old:
            stream = old.extractfile(info)
            assert stream is not None
            for name, content in change(info.name, stream.read()):
                fresh = tarfile.TarInfo(name)
                fresh.size = len(content)
                new.addfile(fresh, io.BytesIO(content))
    return target


def _manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[str, bytes], list[tuple[str, bytes]]]:
    def replace(name: str, content: bytes) -> list[tuple[str, bytes]]:
        if name == "manifest.json":
            document = json.loads(content)
            change(document)
            content = json.dumps(document).encode()
        return [(name, content)]

    return replace


def _also(extra: str) -> Callable[[str, bytes], list[tuple[str, bytes]]]:
    return lambda name, content: [(name, content)] + ([(extra, b"x")] if name == "secret.key" else [])


_FORGERIES: dict[str, tuple[Callable[[str, bytes], list[tuple[str, bytes]]], str]] = {
    "rows": (lambda n, c: [(n, c.replace(b"anna", b"hann"))], "rows of"),
    "content": (lambda n, c: [(n, c[:-1] + b"!" if n.startswith("blobs/") else c)], "contents are not"),
    "content left out": (lambda n, c: [] if n.startswith("blobs/") else [(n, c)], "contents are not"),
    "secret": (lambda n, c: [(n, b"6" * 64 if n == "secret.key" else c)], "secret is not"),
    "no manifest": (lambda n, c: [] if n == "manifest.json" else [(n, c)], "no manifest"),
    "member twice": (lambda n, c: [(n, c)] * (2 if n == "secret.key" else 1), "twice"),
    "table left out": (lambda n, c: [] if n == "rows/users.jsonl" else [(n, c)], "rows of users"),
    "format": (_manifest(lambda m: m.update(format="steatoscope.backup/9")), "not of the format"),
    "revision": (_manifest(lambda m: m.update(revision="9999")), "newer version"),
    "manifest not whole": (_manifest(lambda m: m.pop("blobs")), "not complete"),
    "traversal": (_also("../../evil"), "no backup of this format"),
    "absolute": (_also("/etc/evil"), "no backup of this format"),
    "other name": (_also("blobs/aa/../../x"), "no backup of this format"),
    "after the manifest": (lambda n, c: [(n, c)] + ([("secret.key", c)] if n == "manifest.json" else []), "goes on"),
}


@pytest.mark.parametrize("name", sorted(_FORGERIES))
def test_changed_backup_is_refused_and_nothing_is_written(store: Store, tmp_path: Path, name: str) -> None:
    change, words = _FORGERIES[name]
    backup(store.database, store.blobs, store.folder, tmp_path / "good.tar")
    bad = _rewritten(tmp_path / "good.tar", tmp_path / "bad.tar", change)
    with pytest.raises(BackupError, match=words):
        restore(bad, f"sqlite:///{tmp_path / 'new.db'}", open_blobs(str(tmp_path / "new")), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "new.db").exists()


def test_link_in_a_backup_is_refused(store: Store, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        link = tarfile.TarInfo("secret.key")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(BackupError, match=r"secret\.key"):
        verify_backup(tmp_path / "bad.tar")


def test_cut_backup_is_refused_wherever_it_is_cut(store: Store, tmp_path: Path) -> None:
    backup(store.database, store.blobs, store.folder, tmp_path / "good.tar")
    whole = (tmp_path / "good.tar").read_bytes()
    end = len(whole.rstrip(b"\0"))
    for share in (0.0, 0.01, 0.3, 0.5, 0.9, 0.999):
        (tmp_path / "cut.tar").write_bytes(whole[: int(end * share)])
        with pytest.raises(BackupError):
            verify_backup(tmp_path / "cut.tar")


def test_restore_that_fails_leaves_the_target_empty(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(store.database, store.blobs, store.folder, tmp_path / "backup.tar")
    blobs = FolderBlobs(tmp_path / "new" / "files")
    real, calls = blobs.put_stream, iter(range(100))

    def put(source: Any) -> tuple[str, int]:
        if next(calls) == 3:
            raise OSError("disk full")
        return real(source)

    monkeypatch.setattr(blobs, "put_stream", put)
    url = f"sqlite:///{tmp_path / 'new.db'}"
    with pytest.raises(OSError, match="disk full"):
        restore(tmp_path / "backup.tar", url, blobs, tmp_path / "new")
    assert list(blobs.all()) == []
    monkeypatch.undo()
    restore(tmp_path / "backup.tar", url, blobs, tmp_path / "new")


def test_backup_and_restore_need_little_memory(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data")
    with store.database.writing() as session:
        from storage_kit import add_done_study

        add_done_study(session, store.blobs, "S-1", content=os.urandom(1024) * 40 * 1024)
    tracemalloc.start()
    backup(store.database, store.blobs, store.folder, tmp_path / "backup.tar")
    _restored(tmp_path / "backup.tar", tmp_path / "again").database.dispose()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    store.database.dispose()
    assert peak < 16 * 1024 * 1024  # the content alone has 40 MiB


def _problems(store: Store, *, deep: bool = False) -> list[str]:
    with store.database.reading() as session:
        return check_consistency(session, store.blobs, deep=deep)


def test_whole_installation_has_no_problem(store: Store) -> None:
    assert _problems(store, deep=True) == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE studies SET current_result_id = 'gone' WHERE description != ''", "names a current result"),
        ("UPDATE studies SET current_result_id = (SELECT max(id) FROM results)", "names a current result"),
        ("DELETE FROM jobs", "has no job"),
        ("DELETE FROM jobs", "names a job that is gone"),
        ("UPDATE studies SET current_result_id = NULL", "done but has no result"),
        ("DELETE FROM files", "has no files"),
        ("DELETE FROM result_files WHERE name = 'report.json'", "has no report.json"),
        ("UPDATE corrections SET base_result_id = 'gone'", "names a result or a job that is gone"),
        ("UPDATE files SET size = size + 1", "bytes instead of"),
        ("UPDATE blobs SET size = size + 1", "bytes instead of"),
    ],
)
def test_rows_that_do_not_fit_are_found(store: Store, damage: str, words: str) -> None:
    with store.database.writing() as session:
        session.execute(text(damage))
    assert any(words in problem for problem in _problems(store))


def test_rows_without_their_parents_are_found(store: Store) -> None:
    with store.database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA foreign_keys=OFF")
        raw.execute("DELETE FROM patients")
        raw.execute("PRAGMA foreign_keys=ON")
    assert any("refers to a row of patients that is gone" in problem for problem in _problems(store))


def test_lost_damaged_and_unused_contents_are_found(store: Store) -> None:
    assert isinstance(store.blobs, FolderBlobs)
    first, second, *_ = store.blobs.all()
    store.blobs.delete(first)
    content = store.blobs.path(second).read_bytes()
    store.blobs.path(second).write_bytes(bytes(len(content)))
    young, _ = store.blobs.put_bytes(b"young")
    old, _ = store.blobs.put_bytes(b"old")
    os.utime(store.blobs.path(old), (1, 1))
    shallow, deep = "\n".join(_problems(store)), "\n".join(_problems(store, deep=True))
    assert f"{first} is missing" in shallow
    assert f"{old} is used by nothing" in shallow
    assert young not in shallow
    assert second not in shallow
    assert f"{second} is damaged" in deep


def test_garbage_is_what_nobody_uses_and_is_older_than_the_grace(store: Store) -> None:
    assert isinstance(store.blobs, FolderBlobs)
    used = set(store.blobs.all())
    for sha256 in used:
        os.utime(store.blobs.path(sha256), (1, 1))
    young, _ = store.blobs.put_bytes(b"young")
    old, _ = store.blobs.put_bytes(b"old")
    os.utime(store.blobs.path(old), (1, 1))
    with store.database.writing() as session:
        session.add(Blob(sha256=old, size=3, created_at=now().replace(year=2020)))
        session.add(Blob(sha256=young, size=5))
    with store.database.writing() as session:
        assert collect_garbage(session, store.blobs, 3600) == {"contents": 1, "bytes": 3, "half_written": 0}
    assert set(store.blobs.all()) == used | {young}
    with store.database.reading() as session:
        assert session.get(Blob, old) is None
        assert session.get(Blob, young) is not None
        assert session.query(Study).count() == 3
    assert _problems(store, deep=True) == []


def test_garbage_spares_a_content_that_is_stored_again_at_that_moment(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(store.blobs, FolderBlobs)
    old, _ = store.blobs.put_bytes(b"old")
    os.utime(store.blobs.path(old), (1, 1))
    real = store.blobs.facts

    def facts(sha256: str) -> Any:
        found = real(sha256)
        store.blobs.put_bytes(b"old")  # a new study takes the content just now
        return found

    monkeypatch.setattr(store.blobs, "facts", facts)
    with store.database.reading() as session:
        assert collect_garbage(session, store.blobs, 3600)["contents"] == 0
    assert store.blobs.exists(old)
