"""Export and erasure of a patient."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select
from web_accounts import audit_rows, csrf_of, sign_in

from lists_kit import add_study
from service_kit import Bench
from steatoscope.service.storage.tables import AuditEntry, Job, Patient, Study


@pytest.fixture
def patient_id(bench: Bench, analysed_ct: Path) -> str:
    study_id = bench.add_study(analysed_ct, subject="S-1")
    bench.add_study(analysed_ct, subject="S-2")
    with bench.service.database.writing() as session:
        study = session.get_one(Study, study_id)
        session.add(Job(study_id=study_id, owner_id=study.owner_id, state="running", lease_token="x"))
        return study.patient_id


def test_only_administrators(bench: Bench, patient_id: str) -> None:
    for role in ("viewer", "clinician", "researcher"):
        client = bench.client(role)
        assert client.get(f"/api/v1/patients/{patient_id}/export").status_code == 403
        assert client.delete(f"/api/v1/patients/{patient_id}", json={"subject": "S-1"}).status_code == 403


def test_the_export_holds_everything(bench: Bench, patient_id: str) -> None:
    answer = bench.client("admin").get(f"/api/v1/patients/{patient_id}/export")
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        document = json.loads(archive.read("patient.json"))
        assert document["patient"]["subject"] == "S-1"
        assert any(name.endswith("report.pdf") for name in archive.namelist())
    assert not list(bench.service.settings.scratch.glob("export-*"))
    assert [(row.action, row.subject) for row in audit_rows(bench)] == [("patient.export", "S-1")]


def test_erasure_needs_the_subject_code_and_leaves_the_others(bench: Bench, patient_id: str) -> None:
    admin = bench.client("admin")
    address = f"/api/v1/patients/{patient_id}"
    assert admin.delete(address).status_code == 422
    assert admin.delete(address, json={"subject": "S-2"}).status_code == 409
    answer = admin.delete(address, json={"subject": "S-1"})
    assert answer.status_code == 200
    assert answer.json["erased"]["studies"] == 1
    with bench.service.database.reading() as session:
        assert [patient.subject for patient in session.query(Patient)] == ["S-2"]
        kept = session.query(Study).one()
    assert bench.client("viewer").get(f"/api/v1/studies/{kept.id}/report").status_code == 200
    assert admin.post("/api/v1/storage/check", json={}).json["ok"] is True
    assert admin.delete(address, json={"subject": "S-1"}).status_code == 404
    assert [(row.action, row.subject) for row in audit_rows(bench)][:2] == [
        ("patient.erase", "S-1"),
        ("report.read", "S-2"),
    ]


def test_the_pages_find_export_and_erase(bench: Bench, patient_id: str) -> None:
    client = bench.client()
    sign_in(client, "admin")
    assert client.get("/admin/patients?subject=none").status_code == 404
    found = client.get("/admin/patients?subject=S-1").headers["Location"]
    assert found == f"/admin/patients/{patient_id}"
    token = csrf_of(client, found)
    assert client.get(f"{found}/export").mimetype == "application/zip"
    assert client.post(f"{found}/erase", data={"subject": "s-2", "csrf_token": token}).status_code == 409
    assert client.post(f"{found}/erase", data={"subject": "S-1", "csrf_token": token}).status_code == 302
    assert client.get(found).status_code == 404


def test_an_administrator_finds_the_id_by_the_code_and_sees_no_value(bench: Bench) -> None:
    add_study(bench, "P-7", "MR", 12.5)
    admin = bench.client("admin")
    answer = admin.get("/api/v1/erasable-patients?subject=P-7").json
    (found,) = answer["patients"]
    assert (found["subject"], found["studies"], found["results"], found["identity"]) == ("P-7", 1, 1, False)
    assert "12.5" not in str(answer)
    assert admin.get("/api/v1/erasable-patients?subject=p-8").json == {"patients": []}
    assert admin.get("/api/v1/erasable-patients").status_code == 422
    with bench.service.database.reading() as session:
        looks = session.scalars(select(AuditEntry).where(AuditEntry.action == "patient.find")).all()
        assert [(entry.actor, entry.subject) for entry in looks] == [("admin", "P-7"), ("admin", "p-8")]
    erased = admin.delete(f"/api/v1/patients/{found['id']}", json={"subject": "P-7"})
    assert erased.json["erased"]["studies"] == 1
