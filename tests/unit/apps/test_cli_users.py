"""The ``users`` commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steatoscope.apps.cli.main import run
from steatoscope.service.access.passwords import digest_of, verify_password
from steatoscope.service.storage import audit, users
from steatoscope.service.storage.database import Database


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE_URL", "STORAGE_URL", "DATA_DIR"):
        monkeypatch.delenv(f"STEATOSCOPE_{name}", raising=False)
    return tmp_path / "data"


def _call(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, Any]:
    code = run(["users", *words, "--data-dir", str(folder), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_added_user_can_sign_in_and_use_the_token(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, made = _call(capsys, folder, "add", "anna", "--role", "clinician", "--role", "admin")
    assert code == 0
    assert set(made) == {"user", "password", "token"}
    assert made["user"] == "anna"
    database = Database(f"sqlite:///{folder / 'steatoscope.db'}")
    with database.reading() as session:
        user = users.user_named(session, "anna")
        assert user is not None
        assert user.roles == ["clinician", "admin"]
        assert verify_password(user.password_hash, made["password"])
        token = users.token_by_digest(session, digest_of(made["token"]))
        assert token is not None
        assert (token.user_id, token.scopes) == (user.id, [])
        entries, total = audit.entries(session)
        assert (total, entries[0].actor, entries[0].action) == (1, "command line", "user.add")
        assert made["password"] not in repr(entries[0].details)
    database.dispose()
    raw = b"".join(path.read_bytes() for path in folder.glob("steatoscope.db*"))
    assert made["password"].encode() not in raw
    assert made["token"].encode() not in raw


def test_disable_enable_roles_password_and_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _call(capsys, folder, "add", "root", "--role", "admin")
    first = _call(capsys, folder, "add", "anna", "--role", "viewer")[1]
    assert _call(capsys, folder, "disable", "ANNA") == (0, {"user": "anna", "disabled": True})
    listed = {row["user"]: row for row in _call(capsys, folder, "list")[1]["users"]}
    assert (listed["anna"]["disabled"], listed["root"]["disabled"]) == (True, False)
    assert _call(capsys, folder, "enable", "anna") == (0, {"user": "anna", "disabled": False})
    assert _call(capsys, folder, "roles", "anna", "--role", "researcher")[1]["roles"] == ["researcher"]
    code, fresh = _call(capsys, folder, "password", "anna")
    assert (code, set(fresh)) == (0, {"user", "password"})
    assert fresh["password"] != first["password"]
    database = Database(f"sqlite:///{folder / 'steatoscope.db'}")
    with database.reading() as session:
        actions = [entry.action for entry in audit.entries(session)[0]]
        assert audit.verify_chain(session) == []
    database.dispose()
    assert actions == ["user.password", "user.roles", "user.enable", "user.disable", "user.add", "user.add"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "anna", "--role", "viewer"), "already"),
        (("add", "a b", "--role", "viewer"), "user name"),
        (("add", "bob", "--role", "boss"), "boss"),
        (("add", "bob"), "--role"),
        (("disable", "nobody"), "no user"),
        (("password", "nobody"), "no user"),
        (("disable", "anna"), "last administrator"),
        (("roles", "anna", "--role", "viewer"), "last administrator"),
        (("list", "--database-url", "nonsense"), "no URL"),
        (("list", "--database-url", "postgresql://u:hidden@127.0.0.1:1/x"), "cannot be used"),
        (("list", "--storage-url", "nonsense://x"), "nonsense"),
    ],
)
def test_wrong_use_is_exit_2_and_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    _call(capsys, folder, "add", "anna", "--role", "admin")
    code, document = _call(capsys, folder, *words)
    assert code == 2
    assert document["error"]["code"] == "E_USAGE"
    assert said in document["error"]["message"]
    assert "hidden" not in json.dumps(document)
    listed = _call(capsys, folder, "list")[1]["users"]
    assert [(row["user"], row["roles"], row["disabled"]) for row in listed] == [("anna", ["admin"], False)]


def test_wrong_setting_is_exit_2(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEATOSCOPE_WORKERS", "many")
    assert _call(capsys, folder, "list")[0] == 2


def test_words_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["users", "add", "anna", "--role", "viewer", "--data-dir", str(folder)]) == 0
    said = capsys.readouterr()
    assert "password: " in said.out
    assert "not shown again" in said.err
    assert run(["users", "list", "--data-dir", str(folder)]) == 0
    assert "anna" in capsys.readouterr().out


def test_data_folder_comes_from_the_environment(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEATOSCOPE_DATA_DIR", str(folder))
    assert run(["users", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"users": []}
    assert (folder / "steatoscope.db").is_file()


def test_new_roles_end_the_sessions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("root", "anna"):
        _call(capsys, folder, "add", name, "--role", "admin")
    database = Database(f"sqlite:///{folder / 'steatoscope.db'}")
    with database.writing() as session:
        user = users.user_named(session, "anna")
        assert user is not None
        users.open_session(session, user, "d" * 64, longest_s=3600, address="")
    for role, alive in (("admin", True), ("viewer", False)):
        assert _call(capsys, folder, "roles", "anna", "--role", role)[0] == 0
        with database.writing() as session:
            assert (users.session_by_digest(session, "d" * 64, idle_s=3600) is not None) is alive
    database.dispose()


def test_a_new_installation_is_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for name in ("anna", "ben"):
        assert run(["users", "add", name, "--role", "viewer", "--data-dir", str(folder)]) == 0
        told.append(f"A new installation was made in {folder}" in capsys.readouterr().err)
    assert told == [True, False]


def test_the_list_for_people_tells_who_is_shut_or_locked_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("anna", "ben", "cleo"):
        _call(capsys, folder, "add", name, "--role", "viewer")
    _call(capsys, folder, "disable", "ben")
    database = Database(f"sqlite:///{folder / 'steatoscope.db'}")
    with database.writing() as session:
        user = users.user_named(session, "cleo")
        assert user is not None
        for _ in range(5):
            users.note_failed_login(session, user)
    database.dispose()
    assert run(["users", "list", "--data-dir", str(folder)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert [lines[name].split()[-1] for name in ("anna", "ben", "cleo")] == ["viewer", "disabled", "locked"]
