"""First run, signing in and out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from web_accounts import audit_rows, csrf_of, empty_bench, sign_in

from service_kit import PASSWORD, Bench
from steatoscope.apps.web.accounts import first_run, signing
from steatoscope.apps.web.accounts.first_run import setup_code
from steatoscope.service.storage.tables import User, WebSession

SETUP = {"name": "anna", "password": "a long password", "password_again": "a long password"}


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Bench]:
    made = empty_bench(tmp_path / "empty")
    yield made
    made.service.database.dispose()


def _set_up(client: FlaskClient, code: str, **more: str) -> tuple[int, str]:
    token = csrf_of(client, "/setup")
    answer = client.post("/setup", data={**SETUP, "code": code, "csrf_token": token, **more})
    return answer.status_code, answer.headers.get("Location", "")


def test_pages_lead_to_the_set_up_while_there_is_no_user(empty: Bench) -> None:
    client = empty.client()
    assert client.get("/admin/none").status_code == 404
    assert client.get("/account").headers["Location"].startswith("/sign-in")
    assert client.get("/sign-in").headers["Location"] == "/setup"


def test_the_code_makes_one_administrator_and_is_void_afterwards(empty: Bench) -> None:
    code = setup_code(empty.service)
    assert code is not None
    assert len(code.replace("-", "")) == 16
    client = empty.client()
    assert _set_up(client, "AAAA-BBBB-CCCC-DDDD")[0] == 403
    assert _set_up(client, code.lower().replace("-", " "), reads_scans="yes")[0] == 302
    assert client.get("/account").status_code == 200
    with empty.service.database.reading() as session:
        users = session.query(User).all()
    assert [(user.name, user.roles) for user in users] == [("anna", ["clinician", "admin"])]
    assert setup_code(empty.service) is None
    other = empty.client()
    assert other.get("/setup").headers["Location"] == "/sign-in"
    token = csrf_of(other, "/sign-in")
    again = other.post("/setup", data={**SETUP, "name": "eve", "code": code, "csrf_token": token})
    assert again.headers["Location"] == "/sign-in"
    with empty.service.database.reading() as session:
        assert session.query(User).count() == 1
    assert [(row.action, row.outcome) for row in audit_rows(empty)] == [
        ("setup.try", "refused"), ("user.add", "ok"), ("user.sign_in", "ok"),
    ]  # fmt: skip


def test_the_code_belongs_to_the_installation(empty: Bench, bench: Bench) -> None:
    code = setup_code(empty.service)
    assert code is not None
    assert first_run.code_fits(empty.service, code)
    assert not first_run.code_fits(bench.service, code)
    assert not first_run.code_fits(empty.service, "")
    assert not first_run.code_fits(empty.service, "äöü")


def test_of_two_set_ups_at_once_only_one_succeeds(empty: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    code = setup_code(empty.service)
    assert code is not None
    client = empty.client()
    token = csrf_of(client, "/setup")

    def quicker(service: object, given: str) -> bool:
        with empty.service.database.writing() as session:
            first_run.make_first_admin(session, "quicker", "a long password", reads_scans=False)
        return True

    monkeypatch.setattr(first_run, "code_fits", quicker)
    answer = client.post("/setup", data={**SETUP, "code": code, "csrf_token": token})
    assert answer.headers["Location"] == "/sign-in"
    with empty.service.database.reading() as session:
        assert [user.name for user in session.query(User)] == ["quicker"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "short", "password_again": "short"}, "12 to 200"),
        ({"password_again": "another password"}, "differ"),
        ({"name": "a b"}, "letters, digits"),
    ],
)
def test_unfit_fields_are_named(empty: Bench, changes: dict[str, str], words: str) -> None:
    client = empty.client()
    code = setup_code(empty.service)
    data = {**SETUP, "code": code, "csrf_token": csrf_of(client, "/setup"), **changes}
    answer = client.post("/setup", data=data)
    assert answer.status_code == 422
    assert words in answer.text
    assert "a long password" not in answer.text


def test_sign_in_opens_a_session_and_sign_out_ends_it(bench: Bench) -> None:
    client = bench.client()
    assert client.get("/account").headers["Location"] == "/sign-in?next=/account"
    assert sign_in(client, "viewer").status_code == 302
    assert client.get("/account").status_code == 200
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out").status_code == 400
    assert client.post("/sign-out", data={"csrf_token": csrf_of(client, "/account")}).status_code == 302
    assert client.get("/account").status_code == 302
    with bench.service.database.reading() as session:
        assert all(row.ended_at is not None for row in session.query(WebSession))
    assert [row.action for row in audit_rows(bench)] == ["user.sign_in", "user.sign_out"]


def test_a_cookie_kept_from_before_signing_out_is_worth_nothing(bench: Bench) -> None:
    client = bench.client()
    sign_in(client, "viewer")
    kept = client.get_cookie("steatoscope")
    assert kept is not None
    client.post("/sign-out", data={"csrf_token": csrf_of(client, "/account")})
    client.set_cookie("steatoscope", kept.value)
    assert client.get("/account").status_code == 302


def test_the_secret_is_new_at_each_sign_in(bench: Bench) -> None:
    """A session that somebody else planted before the sign-in is not the one that is signed in."""
    client, victim = bench.client(), bench.client()
    sign_in(client, "viewer")
    planted = client.get_cookie("steatoscope")
    assert planted is not None
    victim.set_cookie("steatoscope", planted.value)
    token = csrf_of(victim, "/account")
    victim.post("/sign-in", data={"name": "clinician", "password": PASSWORD, "csrf_token": token})
    fresh = victim.get_cookie("steatoscope")
    assert fresh is not None
    assert fresh.value != planted.value
    assert "clinician" not in client.get("/account").text
    assert client.get("/account").status_code == 302


@pytest.mark.parametrize(
    "target",
    ["//evil.example/", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "evil", ""],
)
def test_the_way_back_leads_to_this_server_only(bench: Bench, target: str) -> None:
    assert sign_in(bench.client(), "viewer", next=target).headers["Location"] == "/"


def test_the_way_back_keeps_its_query(bench: Bench) -> None:
    assert sign_in(bench.client(), "viewer", next="/account?a=1&b=2").headers["Location"] == "/account?a=1&b=2"


def test_without_the_token_against_forgery_nobody_signs_in(bench: Bench) -> None:
    client = bench.client()
    assert client.post("/sign-in", data={"name": "viewer", "password": PASSWORD}).status_code == 400
    assert client.get("/account").status_code == 302


def test_the_same_work_and_answer_whether_the_account_exists(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[bool] = []
    real = signing.verify_password

    def counting(encoded: str | None, password: str) -> bool:
        hashed.append(True)
        return real(encoded, password)

    monkeypatch.setattr(signing, "verify_password", counting)
    bench.add_user("gone", "viewer")
    with bench.service.database.writing() as session:
        session.query(User).filter_by(name="gone").one().disabled = True
    answers = []
    for name, password in (("viewer", "wrong"), ("nobody", "wrong"), ("gone", PASSWORD)):
        answer = sign_in(bench.client(), name, password)
        answers.append((answer.status_code, re.sub(r'"[\w.-]{60,}"', "", answer.text.replace(f'"{name}"', ""))))
    assert len(hashed) == 3
    assert answers[0][0] == 401
    assert len(set(answers)) == 1
    assert [row.details["reason"] for row in audit_rows(bench)] == ["wrong", "unknown", "disabled"]


def test_lock_out_after_wrong_passwords_ends_with_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from steatoscope.service.storage import users
    from steatoscope.service.storage.base import now

    for _ in range(5):
        assert sign_in(bench.client(), "viewer", "wrong password").status_code == 401
    assert sign_in(bench.client(), "viewer").status_code == 401
    assert [row.details["reason"] for row in audit_rows(bench)][-2:] == ["wrong, now locked", "locked"]
    monkeypatch.setattr(users, "now", lambda: now() + timedelta(minutes=6))
    assert sign_in(bench.client(), "viewer").status_code == 302
    with bench.service.database.reading() as session:
        assert session.query(User).filter_by(name="viewer").one().failed_logins == 0


def test_the_cookie_is_for_this_site_and_no_script(bench: Bench) -> None:
    answer = sign_in(bench.client(), "viewer")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires" not in cookie
