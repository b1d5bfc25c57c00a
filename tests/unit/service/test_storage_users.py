"""Accounts, tokens and browser sessions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from steatoscope.service.access.rights import Role
from steatoscope.service.storage import users
from steatoscope.service.storage.base import now
from storage_kit import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.database.dispose()


def test_roles_are_those_of_the_access_room() -> None:
    assert set(users.ROLES) == {role.value for role in Role}


def test_user_is_found_whatever_the_case_and_cannot_come_twice(store: Store) -> None:
    with store.database.writing() as session:
        users.add_user(session, "Anna@clinic.org", ["admin", "viewer", "admin"])
    with store.database.writing() as session:
        found = users.user_named(session, "anna@CLINIC.org")
        assert found is not None
        assert found.roles == ["viewer", "admin"]
        with pytest.raises(ValueError, match="already"):
            users.add_user(session, "ANNA@clinic.org", ["viewer"])
        assert users.user_named(session, "anna") is None


@pytest.mark.parametrize("name", ["", " anna", "a b", "-x", "é", "a" * 81, "a\n", "<b>", "../x"])
def test_unfit_names_are_refused(store: Store, name: str) -> None:
    with store.database.writing() as session, pytest.raises(ValueError, match="user name"):
        users.add_user(session, name, ["viewer"])


@pytest.mark.parametrize(("roles", "words"), [([], "at least one"), (["root"], "unknown role")])
def test_unfit_roles_are_refused(store: Store, roles: list[str], words: str) -> None:
    with store.database.writing() as session, pytest.raises(ValueError, match=words):
        users.add_user(session, "anna", roles)


def test_last_administrator_stays(store: Store) -> None:
    with store.database.writing() as session:
        anna = users.add_user(session, "anna", ["admin"])
        bob = users.add_user(session, "bob", ["admin", "viewer"])
        users.set_disabled(session, bob, True)
        changes = (lambda: users.set_disabled(session, anna, True), lambda: users.set_roles(session, anna, ["viewer"]))
        for change in changes:
            with pytest.raises(ValueError, match="last administrator"):
                change()
        users.set_disabled(session, bob, False)
        users.set_roles(session, anna, ["viewer"])
        with pytest.raises(ValueError, match="last administrator"):
            users.set_disabled(session, bob, True)
        users.set_disabled(session, anna, True)
        assert (anna.disabled, bob.disabled) == (True, False)


def test_wrong_passwords_lock_the_account_longer_each_time(store: Store) -> None:
    with store.database.writing() as session:
        anna = users.add_user(session, "anna", ["viewer"])
        assert [users.note_failed_login(session, anna) for _ in range(5)] == [False] * 4 + [True]
        assert anna.locked_until is not None
        assert anna.locked_until - now() < timedelta(minutes=5)
        for _ in range(5):
            users.note_failed_login(session, anna)
        assert timedelta(minutes=9) < anna.locked_until - now() < timedelta(minutes=10)
        for _ in range(200):
            users.note_failed_login(session, anna)
        assert anna.locked_until - now() < timedelta(minutes=61)
        anna.locked_until = now() - timedelta(seconds=1)
        assert not users.is_locked(anna)
        users.note_login(session, anna)
        assert (anna.failed_logins, anna.locked_until) == (0, None)
        assert anna.last_login_at is not None


def test_new_password_ends_sessions_and_lock(store: Store) -> None:
    with store.database.writing() as session:
        anna = users.add_user(session, "anna", ["viewer"])
        opened = users.open_session(session, anna, "s" * 64, longest_s=60, address="::1")
        for _ in range(5):
            users.note_failed_login(session, anna)
        users.set_password_hash(session, anna, "hash", must_change=True)
        assert opened.ended_at is not None
        assert not users.is_locked(anna)
        assert users.session_by_digest(session, "s" * 64, idle_s=60) is None


def test_token_is_valid_until_revoked_expired_or_its_user_is_disabled(store: Store) -> None:
    with store.database.writing() as session:
        users.add_user(session, "root", ["admin"])
        anna = users.add_user(session, "anna", ["viewer"])
        token = users.issue_token(session, anna, "a", digest="a" * 64, scopes=["read", "read"])
        old = users.issue_token(session, anna, "b", digest="b" * 64, expires_at=now() - timedelta(seconds=1))
        assert token.scopes == ["read"]
        assert users.token_by_digest(session, "a" * 64) is token
        assert users.token_by_digest(session, old.digest) is None
        assert users.token_by_digest(session, "c" * 64) is None
        users.set_disabled(session, anna, True)
        assert users.token_by_digest(session, "a" * 64) is None
        users.set_disabled(session, anna, False)
        users.revoke_token(session, token)
        assert users.token_by_digest(session, "a" * 64) is None


def test_use_of_a_token_is_noted_once_a_minute_and_only_by_writers(store: Store) -> None:
    with store.database.writing() as session:
        anna = users.add_user(session, "anna", ["viewer"])
        users.issue_token(session, anna, "a", digest="a" * 64)
    with store.database.reading() as session:
        token = users.token_by_digest(session, "a" * 64)
        assert token is not None
        assert token.last_used_at is None
        assert users.touch_due(token.last_used_at)
    with store.database.writing() as session:
        token = users.token_by_digest(session, "a" * 64)
        assert token is not None
        first = token.last_used_at
        assert first is not None
        assert users.token_by_digest(session, "a" * 64) is token
        assert token.last_used_at == first
        token.last_used_at = now() - timedelta(seconds=61)
        users.token_by_digest(session, "a" * 64)
        assert token.last_used_at > first


def test_session_ends_by_age_by_idleness_and_by_hand(store: Store) -> None:
    with store.database.writing() as session:
        anna = users.add_user(session, "anna", ["viewer"])
        opened = users.open_session(session, anna, "s" * 64, longest_s=3600, address="::1")
        assert users.session_by_digest(session, "s" * 64, idle_s=60) is opened
        opened.last_seen_at = now() - timedelta(seconds=59)
        assert users.session_by_digest(session, "s" * 64, idle_s=60) is opened
        assert now() - opened.last_seen_at < timedelta(seconds=5)
        opened.last_seen_at = now() - timedelta(seconds=61)
        assert users.session_by_digest(session, "s" * 64, idle_s=60) is None
        assert users.session_by_digest(session, "s" * 64, idle_s=600) is opened
        opened.expires_at = now()
        assert users.session_by_digest(session, "s" * 64, idle_s=600) is None
        other = users.open_session(session, anna, "o" * 64, longest_s=3600, address="::1")
        users.end_session(session, other)
        assert users.session_by_digest(session, "o" * 64, idle_s=600) is None
        assert users.end_all_sessions(session, anna) == 1
