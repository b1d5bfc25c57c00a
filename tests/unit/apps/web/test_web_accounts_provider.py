"""Signing in by an identity provider, against a small one on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from web_accounts import audit_rows, empty_bench, sign_in

from service_kit import Bench
from steatoscope.service.storage.tables import User

joserfc_jwk = pytest.importorskip("joserfc.jwk", reason="the server extra with Authlib is not installed")


class Provider:
    """A provider that answers for whoever ``claims`` say; ``tricks`` spoil one part of its answer."""

    def __init__(self) -> None:
        self.key = joserfc_jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.other = joserfc_jwk.RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.claims: dict[str, Any] = {}
        self.tricks: set[str] = set()
        self.asked: dict[str, str] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": "http://elsewhere.example" if "issuer" in self.tricks else self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def token(self, form: dict[str, list[str]]) -> dict[str, Any]:
        from joserfc import jwt

        verifier = hashlib.sha256(form["code_verifier"][0].encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        assert challenge == self.asked["code_challenge"], "the proof key does not fit"
        assert form["code"] == ["the-code"]
        claims = {
            "iss": self.metadata()["issuer"],
            "aud": "another" if "audience" in self.tricks else "steatoscope",
            "exp": int(time.time()) + (-3600 if "expired" in self.tricks else 300),
            "iat": int(time.time()) - 4000,
            "nonce": "another" if "nonce" in self.tricks else self.asked["nonce"],
            **self.claims,
        }
        key = self.other if "key" in self.tricks else self.key
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
        return {"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": signed}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/jwks":
                    self._answer({"keys": [provider.key.as_dict(private=False)]})
                else:
                    self._answer(provider.metadata())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._answer(provider.token(parse_qs(body)))

            def _answer(self, document: dict[str, Any]) -> None:
                content = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_given: Any) -> None:
                pass

        return Handler


@pytest.fixture(scope="module")
def one_provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def provider(one_provider: Provider) -> Provider:
    one_provider.tricks.clear()
    one_provider.claims = {"sub": "subject-1", "preferred_username": "clinician"}
    return one_provider


@pytest.fixture
def tied(tmp_path: Path, provider: Provider) -> Iterator[Bench]:
    made = empty_bench(
        tmp_path / "tied", oidc_issuer=provider.url, oidc_client_id="steatoscope", oidc_client_secret="client secret"
    )
    for role in ("clinician", "admin"):
        made.add_user(role, role)
    yield made
    made.service.database.dispose()


def _to_provider(client: FlaskClient, provider: Provider, target: str = "/account") -> dict[str, str]:
    answer = client.get(f"/sign-in/provider?next={target}")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{provider.url}/authorize?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
    provider.asked = asked
    return asked


def _back(client: FlaskClient, state: str) -> Any:
    return client.get(f"/sign-in/provider/back?code=the-code&state={state}")


def test_code_with_proof_key_state_and_nonce(tied: Bench, provider: Provider) -> None:
    client = tied.client()
    assert "provider" in client.get("/sign-in").text
    asked = _to_provider(client, provider)
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"].endswith("/sign-in/provider/back")
    assert {"nonce", "state"} <= asked.keys()
    answer = _back(client, asked["state"])
    assert (answer.status_code, answer.headers["Location"]) == (302, "/account")
    assert "clinician" in client.get("/account").text
    assert [row.action for row in audit_rows(tied)] == ["user.link", "user.sign_in"]
    with tied.service.database.reading() as session:
        assert session.query(User).filter_by(name="clinician").one().oidc_subject == "subject-1"
        assert session.query(User).count() == 2


def test_the_subject_counts_once_it_is_tied_and_the_name_no_more(tied: Bench, provider: Provider) -> None:
    first = tied.client()
    _back(first, _to_provider(first, provider)["state"])
    provider.claims = {"sub": "subject-1", "preferred_username": "renamed"}
    again = tied.client()
    assert _back(again, _to_provider(again, provider)["state"]).status_code == 302
    provider.claims = {"sub": "subject-2", "preferred_username": "clinician"}
    other = tied.client()
    assert _back(other, _to_provider(other, provider)["state"]).status_code == 401


def test_nobody_gets_an_account_or_becomes_administrator(tied: Bench, provider: Provider) -> None:
    for name in ("stranger", "admin", ""):
        provider.claims = {"sub": "subject-9", "preferred_username": name, "roles": ["admin"]}
        client = tied.client()
        assert _back(client, _to_provider(client, provider)["state"]).status_code == 401
    with tied.service.database.reading() as session:
        assert session.query(User).count() == 2
    assert {row.details["reason"] for row in audit_rows(tied)} == {"no account"}


def test_an_administrator_tied_by_an_administrator_signs_in(tied: Bench, provider: Provider) -> None:
    user_id = tied.users["admin"][0]
    assert tied.client("admin").patch(f"/api/v1/users/{user_id}", json={"oidc_subject": "boss"}).status_code == 200
    provider.claims = {"sub": "boss"}
    client = tied.client()
    assert _back(client, _to_provider(client, provider)["state"]).status_code == 302
    assert client.get("/admin/users").status_code == 200


@pytest.mark.parametrize("trick", ["nonce", "audience", "expired", "key", "issuer"])
def test_a_spoiled_identity_is_refused(tied: Bench, provider: Provider, trick: str) -> None:
    provider.tricks.add(trick)
    client = tied.client()
    assert _back(client, _to_provider(client, provider)["state"]).status_code == 401
    assert client.get("/account").status_code == 302


def test_an_answer_without_a_question_is_refused(tied: Bench, provider: Provider) -> None:
    client = tied.client()
    asked = _to_provider(client, provider)
    assert _back(client, "another-state").status_code == 401
    assert _back(tied.client(), asked["state"]).status_code == 401
    assert client.get("/sign-in/provider/back?error=access_denied").status_code == 401


def test_a_disabled_user_is_refused(tied: Bench, provider: Provider) -> None:
    tied.client("admin").patch(f"/api/v1/users/{tied.users['clinician'][0]}", json={"disabled": True})
    client = tied.client()
    assert _back(client, _to_provider(client, provider)["state"]).status_code == 401


def test_the_first_password_ends_with_the_tie(tied: Bench, provider: Provider) -> None:
    made = tied.client("admin").post("/api/v1/users", json={"name": "nora", "roles": ["viewer"]}).json
    provider.claims = {"sub": "nora-1", "preferred_username": "nora"}
    client = tied.client()
    assert _back(client, _to_provider(client, provider)["state"]).status_code == 302
    assert client.get("/account").status_code == 200
    assert "old_password" not in client.get("/account").text
    assert sign_in(tied.client(), "nora", made["password"]).status_code == 401


def test_the_way_back_stays_on_this_server(tied: Bench, provider: Provider) -> None:
    client = tied.client()
    asked = _to_provider(client, provider, "//evil.example/")
    assert _back(client, asked["state"]).headers["Location"] == "/"


def test_without_a_provider_there_is_no_such_page(bench: Bench) -> None:
    assert bench.client().get("/sign-in/provider").status_code == 404
    assert bench.client().get("/sign-in/provider/back").status_code == 404
    assert "/sign-in/provider" not in bench.client().get("/sign-in").text


def test_a_provider_that_is_down_is_named(tmp_path: Path) -> None:
    made = empty_bench(tmp_path / "down", oidc_issuer="http://127.0.0.1:9", oidc_client_id="x")
    answer = made.client().get("/sign-in/provider")
    assert answer.status_code == 503
    assert "identity provider" in answer.text
    made.service.database.dispose()
