"""First run at the same moment, two administrators at the same moment, and limits that several processes share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steatoscope.apps.web import limits
from steatoscope.apps.web.accounts.first_run import make_first_admin
from steatoscope.apps.web.app import create_app
from steatoscope.apps.wiring.service import Service, open_service
from steatoscope.apps.wiring.settings import service_settings
from steatoscope.service.access.passwords import digest_of
from steatoscope.service.storage import users
from steatoscope.service.storage.tables import Token, User

pytestmark = pytest.mark.service
_AT_ONCE = 6


def _at_once(act: Callable[[int], Any]) -> list[Any]:
    """What several threads got that acted at the same moment; a fault is given by its type."""
    start, got = threading.Barrier(_AT_ONCE), list[Any]([None] * _AT_ONCE)

    def run(number: int) -> None:
        start.wait()
        try:
            got[number] = act(number)
        except Exception as fault:
            got[number] = type(fault).__name__

    threads = [threading.Thread(target=run, args=(number,)) for number in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def _race(service: Service) -> None:
    def first(number: int) -> bool:
        with service.database.writing() as session:
            return make_first_admin(session, f"admin{number}", "a long password", reads_scans=False) is not None

    assert sorted(_at_once(first)) == [False] * (_AT_ONCE - 1) + [True]
    with service.database.writing() as session:
        for number in range(_AT_ONCE):
            if users.user_named(session, f"admin{number}") is None:
                users.add_user(session, f"admin{number}", ["admin"])

    def leave(number: int) -> str:
        with service.database.writing() as session:
            user = users.user_named(session, f"admin{number}")
            assert user is not None
            users.set_disabled(session, user, True)
        return "left"

    assert sorted(_at_once(leave)) == ["ValueError"] + ["left"] * (_AT_ONCE - 1)
    with service.database.reading() as session:
        assert session.query(User).filter_by(disabled=False).count() == 1
    service.database.dispose()


def test_at_once_on_sqlite(tmp_path: Path) -> None:
    _race(open_service(service_settings(tmp_path, {})))


def test_at_once_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    _race(open_service(service_settings(tmp_path, {"STEATOSCOPE_DATABASE_URL": postgres_url})))


def test_two_servers_count_requests_together(tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SIGNED_IN", "10 per minute")
    service = open_service(service_settings(tmp_path, {"STEATOSCOPE_BROKER_URL": redis_url}))
    with service.database.writing() as session:
        user = users.add_user(session, "anna", ["viewer"])
        session.add(Token(user_id=user.id, name="t", digest=digest_of("sts_secret"), scopes=[]))
    headers = {"Authorization": "Bearer sts_secret"}
    try:
        first = create_app(service).test_client()
        statuses = [first.get("/api/v1/tokens", headers=headers).status_code for _ in range(6)]
        second = create_app(service).test_client()
        statuses += [second.get("/api/v1/tokens", headers=headers).status_code for _ in range(6)]
        assert statuses == [200] * 10 + [429] * 2
    finally:
        limits.limiter.storage.reset()
        limits.limiter.enabled = False
        service.database.dispose()
