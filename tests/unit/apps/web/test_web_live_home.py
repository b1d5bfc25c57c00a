"""The start page by role, the status page's ways, and where a choice of language may lead."""

from __future__ import annotations

import pytest
from test_web_live_api import add_job

from service_kit import Bench
from steatoscope.apps.web.live.preferences import safe_target
from steatoscope.service.storage.tables import Job


def study_of(bench: Bench, job_id: str) -> str:
    with bench.service.database.reading() as session:
        return session.get_one(Job, job_id).study_id


def test_an_empty_start_page_shows_first_steps(bench: Bench) -> None:
    assert "Upload a first study" in bench.client("clinician").get("/").text
    assert "Add the people who will work here" in bench.client("admin").get("/").text
    assert "Upload" not in bench.client("viewer").get("/").text


def test_the_start_page_lists_only_own_studies(bench: Bench) -> None:
    study = study_of(bench, add_job(bench))
    assert study in bench.client("clinician").get("/").text
    assert study not in bench.client("researcher").get("/").text
    assert study not in bench.client("admin").get("/").text


def test_nobody_is_sent_to_sign_in(bench: Bench) -> None:
    answer = bench.client().get("/")
    assert answer.status_code == 302
    assert answer.location.startswith("/sign-in")


@pytest.mark.parametrize("state", ["done", "refused"])
def test_a_finished_analysis_leads_to_its_result(bench: Bench, state: str) -> None:
    study = study_of(bench, add_job(bench, state=state))
    answer = bench.client("viewer").get(f"/studies/{study}/status")
    assert (answer.status_code, answer.location) == (303, f"/studies/{study}")


def test_an_unknown_study_has_no_status(bench: Bench) -> None:
    assert bench.client("viewer").get("/studies/none/status").status_code == 404


def test_a_colleague_cannot_cancel_by_the_page_either(bench: Bench) -> None:
    bench.add_user("second", "clinician")
    study = study_of(bench, add_job(bench))
    assert bench.client("second").post(f"/studies/{study}/status/cancel").status_code == 403
    assert bench.client("viewer").post(f"/studies/{study}/status/cancel").status_code == 403
    assert bench.client("clinician").post(f"/studies/{study}/status/cancel").status_code == 303


@pytest.mark.parametrize("address", ["", "//evil.example", "https://evil.example/", "/\\evil.example", "/a\nb", None])
def test_a_target_elsewhere_leads_to_the_start_page(address: str | None) -> None:
    assert safe_target(address) == "/"


def test_a_target_here_is_kept() -> None:
    assert safe_target("/studies?page=2") == "/studies?page=2"


def test_a_choice_needs_the_secret_of_the_page(bench: Bench) -> None:
    assert bench.client().post("/preferences", data={"language": "de"}).status_code == 400
