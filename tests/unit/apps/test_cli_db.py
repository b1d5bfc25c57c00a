"""The ``db`` commands."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from steatoscope.apps.cli.main import run
from steatoscope.service.storage import audit
from steatoscope.service.storage.blobs import FolderBlobs
from steatoscope.service.storage.migrate import current_revision, newest_revision
from storage_kit import Store, fill, open_store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name in ("DATABASE_URL", "STORAGE_URL", "DATA_DIR"):
        monkeypatch.delenv(f"STEATOSCOPE_{name}", raising=False)
    opened = open_store(tmp_path / "data")
    fill(opened)
    return opened


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(folder: Path, *words: str | Path) -> tuple[int, Any]:
        code = run(["db", *map(str, words), "--data-dir", str(folder), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return call


def test_backup_restored_elsewhere_has_the_same_digest(store: Store, call: Any, tmp_path: Path) -> None:
    code, made = call(store.folder, "backup", tmp_path / "b.tar")
    assert (code, made["rows"]["studies"], made["secret"]) == (0, 3, True)
    code, restored = call(tmp_path / "new", "restore", tmp_path / "b.tar")
    assert (code, restored["rows"]) == (0, made["rows"])
    assert call(tmp_path / "new", "digest") == call(store.folder, "digest")
    assert call(tmp_path / "new", "check", "--deep")[0] == 0
    with store.database.reading() as session:
        assert audit.entries(session)[0][0].action == "db.backup"


def test_backup_and_restore_refuse_what_is_there(store: Store, call: Any, tmp_path: Path) -> None:
    call(store.folder, "backup", tmp_path / "b.tar")
    code, document = call(store.folder, "backup", tmp_path / "b.tar")
    assert (code, "exists already" in document["error"]["message"]) == (2, True)
    code, document = call(store.folder, "restore", tmp_path / "b.tar")
    assert (code, "not empty" in document["error"]["message"]) == (2, True)


def test_missing_or_damaged_backup_is_exit_3(store: Store, call: Any, tmp_path: Path) -> None:
    code, document = call(tmp_path / "new", "restore", tmp_path / "none.tar")
    assert (code, document["error"]["code"]) == (3, "E_PATH")
    (tmp_path / "bad.tar").write_bytes(os.urandom(5000))
    code, document = call(tmp_path / "new", "restore", tmp_path / "bad.tar")
    assert (code, document["error"]["code"]) == (3, "E_ARCHIVE")
    assert not (tmp_path / "new" / "steatoscope.db").exists()


def test_backup_with_losses_is_written_and_exit_1(store: Store, call: Any, tmp_path: Path) -> None:
    lost = next(store.blobs.all())
    store.blobs.delete(lost)
    code, made = call(store.folder, "backup", tmp_path / "b.tar")
    assert (code, made["missing"]) == (1, [lost])
    assert (tmp_path / "b.tar").is_file()


def test_check_finds_damage_and_a_cut_audit_trail(store: Store, call: Any) -> None:
    code, first = call(store.folder, "check", "--deep")
    assert (code, first["ok"], first["problems"]) == (0, True, [])
    anchored = json.loads((store.folder / "audit-anchor.json").read_text(encoding="utf-8"))
    assert anchored == {"seq": first["audit"]["seq"], "hash": first["audit"]["hash"]}
    with store.database.writing() as session:
        session.execute(text("DELETE FROM audit WHERE seq = :seq"), {"seq": anchored["seq"]})
    store.blobs.delete(next(store.blobs.all()))
    for _ in range(2):
        code, second = call(store.folder, "check")
        assert (code, second["ok"]) == (1, False)
        assert "its end is missing" in second["audit"]["problems"][0]
        assert "is missing" in second["problems"][0]


def test_gc_removes_old_garbage_and_says_so(store: Store, call: Any) -> None:
    assert isinstance(store.blobs, FolderBlobs)
    old, _ = store.blobs.put_bytes(b"old")
    os.utime(store.blobs.path(old), (1, 1))
    store.blobs.put_bytes(b"young")
    assert call(store.folder, "gc") == (0, {"contents": 1, "bytes": 3, "half_written": 0})
    assert not store.blobs.exists(old)
    assert call(store.folder, "gc", "--older-than", "0")[0] == 2


def test_upgrade_and_downgrade(call: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert call(folder, "upgrade") == (0, {"before": None, "after": newest_revision()})
    assert call(folder, "upgrade")[1]["before"] == newest_revision()
    url = f"sqlite:///{folder / 'steatoscope.db'}"
    assert call(folder, "downgrade", "0001")[0] == 2
    assert call(folder, "downgrade", "77", "--yes")[0] == 2
    assert current_revision(url) == newest_revision()
    assert call(folder, "downgrade", "0001", "--yes") == (0, {"before": newest_revision(), "after": "0001"})
    assert current_revision(url) == "0001"
    assert call(folder, "upgrade")[1] == {"before": "0001", "after": newest_revision()}
    assert call(folder, "check")[0] == 0


def test_words_for_people(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "check", "--data-dir", str(store.folder)]) == 0
    assert capsys.readouterr().out == "all is well\n"
