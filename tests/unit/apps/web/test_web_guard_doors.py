"""Doors: what is marked for whom, and that nothing is open by omission."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError
from web_accounts import sign_in

from service_kit import Bench
from steatoscope.apps.web.guard import allow, loopback, public, require_owner, signed_in
from steatoscope.service.access.rights import Right


def _hello() -> str:
    return "hello"


@pytest.fixture
def doors(bench: Bench) -> Bench:
    def owned() -> str:
        require_owner(bench.users["viewer"][0])
        return "yours"

    def orphaned() -> str:
        require_owner(None)
        return "nobody's"

    def locked() -> str:
        raise OperationalError("SELECT secret words", {"subject": "S-77"}, Exception("database is locked"))

    views = {
        "open": public(_hello), "any": signed_in(lambda: "in"), "bare": lambda: "never", "owned": signed_in(owned),
        "orphaned": signed_in(orphaned), "both": allow(Right.READ, Right.USERS)(lambda: "both"),
        "near": loopback(Right.AUDIT)(lambda: "near"), "locked": public(locked),
    }  # fmt: skip
    for name, view in views.items():
        bench.app.add_url_rule(f"/api/v1/door/{name}", f"door.{name}", view)
        bench.app.add_url_rule(f"/door/{name}", f"page.{name}", view)
    return bench


@pytest.mark.parametrize(
    ("door", "nobody", "viewer", "admin"),
    [
        ("open", 200, 200, 200), ("any", 401, 200, 200), ("bare", 401, 403, 403), ("owned", 401, 200, 403),
        ("orphaned", 401, 403, 403), ("both", 401, 403, 403), ("near", 200, 200, 200),
    ],
)  # fmt: skip
def test_who_passes_which_door(doors: Bench, door: str, nobody: int, viewer: int, admin: int) -> None:
    address = f"/api/v1/door/{door}"
    assert doors.client().get(address).status_code == nobody
    assert doors.client("viewer").get(address).status_code == viewer
    assert doors.client("admin").get(address).status_code == admin


def test_all_rights_of_a_door_are_needed(doors: Bench) -> None:
    doors.add_user("both", "viewer", "admin")
    assert doors.client("both").get("/api/v1/door/both").status_code == 200


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}])
def test_nobody_comes_from_loopback_by_saying_so(doors: Bench, headers: dict[str, str]) -> None:
    assert doors.client().get("/api/v1/door/near", headers=headers).status_code == 401
    away = {"REMOTE_ADDR": "10.0.0.1"}
    assert doors.client().get("/api/v1/door/near", environ_overrides=away).status_code == 401
    assert doors.client("viewer").get("/api/v1/door/near", environ_overrides=away).status_code == 403
    assert doors.client("admin").get("/api/v1/door/near", environ_overrides=away).status_code == 200
    for address in ("::1", "127.0.0.9"):
        assert doors.client().get("/api/v1/door/near", environ_overrides={"REMOTE_ADDR": address}).status_code == 200
    assert doors.client().get("/api/v1/door/near", environ_overrides={"REMOTE_ADDR": ""}).status_code == 401


def test_pages_lead_to_the_sign_in_and_back(doors: Bench) -> None:
    client = doors.client()
    answer = client.get("/door/any?a=1")
    assert answer.headers["Location"] == "/sign-in?next=/door/any?a%3D1"
    assert client.get("/door/any", headers={"Accept": "application/json"}).status_code == 401
    assert sign_in(client, "viewer", next="/door/any?a=1").headers["Location"] == "/door/any?a=1"
    assert client.get("/door/any").status_code == 200


def test_a_database_that_does_not_answer_is_said_without_its_words(doors: Bench) -> None:
    answer = doors.client().get("/api/v1/door/locked")
    assert answer.status_code == 503
    assert answer.json["error"]["code"] == "E_BUSY"
    assert "secret" not in answer.text


def test_no_text_with_a_nul_gets_further(doors: Bench) -> None:
    client = doors.client("admin")
    assert client.get("/api/v1/users/a%00b").status_code == 404
    assert client.get("/api/v1/audit?actor=a%00b").status_code == 422
    assert client.get("/api/v1/door/open?x=1&x=a%00b").status_code == 422
