"""Jobs in the API: document, list, cancel, retry, rights."""

from __future__ import annotations

from typing import Any

import pytest

from service_kit import Bench
from steatoscope.service.storage.base import new_id, now
from steatoscope.service.storage.tables import AuditEntry, Job, Patient, Study


def add_job(bench: Bench, owner: str = "clinician", state: str = "queued", **columns: Any) -> str:
    """A study with one job in this state; returns the job's id."""
    with bench.service.database.writing() as session:
        patient = Patient(subject=f"S-{new_id()[:6]}")
        session.add(patient)
        session.flush()
        owner_id = bench.users[owner][0]
        study = Study(patient_id=patient.id, owner_id=owner_id, modality="CT", state=state, content_digest="0" * 64)
        session.add(study)
        session.flush()
        job = Job(id=new_id(), study_id=study.id, owner_id=owner_id, state=state, **columns)
        session.add(job)
    return job.id


def test_the_document_has_what_the_contract_names(bench: Bench) -> None:
    job_id = add_job(bench, state="running", stage="segment", progress=0.3, started_at=now())
    document = bench.client("clinician").get(f"/api/v1/jobs/{job_id}").json
    assert document["state"] == "running"
    assert document["stage"] == "segment"
    assert document["progress"] == 0.3
    assert document["error"] is None
    assert document["owned"] is True
    assert document["elapsed_s"] >= 0
    assert "owner_id" not in document
    assert bench.client("viewer").get(f"/api/v1/jobs/{job_id}").json["owned"] is False


def test_the_place_in_the_queue_counts_who_goes_first(bench: Bench) -> None:
    first, second = add_job(bench), add_job(bench)
    client = bench.client("viewer")
    assert client.get(f"/api/v1/jobs/{first}").json["queue_position"] == 0
    assert client.get(f"/api/v1/jobs/{second}").json["queue_position"] == 1


def test_a_failed_job_tells_why(bench: Bench) -> None:
    error = {"code": "E_TRUNCATED", "message": "The file is cut short.", "cause": "c", "remedy": "r", "path": None}
    job_id = add_job(bench, state="failed", error=error)
    assert bench.client("viewer").get(f"/api/v1/jobs/{job_id}").json["error"] == error


def test_the_list_has_pages_and_filters(bench: Bench) -> None:
    mine = add_job(bench, state="failed")
    add_job(bench, owner="researcher")
    client = bench.client("clinician")
    assert client.get("/api/v1/jobs").json["total"] == 2
    assert len(client.get("/api/v1/jobs?per_page=1&page=2").json["jobs"]) == 1
    assert [job["id"] for job in client.get("/api/v1/jobs?state=failed").json["jobs"]] == [mine]
    assert [job["id"] for job in client.get("/api/v1/jobs?mine=true").json["jobs"]] == [mine]
    assert client.get("/api/v1/jobs?state=odd").status_code == 422


def test_a_waiting_job_is_cancelled_and_noted(bench: Bench) -> None:
    job_id = add_job(bench)
    answer = bench.client("clinician").delete(f"/api/v1/jobs/{job_id}")
    assert answer.status_code == 202
    assert answer.json["state"] == "cancelled"
    with bench.service.database.reading() as session:
        assert [entry.action for entry in session.query(AuditEntry)] == ["job.cancel"]
    assert bench.client("clinician").delete(f"/api/v1/jobs/{job_id}").status_code == 409


def test_a_running_job_is_asked_to_stop(bench: Bench) -> None:
    job_id = add_job(bench, state="running", started_at=now())
    document = bench.client("clinician").delete(f"/api/v1/jobs/{job_id}").json
    assert (document["state"], document["cancel_requested"]) == ("running", True)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_what_ended_badly_can_be_repeated(bench: Bench, state: str) -> None:
    job_id = add_job(bench, state=state)
    answer = bench.client("clinician").post(f"/api/v1/jobs/{job_id}/retry")
    assert answer.status_code == 202
    assert answer.json["state"] == "queued"


@pytest.mark.parametrize("state", ["queued", "running", "done", "refused"])
def test_nothing_else_can_be_repeated(bench: Bench, state: str) -> None:
    job_id = add_job(bench, state=state)
    assert bench.client("clinician").post(f"/api/v1/jobs/{job_id}/retry").status_code == 409


@pytest.mark.parametrize("role", ["viewer", "researcher", "admin"])
def test_only_the_owner_cancels_and_repeats(bench: Bench, role: str) -> None:
    waiting, failed = add_job(bench), add_job(bench, state="failed")
    client = bench.client(role)
    assert client.delete(f"/api/v1/jobs/{waiting}").status_code == 403
    assert client.post(f"/api/v1/jobs/{failed}/retry").status_code == 403
    assert bench.client().delete(f"/api/v1/jobs/{waiting}").status_code == 401


def test_unknown_jobs_are_not_found(bench: Bench) -> None:
    client = bench.client("clinician")
    assert client.get("/api/v1/jobs/none").status_code == 404
    assert client.get("/api/v1/jobs/none/events").status_code == 404
    assert client.delete("/api/v1/jobs/none").status_code == 404
    assert client.post("/api/v1/jobs/none/retry").status_code == 404


def test_an_administrator_sees_no_jobs(bench: Bench) -> None:
    assert bench.client("admin").get("/api/v1/jobs").status_code == 403
