"""API tokens and browser sessions of one's own account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from web_accounts import audit_rows, csrf_of, sign_in

from service_kit import PASSWORD, Bench
from steatoscope.apps.web.accounts import identify
from steatoscope.service.access.passwords import digest_of
from steatoscope.service.storage import credentials
from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables import Token, User, WebSession


def _signed_in(bench: Bench, name: str = "clinician") -> tuple[Any, dict[str, str]]:
    client = bench.client()
    sign_in(client, name)
    return client, {"X-CSRFToken": csrf_of(client, "/account")}


def _new_token(bench: Bench, **fields: Any) -> Any:
    client, headers = _signed_in(bench)
    return client.post("/api/v1/tokens", json={"name": "script", **fields}, headers=headers)


def _bearer(bench: Bench, secret: str) -> Any:
    client = bench.client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return client


def test_a_token_is_shown_once_and_kept_as_a_digest(bench: Bench) -> None:
    answer = _new_token(bench, scopes=["read"], days=7)
    assert answer.status_code == 201
    secret = answer.json["secret"]
    assert secret.startswith("sts_")
    with bench.service.database.reading() as session:
        row = session.query(Token).filter_by(name="script").one()
        assert row.digest == digest_of(secret)
        assert row.expires_at is not None
        assert abs(row.expires_at - now() - timedelta(days=7)) < timedelta(minutes=1)
    listed = _bearer(bench, secret).get("/api/v1/tokens")
    assert listed.status_code == 200
    assert secret not in listed.text
    assert [token["name"] for token in listed.json["tokens"]] == ["script", "test"]
    assert [row.action for row in audit_rows(bench)] == ["user.sign_in", "token.add"]
    assert secret not in str([row.details for row in audit_rows(bench)])


def test_scopes_narrow_the_rights(bench: Bench) -> None:
    secret = _new_token(bench, scopes=["read"]).json["secret"]
    client = _bearer(bench, secret)
    assert client.get("/api/v1/jobs").status_code == 200
    assert client.post("/api/v1/studies").status_code == 403


def test_a_token_never_gives_more_than_its_user_has(bench: Bench) -> None:
    assert _new_token(bench, scopes=["users"]).status_code == 403
    assert _new_token(bench, scopes=["nonsense"]).status_code == 422
    user_id = bench.users["clinician"][0]
    with bench.service.database.writing() as session:
        session.add(Token(user_id=user_id, name="forged", digest=digest_of("sts_forged"), scopes=["users", "audit"]))
    assert _bearer(bench, "sts_forged").get("/api/v1/users").status_code == 403


def test_a_token_does_not_grow_with_its_user(bench: Bench) -> None:
    """Without scopes it gets the rights of that day, and loses those that the user loses."""
    secret = _new_token(bench).json["secret"]
    admin = bench.client("admin")
    address = f"/api/v1/users/{bench.users['clinician'][0]}"
    admin.patch(address, json={"roles": ["clinician", "admin"]})
    assert _bearer(bench, secret).get("/api/v1/users").status_code == 403
    admin.patch(address, json={"roles": ["admin"]})
    assert _bearer(bench, secret).get("/api/v1/jobs").status_code == 403


def test_a_token_makes_no_tokens(bench: Bench) -> None:
    secret = _new_token(bench, scopes=["read"]).json["secret"]
    assert _bearer(bench, secret).post("/api/v1/tokens", json={"name": "child"}).status_code == 403


def test_a_token_changes_nothing_about_its_account(bench: Bench) -> None:
    client = bench.client("clinician")
    secret = _new_token(bench, scopes=["read"]).json["secret"]
    listed = client.get("/api/v1/tokens").json["tokens"]
    [other] = [token["id"] for token in listed if token["name"] == "script"]
    assert client.delete(f"/api/v1/tokens/{other}").status_code == 403
    assert client.post(f"/account/tokens/{other}/revoke").status_code == 403
    assert client.post("/account/password", data={"old_password": PASSWORD}).status_code == 403
    assert client.post("/sign-out").status_code == 403
    assert _bearer(bench, secret).delete(f"/api/v1/tokens/{other}").status_code == 204


def test_only_valid_tokens_open_anything(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = _new_token(bench, scopes=["read"], days=1).json["secret"]
    client = _bearer(bench, secret)
    assert client.get("/api/v1/jobs").status_code == 200
    monkeypatch.setattr(credentials, "now", lambda: now() + timedelta(days=1, minutes=1))
    assert client.get("/api/v1/jobs").status_code == 401
    monkeypatch.undo()
    [mine] = [token for token in client.get("/api/v1/tokens").json["tokens"] if token["name"] == "script"]
    assert client.delete(f"/api/v1/tokens/{mine['id']}").status_code == 204
    answer = client.get("/api/v1/jobs")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    for wrong in ("", "x", "sts_" + "a" * 43, "a" * 5000, "ä"):
        assert _bearer(bench, wrong).get("/api/v1/jobs").status_code == 401


def test_a_wrong_token_is_refused_even_beside_a_good_cookie(bench: Bench) -> None:
    client, _headers = _signed_in(bench)
    for address in ("/api/v1/jobs", "/account"):
        assert client.get(address).status_code == 200
        assert client.get(address, headers={"Authorization": "Bearer sts_wrong"}).status_code == 401


def test_nobody_revokes_the_token_of_another(bench: Bench) -> None:
    with bench.service.database.reading() as session:
        other = session.query(Token).filter_by(user_id=bench.users["viewer"][0]).one().id
    assert bench.client("clinician").delete(f"/api/v1/tokens/{other}").status_code == 404
    assert bench.client("viewer").get("/api/v1/tokens").status_code == 200


def test_a_browser_session_needs_the_secret_against_forgery_in_the_api(bench: Bench) -> None:
    client, headers = _signed_in(bench)
    assert client.post("/api/v1/tokens", json={"name": "x", "scopes": ["read"]}).status_code == 400
    assert client.post("/api/v1/tokens", json={"name": "x", "scopes": ["read"]}, headers=headers).status_code == 201
    other, _other_headers = _signed_in(bench, "viewer")
    assert other.post("/api/v1/tokens", json={"name": "x", "scopes": ["read"]}, headers=headers).status_code == 400


def test_last_use_is_noted(bench: Bench) -> None:
    bench.client("viewer").get("/api/v1/tokens")
    with bench.service.database.reading() as session:
        used = session.query(Token).filter_by(user_id=bench.users["viewer"][0]).one().last_used_at
    assert used is not None


def test_the_page_makes_and_revokes_tokens(bench: Bench) -> None:
    client, headers = _signed_in(bench)
    token = headers["X-CSRFToken"]
    sent = {"name": "from page", "days": "30", "scopes": ["read", "upload"], "csrf_token": token}
    page = client.post("/account/tokens", data=sent)
    assert page.status_code == 201
    assert "sts_" in page.text
    assert "sts_" not in client.get("/account").text
    for wrong in ({"scopes": []}, {"name": ""}, {"days": "0"}, {"days": "soon"}):
        assert client.post("/account/tokens", data={**sent, **wrong}).status_code == 422
    assert client.post("/account/tokens", data={**sent, "scopes": ["users"]}).status_code == 403
    with bench.service.database.reading() as session:
        made = session.query(Token).filter_by(name="from page").one()
    assert made.scopes == ["read", "upload"]
    assert client.post(f"/account/tokens/{made.id}/revoke", data={"csrf_token": token}).status_code == 302
    assert "from page" not in client.get("/account").text


def _later(monkeypatch: pytest.MonkeyPatch, **by: float) -> None:
    moment = now() + timedelta(**by)
    for module in (credentials, identify):
        monkeypatch.setattr(module, "now", lambda: moment)


def test_an_idle_session_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _headers = _signed_in(bench)
    _later(monkeypatch, minutes=29)
    assert client.get("/account").status_code == 200
    _later(monkeypatch, minutes=58)
    assert client.get("/account").status_code == 200
    _later(monkeypatch, minutes=89)
    assert client.get("/account").status_code == 302
    assert client.get("/api/v1/jobs").status_code == 401


def test_every_session_ends_in_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _headers = _signed_in(bench)
    for minutes in range(20, 12 * 60, 20):
        _later(monkeypatch, minutes=minutes)
        assert client.get("/account").status_code == 200
    _later(monkeypatch, hours=12, seconds=1)
    assert client.get("/account").status_code == 302


def test_shorter_times_hold_for_sessions_that_are_open(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _headers = _signed_in(bench)
    bench.client("admin").patch("/api/v1/settings", json={"session_idle_s": 60})
    _later(monkeypatch, seconds=61)
    assert client.get("/account").status_code == 302


def test_a_new_password_ends_all_other_sessions(bench: Bench) -> None:
    client, headers = _signed_in(bench)
    other, _other_headers = _signed_in(bench)
    old = client.get_cookie("steatoscope").value
    fresh = "a brand new password"
    data = {"old_password": "wrong", "password": fresh, "password_again": fresh, "csrf_token": headers["X-CSRFToken"]}
    assert client.post("/account/password", data=data).status_code == 403
    assert client.post("/account/password", data={**data, "old_password": PASSWORD, "password": "x"}).status_code == 422
    short = {"old_password": PASSWORD, "password": "short", "password_again": "short"}
    assert client.post("/account/password", data={**data, **short}).status_code == 422
    same = {"old_password": PASSWORD, "password": PASSWORD, "password_again": PASSWORD}
    assert client.post("/account/password", data={**data, **same}).status_code == 422
    assert client.post("/account/password", data={**data, "old_password": PASSWORD}).status_code == 302
    assert client.get("/account").status_code == 200
    assert client.get_cookie("steatoscope").value != old
    assert other.get("/account").status_code == 302
    assert sign_in(bench.client(), "clinician").status_code == 401
    assert sign_in(bench.client(), "clinician", fresh).status_code == 302
    outcomes = [row.outcome for row in audit_rows(bench) if row.action == "user.password"]
    assert outcomes == ["refused", "ok"]


def test_own_sessions_are_listed_and_ended(bench: Bench) -> None:
    client, headers = _signed_in(bench)
    other, _other_headers = _signed_in(bench)
    stranger, _headers = _signed_in(bench, "viewer")
    with bench.service.database.reading() as session:
        rows = session.query(WebSession).order_by(WebSession.created_at).all()
        names = {row.id: session.get_one(User, row.user_id).name for row in rows}
    assert list(names.values()) == ["clinician", "clinician", "viewer"]
    sent = {"csrf_token": headers["X-CSRFToken"]}
    assert client.post(f"/account/sessions/{rows[2].id}/end", data=sent).status_code == 404
    assert stranger.get("/account").status_code == 200
    assert client.post(f"/account/sessions/{rows[1].id}/end", data=sent).status_code == 302
    assert other.get("/account").status_code == 302
    assert client.get("/account").status_code == 200


def test_what_the_database_keeps_of_a_session_opens_nothing(bench: Bench) -> None:
    client, _headers = _signed_in(bench)
    with bench.service.database.reading() as session:
        digest = session.query(WebSession).one().digest
    thief = bench.client()
    with thief.session_transaction() as cookie:
        cookie[identify.SESSION_KEY] = digest
    assert thief.get("/account").status_code == 302
    assert client.get("/account").status_code == 200
