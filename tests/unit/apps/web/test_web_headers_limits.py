"""Headers of every kind of answer, rate limits, and the shape of refusals."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from web_accounts import csrf_of, empty_bench, sign_in

from service_kit import Bench
from steatoscope.apps.web import limits
from steatoscope.apps.web.guard import door_of, public

ANSWERS = ("/sign-in", "/account", "/none", "/static/js/base.js", "/static/none", "/api/v1/jobs", "/api/v1/none",
           "/api/v1/openapi.json", "/healthz", "/readyz", "/metrics", "/%00", "/sign-in?next=%00")  # fmt: skip


@pytest.mark.parametrize("address", ANSWERS)
def test_every_answer_carries_the_headers(bench: Bench, address: str) -> None:
    with bench.client().get(address) as answer:
        headers = answer.headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Request-ID"]
    assert "Strict-Transport-Security" not in headers
    if not address.startswith("/static"):
        assert headers["Cache-Control"] == "no-store"


def test_an_internal_fault_is_an_error_document_with_headers_and_no_words(bench: Bench) -> None:
    def broken() -> None:
        raise RuntimeError("secret words")

    bench.app.add_url_rule("/api/v1/broken", "broken", public(broken))
    answer = bench.client().get("/api/v1/broken")
    assert answer.status_code == 500
    assert answer.json["error"]["code"] == "E_INTERNAL"
    assert "secret words" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_over_tls_browsers_are_told_to_stay_there(tmp_path: Path) -> None:
    made = empty_bench(tmp_path / "tls", secure_cookies=True, behind_proxy=True)
    made.add_user("viewer", "viewer")
    client = made.client()
    secure = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    page = client.get("/sign-in", headers=secure)
    assert page.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Secure" in page.headers["Set-Cookie"]
    made.service.database.dispose()


@pytest.mark.parametrize(
    ("address", "method", "status"),
    [
        ("/api/v1/none", "get", 404),
        ("/api/v1/jobs", "put", 405),
        ("/api/v1/users", "get", 403),
        ("/api/v1/jobs?page=x", "get", 422),
    ],
)
def test_refusals_of_the_api_are_error_documents(bench: Bench, address: str, method: str, status: int) -> None:
    answer = getattr(bench.client("viewer"), method)(address)
    assert answer.status_code == status
    assert set(answer.json["error"]) == {"code", "message", "cause", "remedy", "path"}
    if status == 405:
        assert "GET" in answer.headers["Allow"]


def test_what_cannot_be_read_is_refused_and_not_quoted(bench: Bench) -> None:
    client = bench.client("admin")
    broken = client.post("/api/v1/users", data=b'{"name": ', content_type="application/json")
    assert broken.status_code == 422
    answer = client.post("/api/v1/users", json={"name": "<script>", "roles": ["viewer"]})
    assert answer.status_code == 422
    assert "name" in answer.json["error"]["cause"]
    assert "script" not in answer.text


def test_the_api_describes_its_refusals(bench: Bench) -> None:
    document = bench.client().get("/api/v1/openapi.json").json
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert {"401", "403", "404", "422", "429"} <= operation["responses"].keys(), (path, method)
            schema = operation["responses"]["422"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorDocument"}
    assert {"/api/v1/users", "/api/v1/tokens", "/api/v1/models", "/api/v1/settings", "/api/v1/audit"} <= document[
        "paths"
    ].keys()


def test_the_api_describes_every_route(bench: Bench) -> None:
    """Also where several modules serve one address."""
    paths = bench.client().get("/api/v1/openapi.json").json["paths"]
    described = {(path, method.upper()) for path, item in paths.items() for method in item}
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in bench.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/v1/") and not rule.endpoint.startswith("openapi.")
    }
    assert described == served


def test_every_view_has_a_door(bench: Bench) -> None:
    app: Flask = bench.app
    bare = [rule.endpoint for rule in app.url_map.iter_rules() if door_of(app, rule.endpoint) is None]
    assert [endpoint for endpoint in bare if endpoint != "openapi.static"] == []


@pytest.fixture
def limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(limits, "SIGNED_IN", "40 per minute")
    monkeypatch.setattr(limits, "ANONYMOUS", "30 per minute")
    made = empty_bench(tmp_path / "limited", {"RATELIMIT_ENABLED": True})
    for name in ("viewer", "clinician"):
        made.add_user(name, name)
    yield made
    limits.limiter.enabled = False
    made.service.database.dispose()


def _statuses(client: Any, address: str, count: int) -> list[int]:
    statuses = []
    for _ in range(count):
        with client.get(address) as answer:
            statuses.append(answer.status_code)
    return statuses


def test_too_many_requests_are_refused_with_the_time_to_wait(limited: Bench) -> None:
    client = limited.client("viewer")
    assert set(_statuses(client, "/api/v1/tokens", 40)) == {200}
    answer = client.get("/api/v1/tokens")
    assert answer.status_code == 429
    assert answer.json["error"]["code"] == "E_RATE"
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert limited.client("clinician").get("/api/v1/tokens").status_code == 200
    assert set(_statuses(client, "/healthz", 5)) == {200}
    assert set(_statuses(client, "/static/js/base.js", 5)) == {200}


def test_who_is_not_signed_in_is_limited_by_address(limited: Bench) -> None:
    client = limited.client()
    assert set(_statuses(client, "/api/v1/tokens", 30)) == {401}
    assert client.get("/api/v1/tokens").status_code == 429
    away = {"REMOTE_ADDR": "192.0.2.9"}
    assert client.get("/api/v1/tokens", environ_overrides=away).status_code == 401


def test_guessing_passwords_from_one_address_ends(limited: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the names; a good sign-in from elsewhere still works."""
    monkeypatch.setattr(limits, "ANONYMOUS", "300 per minute")
    from steatoscope.apps.web.accounts import signing

    monkeypatch.setattr(signing, "verify_password", lambda encoded, password: password == "right")
    client = limited.client()
    token = csrf_of(client, "/sign-in")

    def guess(name: str) -> int:
        sent = {"name": name, "password": "wrong", "csrf_token": token}
        return client.post("/sign-in", data=sent).status_code

    statuses = [guess(f"name{number}") for number in range(22)]
    assert statuses == [401] * 20 + [429] * 2
    away = {"REMOTE_ADDR": "192.0.2.9"}
    sent = {"name": "viewer", "password": "right", "csrf_token": token}
    assert client.post("/sign-in", data=sent, environ_overrides=away).status_code == 302


def test_good_sign_ins_are_no_guesses(limited: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANONYMOUS", "300 per minute")
    from steatoscope.apps.web.accounts import signing

    monkeypatch.setattr(signing, "verify_password", lambda encoded, password: True)
    assert [sign_in(limited.client(), "viewer").status_code for _ in range(22)] == [302] * 22


def test_polling_stays_far_below_the_limit(bench: Bench) -> None:
    """Fifty pages of one user that ask once a second, and a viewer that loads 20 pictures a second."""
    amount, _, unit = limits.SIGNED_IN.partition(" per ")
    assert unit == "minute"
    assert int(amount) >= 60 * (50 + 20)


def test_uploads_are_limited_as_the_settings_say(bench: Bench) -> None:
    bench.client("admin").patch("/api/v1/settings", json={"most_upload_bytes": 1 << 20})
    answer = bench.client("clinician").post("/api/v1/studies", data={"files": (io.BytesIO(b"x"), "x.txt")})
    assert answer.status_code != 413
    big = bench.client("clinician").post(
        "/api/v1/studies", data=b"x" * (1 << 21), content_type="multipart/form-data; boundary=b"
    )
    assert big.status_code == 413
