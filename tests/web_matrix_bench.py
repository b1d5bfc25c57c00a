"""An installation where clinician and researcher each own one object of every kind, set back after each change."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from service_kit import PASSWORD, ROLES, Bench, make_bench
from steatoscope.service.storage.tables import Job, Study, Token, WebSession

OWNERS = ("clinician", "researcher")
_FIXED = {
    "name": "us-steatosis", "language": "en", "filename": "css/steatoscope.css", "layer": "scan", "index": "0",
    "number": "0",
}  # fmt: skip
_BY_ADDRESS = {
    ("/api/v1/studies/<study_id>/files/<name>", "name"): "overlay.png",
    ("/api/v1/static/<path:filename>", "filename"): "openapi.js",
}
_UPLOAD = {"files": [{"name": "scan.dcm", "size": 4}]}
# what a visitor who may pass sends, so that nothing but rights and ownership can answer 401 or 403
_BODIES: dict[str, dict[str, Any]] = {
    "POST /account/password": {"data": {"old_password": PASSWORD}},
    "POST /sign-in": {"data": {"name": "viewer", "password": PASSWORD}},
    "POST /studies/actions": {"data": {"action": "compare", "ids": ["1", "2"]}},
    "POST /api/v1/uploads": {"json": _UPLOAD},
    "POST /api/v1/uploads/<upload_id>/commit": {"json": {}},
    "PUT /api/v1/uploads/<upload_id>/files/<int:number>": {
        "data": b"DICM",
        "query_string": {"offset": 0},
        "content_type": "application/octet-stream",
    },
}  # fmt: skip


class MatrixBench:
    """The installation, its visitors and whose objects they ask for."""

    def __init__(self, folder: Path, analysed: Path) -> None:
        self.bench: Bench = make_bench(folder)
        self.bench.app.config["WTF_CSRF_METHODS"] = set()  # forgery is tested elsewhere
        self.bench.add_user("spare", "viewer")
        self.cookies = {role: self._signed_in(role) for role in ROLES}
        self.objects = {owner: self._objects(owner, analysed) for owner in OWNERS}
        for role in ROLES:
            self.objects.setdefault(role, self._people(role))
        self._database = folder / "steatoscope.db"
        self._files, self._copy = folder / "files", folder.parent / "copy"
        shutil.copytree(self._files, self._copy)
        self._rows = sqlite3.connect(":memory:")
        with sqlite3.connect(self._database) as live:
            live.backup(self._rows)

    def _signed_in(self, role: str) -> str:
        browser: FlaskClient = self.bench.app.test_client()
        answer = browser.post("/sign-in", data={"name": role, "password": PASSWORD})
        assert answer.status_code == 302
        cookie = browser.get_cookie("steatoscope")
        assert cookie is not None
        return cookie.value

    def _browser(self, role: str) -> FlaskClient:
        client: FlaskClient = self.bench.app.test_client()
        client.set_cookie("steatoscope", self.cookies[role])
        return client

    def _people(self, role: str) -> dict[str, str]:
        user_id = self.bench.users[role][0]
        with self.bench.service.database.reading() as session:
            token = session.scalar(select(Token.id).where(Token.user_id == user_id))
            browser = session.scalar(select(WebSession.id).where(WebSession.user_id == user_id))
        return {"token_id": token or "", "session_id": browser or ""}

    def _objects(self, owner: str, analysed: Path) -> dict[str, str]:
        study_id = self.bench.add_study(analysed, subject=f"S-{owner}", owner=owner)
        announced = self.bench.client(owner).post("/api/v1/uploads", json=_UPLOAD)
        assert announced.status_code == 201, announced.text
        with self.bench.service.database.reading() as session:
            study = session.get_one(Study, study_id)
            job_id = session.scalar(select(Job.id).where(Job.study_id == study_id))
        return {
            **self._people(owner),
            "study_id": study_id,
            "job_id": job_id or "",
            "patient_id": study.patient_id,
            "upload_id": announced.json["upload_id"],
            "user_id": self.bench.users["spare"][0],
            "role": "us-steatosis",
        }

    def address(self, template: str, owner: str) -> str:
        """The address with the objects of one owner; a KeyError names a part that the bench knows no value for."""

        def value(found: re.Match[str]) -> str:
            name = found.group(1)
            return _BY_ADDRESS.get((template, name)) or _FIXED.get(name) or self.objects[owner][name]

        return re.sub(r"<(?:\w+:)?(\w+)>", value, template)

    def ask(
        self, method: str, template: str, role: str | None, owner: str, *, remote: str = "127.0.0.1"
    ) -> TestResponse:
        """The answer to a role (None: nobody) about an owner's object; pages by session, the API by token."""
        by_token = template.startswith("/api/") and f"{method} {template}" != "POST /api/v1/tokens"
        client = self.bench.client(role) if by_token or role is None else self._browser(role)
        body = _BODIES.get(f"{method} {template}", {})
        if not body and method in {"POST", "PATCH", "PUT"} and template.startswith("/api/"):
            body = {"json": {}}
        answer = client.open(
            self.address(template, owner), method=method, environ_base={"REMOTE_ADDR": remote}, buffered=False, **body
        )
        answer.close()
        return answer

    def set_back(self) -> None:
        """Rows and files as they were at the beginning."""
        with sqlite3.connect(self._database, timeout=15) as live:
            self._rows.backup(live)
        shutil.copytree(self._copy, self._files, dirs_exist_ok=True)

    def close(self) -> None:
        """Close the database."""
        self._rows.close()
        self.bench.service.database.dispose()


@contextmanager
def matrix_bench(folder: Path, analysed: Path) -> Iterator[MatrixBench]:
    """A bench that is closed at the end."""
    bench = MatrixBench(folder, analysed)
    try:
        yield bench
    finally:
        bench.close()
