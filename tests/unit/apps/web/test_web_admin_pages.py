"""Models, settings, audit trail, storage and health: pages and API of the administration."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from sqlalchemy import text
from web_accounts import audit_rows, csrf_of, sign_in

from service_kit import Bench
from steatoscope.apps.web.admin.settings_api import without_password
from steatoscope.apps.wiring import model_roles

PAGES = (
    "",
    "/users",
    "/models",
    "/models/us-steatosis",
    "/settings",
    "/storage",
    "/audit",
    "/audit?check=1",
    "/patients",
)
APIS = ("models", "models/ct-segmenter", "model-roles/ct-segmenter/history", "settings", "audit", "audit/check",
        "audit.csv", "audit.jsonl", "health", "storage", "users")  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_pages_answer_administrators_only(bench: Bench, page: str) -> None:
    client = bench.client()
    assert client.get(f"/admin{page}").status_code == 302
    sign_in(client, "clinician")
    assert client.get(f"/admin{page}").status_code == 403
    other = bench.client()
    sign_in(other, "admin")
    answer = other.get(f"/admin{page}")
    assert answer.status_code == 200
    assert "style=" not in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize("name", APIS)
def test_api_answers_administrators_only(bench: Bench, name: str) -> None:
    assert bench.client().get(f"/api/v1/{name}").status_code == 401
    for role in ("viewer", "clinician", "researcher"):
        assert bench.client(role).get(f"/api/v1/{name}").status_code == 403
    assert bench.client("admin").get(f"/api/v1/{name}").status_code == 200


def test_the_catalogue_is_listed_and_verified(bench: Bench) -> None:
    answer = bench.client("admin").get("/api/v1/models").json
    assert {"us-steatosis", "ct-segmenter", "mr-segmenter"} <= {model["name"] for model in answer["models"]}
    assert all(model["verified"] for model in answer["models"])
    assert {role["role"]: role["active"] for role in answer["roles"]} == {role: role for role in model_roles.ROLES}
    assert all(role["role"] in role["candidates"] for role in answer["roles"])
    assert bench.client("admin").get("/api/v1/models/none").status_code == 404


def test_activate_and_roll_back_a_model(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from steatoscope.learning.catalogue import SHIPPED, add_model

    monkeypatch.setenv("STEATOSCOPE_MODELS", str(tmp_path / "models"))
    add_model(SHIPPED / "ct-segmenter", "ours")
    admin = bench.client("admin")
    role = "/api/v1/model-roles/ct-segmenter"
    assert admin.post(f"{role}/roll-back").status_code == 409
    answer = admin.post(f"{role}/activate", json={"name": "ours", "note": "trial"})
    assert answer.status_code == 200
    assert len(answer.json["sha256"]) == 64
    active = {row["role"]: row["active"] for row in admin.get("/api/v1/models").json["roles"]}
    assert active["ct-segmenter"] == "ours"
    assert admin.post(f"{role}/roll-back").json["name"] == "ct-segmenter"
    assert admin.post(f"{role}/roll-back").json["name"] == "ours"
    history = admin.get(f"{role}/history").json["history"]
    assert [row["name"] for row in history] == ["ours", "ct-segmenter", "ours"]
    assert admin.post(f"{role}/activate", json={"name": "us-steatosis"}).status_code == 409
    assert admin.post(f"{role}/activate", json={"name": "none"}).status_code == 409
    assert admin.post("/api/v1/model-roles/none/activate", json={"name": "ours"}).status_code == 404
    weights = next((tmp_path / "models" / "ours").glob("*.onnx"))
    weights.write_bytes(b"damaged")
    assert "damaged" in admin.post(f"{role}/activate", json={"name": "ours"}).json["error"]["cause"]
    assert [row.action for row in audit_rows(bench)] == ["model.activate", "model.roll_back", "model.roll_back"]


def test_models_page_activates_and_rolls_back(bench: Bench) -> None:
    client = bench.client()
    sign_in(client, "admin")
    token = csrf_of(client, "/admin/models")
    sent = {"name": "ct-segmenter", "note": "confirmed", "do": "activate", "csrf_token": token}
    assert client.post("/admin/models/ct-segmenter", data=sent).status_code == 302
    assert "confirmed" in client.get("/admin/models").text
    back = client.post("/admin/models/ct-segmenter", data={"do": "roll_back", "csrf_token": token})
    assert back.status_code == 409
    assert "No earlier model" in back.text
    assert client.post("/admin/models/none", data=sent).status_code == 404


def test_settings_change_while_running(bench: Bench) -> None:
    admin = bench.client("admin")
    answer = admin.patch("/api/v1/settings", json={"site_name": "  Ward   7 ", "session_idle_s": 600})
    assert answer.json["preferences"]["site_name"] == "Ward 7"
    assert admin.get("/api/v1/settings").json["preferences"]["session_idle_s"] == 600
    assert admin.patch("/api/v1/settings", json={"default_profile": "none"}).status_code == 409
    assert admin.patch("/api/v1/settings", json={"session_idle_s": 5}).status_code == 422
    assert admin.patch("/api/v1/settings", json={"database_url": "x"}).status_code == 422
    assert admin.patch("/api/v1/settings", json={"most_upload_bytes": 1 << 39}).status_code == 409
    assert [row.action for row in audit_rows(bench)].count("settings.change") == 1


def test_settings_page_saves(bench: Bench) -> None:
    client = bench.client()
    sign_in(client, "admin")
    data = {"csrf_token": csrf_of(client, "/admin/settings"), "site_name": "Ward 9", "default_profile": "tang2013",
            "retention_days": "365", "session_idle": "20", "session_longest": "60", "most_upload": "10"}  # fmt: skip
    assert client.post("/admin/settings", data=data).status_code == 302
    chosen = bench.client("admin").get("/api/v1/settings").json["preferences"]
    assert chosen == {"site_name": "Ward 9", "default_profile": "tang2013", "retention_days": 365,
                      "session_idle_s": 1200, "session_longest_s": 3600, "most_upload_bytes": 10 << 20}  # fmt: skip
    assert client.post("/admin/settings", data={**data, "session_idle": "soon"}).status_code == 422
    assert client.post("/admin/settings", data={**data, "session_idle": "100000"}).status_code == 409


def test_no_secret_is_shown(bench: Bench) -> None:
    assert without_password("postgresql://u:p%40ss@h/db") == "postgresql://u:***@h/db"
    assert without_password("redis://:secret@h:6379/0") == "redis://:***@h:6379/0"
    assert without_password("sqlite:////x/y.db") == "sqlite:////x/y.db"
    words = bench.client("admin").get("/api/v1/settings").text
    assert bench.service.secret not in words


def test_audit_filters_pages_and_exports(bench: Bench) -> None:
    for name in ("viewer", "clinician"):
        sign_in(bench.client(), name)
    sign_in(bench.client(), "viewer", "wrong words here")
    admin = bench.client("admin")
    assert admin.get("/api/v1/audit?actor=viewer").json["total"] == 1
    assert admin.get("/api/v1/audit?action=user.*").json["total"] == 3
    page = admin.get("/api/v1/audit?per_page=2&page=2").json
    assert (len(page["entries"]), page["total"]) == (1, 3)
    assert admin.get("/api/v1/audit?until=2001-01-01T00:00:00Z").json["total"] == 0
    assert admin.get("/api/v1/audit?page=0").status_code == 422
    assert admin.get("/api/v1/audit?since=yesterday").status_code == 422
    lines = admin.get("/api/v1/audit.jsonl?action=user.*").text.splitlines()
    assert [json.loads(line)["outcome"] for line in lines] == ["ok", "ok", "refused"]
    rows = list(csv.reader(io.StringIO(admin.get("/api/v1/audit.csv").text)))
    assert rows[0][:3] == ["seq", "at", "actor"]
    assert len(rows) == 1 + 3 + 2
    assert [row.action for row in audit_rows(bench)][-2:] == ["audit.export", "audit.export"]


def test_a_changed_entry_is_found(bench: Bench) -> None:
    sign_in(bench.client(), "viewer")
    admin = bench.client("admin")
    assert admin.get("/api/v1/audit/check").json == {"ok": True, "problems": [], "entries": 1}
    with bench.service.database.writing() as session:
        session.execute(text("UPDATE audit SET actor = 'somebody else'"))
    check = admin.get("/api/v1/audit/check").json
    assert check["ok"] is False
    assert "changed" in check["problems"][0]


def test_health_and_storage(bench: Bench, analysed_ct: Path) -> None:
    bench.add_study(analysed_ct)
    admin = bench.client("admin")
    health = admin.get("/api/v1/health").json
    assert health["jobs"]["done"] == 1
    assert {check["name"] for check in health["checks"]} == {"database", "migrations", "storage", "disk", "workers"}
    storage = admin.get("/api/v1/storage").json
    assert storage["counts"]["studies"] == 1
    assert storage["bytes"]["results"] > 1000
    assert admin.post("/api/v1/storage/check", json={"deep": True}).json == {"ok": True, "problems": []}
    assert admin.post("/api/v1/storage/collect", json={}).json["contents"] == 0
    assert admin.post("/api/v1/storage/collect", json={"older_than_s": 1}).status_code == 422
    assert [row.action for row in audit_rows(bench)] == ["storage.check", "storage.collect"]


def test_storage_page_checks_and_collects(bench: Bench, analysed_ct: Path) -> None:
    bench.add_study(analysed_ct)
    client = bench.client()
    sign_in(client, "admin")
    token = csrf_of(client, "/admin/storage")
    fits = client.post("/admin/storage", data={"do": "check", "csrf_token": token})
    assert "fit together" in fits.text
    sha, _size = bench.service.blobs.put_file(analysed_ct / "report.json")
    bench.service.blobs.delete(sha)
    assert sha in client.post("/admin/storage", data={"do": "check", "csrf_token": token}).text
    assert client.post("/admin/storage", data={"do": "collect", "csrf_token": token}).status_code == 302


def test_patients_past_the_retention_are_offered(bench: Bench, analysed_ct: Path) -> None:
    from datetime import timedelta

    from steatoscope.service.storage.base import now

    bench.add_study(analysed_ct, subject="OLD-1", created_at=now() - timedelta(days=40))
    bench.add_study(analysed_ct, subject="NEW-1")
    client = bench.client()
    sign_in(client, "admin")
    assert "OLD-1" not in client.get("/admin/storage").text
    bench.client("admin").patch("/api/v1/settings", json={"retention_days": 30})
    words = client.get("/admin/storage").text
    assert "OLD-1" in words
    assert "NEW-1" not in words
