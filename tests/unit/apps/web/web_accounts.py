"""Helpers of the tests of accounts and administration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service_kit import PASSWORD, Bench
from steatoscope.apps.web.app import create_app
from steatoscope.apps.wiring.service import open_service
from steatoscope.apps.wiring.settings import service_settings
from steatoscope.service.storage.tables import AuditEntry


def empty_bench(folder: Path, config: dict[str, Any] | None = None, **overrides: Any) -> Bench:
    """An installation without any user."""
    service = open_service(service_settings(folder, {}, **overrides))
    return Bench(service, create_app(service, **{"RATELIMIT_ENABLED": False, **(config or {})}))


def csrf_of(client: FlaskClient, page: str) -> str:
    """The token against forgery in a page's form or head."""
    found = re.search(r'csrf[-_]token"[^>]*(?:value|content)="([^"]+)"', client.get(page).text)
    assert found, f"no token in {page}"
    return found[1]


def sign_in(client: FlaskClient, name: str, password: str = PASSWORD, **fields: str) -> TestResponse:
    """Sign in by the page."""
    token = csrf_of(client, "/sign-in")
    return client.post("/sign-in", data={"name": name, "password": password, "csrf_token": token, **fields})


def audit_rows(bench: Bench) -> list[AuditEntry]:
    """The audit trail."""
    with bench.service.database.reading() as session:
        return list(session.query(AuditEntry).order_by(AuditEntry.seq))
