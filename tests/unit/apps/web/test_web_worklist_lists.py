"""The work list for programs and as a page: shape, refusals, identity, audit, bulk actions."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from lists_kit import add_study, sample
from service_kit import Bench
from steatoscope.service.storage.tables import AuditEntry, Job, Study

NAME = "Anna Meier"


def _entries(bench: Bench, action: str) -> list[AuditEntry]:
    with bench.service.database.reading() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def test_a_page_of_studies_has_the_shape_of_the_contract(bench: Bench) -> None:
    for k in range(3):
        add_study(bench, "S-1", "CT", 10.0 + k, date(2026, 1, 1 + k))
    add_study(bench, "S-2")
    answer = bench.client("viewer").get("/api/v1/studies?subject=S-1&page=2&per_page=2")
    assert answer.status_code == 200
    assert {key: answer.json[key] for key in ("page", "per_page", "total")} == {"page": 2, "per_page": 2, "total": 3}
    [item] = answer.json["items"]
    assert (item["subject"], item["fat_percent"], item["grade"], item["modality"]) == ("S-1", 10.0, "mild", "CT")
    assert bench.client("viewer").get("/api/v1/studies?subject=S-1&page=9").json["items"] == []


def test_values_that_do_not_fit_are_refused_and_blanks_ask_nothing(bench: Bench) -> None:
    add_study(bench, "S-1", "MR", 12.0)
    client = bench.client("viewer")
    for bad in (
        "page=0", "page=x", "per_page=0", "per_page=201", "modality=xray", "grade=bad", "state=lost", "sort=id",
        "order=up", "from=yesterday", "fat_min=-1", "fat_max=nan", "reviewed=perhaps", "owner=you", "subject=%00",
        "page=99999999999999999999", "scale=percent", "q=" + "a" * 101,
    ):  # fmt: skip
        answer = client.get(f"/api/v1/studies?{bad}")
        assert (answer.status_code, answer.json["error"]["code"]) == (422, "E_INPUT"), bad
    blank = "/api/v1/studies?q=&modality=&grade=&state=&from=&to=&fat_min=&reviewed=&owner=&modality=mr"
    assert client.get(blank).json["total"] == 1
    assert client.get("/studies?page=0").status_code == 422


def test_without_a_token_or_the_right_there_is_no_list(bench: Bench) -> None:
    for path in ("/api/v1/studies", "/api/v1/studies.csv", "/api/v1/cohort", "/api/v1/patients", "/api/v1/agreement"):
        assert bench.client().get(path).status_code == 401, path
        assert bench.client("admin").get(path).status_code == 403, path
    for path in ("/api/v1/studies.csv", "/api/v1/studies.xlsx", "/api/v1/cohort", "/api/v1/agreement.csv", "/cohort"):
        assert bench.client("clinician").get(path).status_code == 403, path


def test_identity_is_for_those_with_the_right_only(bench: Bench) -> None:
    study_id = add_study(
        bench, "S-1", identity={"name": NAME, "patient_id": "A77", "birth_date": "1970-01-02"}, description=f"{NAME} CT"
    )
    with bench.service.database.reading() as session:
        patient_id = session.get_one(Study, study_id).patient_id
    paths = (
        "/api/v1/studies", "/studies", "/api/v1/patients", f"/api/v1/patients/{patient_id}", f"/patients/{patient_id}",
        f"/api/v1/patients/{patient_id}/timeline", f"/compare?left={study_id}",
        f"/compare?left={study_id}&right={study_id}",
        "/api/v1/studies.csv", "/cohort", "/api/v1/cohort", "/agreement", "/api/v1/agreement.csv",
    )  # fmt: skip
    researcher = bench.client("researcher")
    for path in paths:
        text = researcher.get(path).text
        assert not [word for word in ("Meier", "A77", "1970") if word in text], path
    viewer = bench.client("viewer")
    assert viewer.get("/api/v1/studies").json["items"][0]["identity"]["name"] == NAME
    assert NAME in viewer.get("/studies").text
    assert NAME in viewer.get(f"/patients/{patient_id}").text


def test_searching_by_name_needs_the_right_and_is_audited_without_the_words(bench: Bench) -> None:
    add_study(bench, "S-1", identity={"name": NAME})
    add_study(bench, "S-2")
    assert bench.client("researcher").get("/api/v1/studies?q=meier").json["total"] == 0
    assert _entries(bench, "patient.search") == []
    assert bench.client("clinician").get("/api/v1/studies?q=meier").json["total"] == 1
    [entry] = _entries(bench, "patient.search")
    assert (entry.actor, entry.details["subjects"]) == ("clinician", ["S-1"])
    assert "eier" not in str(entry.details)


def test_a_list_without_identity_leaves_no_entry_unless_it_is_one_patients(bench: Bench) -> None:
    add_study(bench, "S-1")
    client = bench.client("researcher")
    client.get("/api/v1/studies")
    assert _entries(bench, "study.list") == []
    client.get("/api/v1/studies?subject=S-1")
    assert [entry.subject for entry in _entries(bench, "study.list")] == ["S-1"]


def test_descriptions_are_for_identity_or_the_owner(bench: Bench) -> None:
    add_study(bench, "S-1", owner="researcher", description="mine")
    add_study(bench, "S-2", owner="clinician", description="theirs")
    items = bench.client("researcher").get("/api/v1/studies?sort=subject&order=asc").json["items"]
    assert [(item["description"], item["own"]) for item in items] == [("mine", True), ("", False)]
    assert bench.client("researcher").get("/api/v1/studies?owner=me").json["total"] == 1


def test_states_are_light_and_hold_no_result(bench: Bench) -> None:
    one, other = add_study(bench, "S-1"), add_study(bench, "S-2", fat=None, state="running", measured=False)
    client = bench.client("viewer")
    items = client.get(f"/api/v1/studies/states?ids={one},{other},{'0' * 32}").json["items"]
    assert {item["study_id"]: item["state"] for item in items} == {one: "done", other: "running"}
    assert all(set(item) == {"study_id", "state", "stage", "progress"} for item in items)
    assert client.get("/api/v1/studies/states?ids=nonsense").status_code == 422
    assert client.get("/api/v1/studies/states").status_code == 422


def _state(bench: Bench, study_id: str) -> str:
    with bench.service.database.reading() as session:
        return session.scalars(select(Job.state).where(Job.study_id == study_id)).one()


def test_bulk_actions_touch_only_ones_own_studies_that_allow_it(bench: Bench) -> None:
    queued, foreign, done, failed = (
        add_study(bench, "A", state="queued", measured=False),
        add_study(bench, "B", state="queued", measured=False, owner="researcher"),
        add_study(bench, "C"),
        add_study(bench, "D", failure="E_FORMAT"),
    )
    client = bench.client("clinician")
    ids = [queued, foreign, done, "0" * 32, queued]
    answer = client.post("/api/v1/studies/actions", json={"action": "cancel", "study_ids": ids}).json
    assert answer["done"] == [queued]
    assert {item["study_id"]: item["reason"] for item in answer["skipped"]} == {
        foreign: "not_yours", done: "not_possible", "0" * 32: "unknown",
    }  # fmt: skip
    assert (_state(bench, queued), _state(bench, foreign)) == ("cancelled", "queued")
    retried = client.post("/api/v1/studies/actions", json={"action": "retry", "study_ids": [queued, failed, done]}).json
    assert retried["done"] == [queued, failed]
    assert _state(bench, failed) == "queued"
    assert [entry.subject for entry in _entries(bench, "job.cancel")] == ["A"]
    assert [entry.subject for entry in _entries(bench, "job.retry")] == ["A", "D"]


@pytest.mark.parametrize(
    "body",
    [{}, {"action": "erase", "study_ids": ["0" * 32]}, {"action": "cancel", "study_ids": []},
     {"action": "cancel", "study_ids": ["../x"]}, {"action": "cancel", "study_ids": ["0" * 32] * 201}],
)  # fmt: skip
def test_bulk_actions_refuse_what_does_not_fit(bench: Bench, body: dict[str, Any]) -> None:
    assert bench.client("clinician").post("/api/v1/studies/actions", json=body).status_code == 422
    assert bench.client("viewer").post("/api/v1/studies/actions", json=body).status_code == 403


def test_the_page_filters_sorts_and_pages_by_its_address(bench: Bench) -> None:
    sample(bench)
    page = bench.client("researcher").get("/studies?modality=CT&sort=fat&order=desc&per_page=25")
    assert page.status_code == 200
    assert page.text.index("32.0 %") < page.text.index("22.0 %") < page.text.index("1.5 %")
    assert "Simulated" in page.text
    assert 'aria-sort="descending"' in page.text
    assert "modality=CT" in page.text.split("/api/v1/studies.csv?")[1].split('"')[0]
    assert "There are no studies yet" not in page.text
    assert "No study fits these filters" in bench.client("researcher").get("/studies?q=zzz").text


def test_an_empty_installation_invites_to_upload(bench: Bench) -> None:
    assert "Upload the first study" in bench.client("clinician").get("/studies").text
    assert "Upload the first study" not in bench.client("viewer").get("/studies").text


def test_texts_of_others_are_shown_as_text(bench: Bench) -> None:
    add_study(bench, "<script>alert(1)</script>", description='"><img src=x>')
    text = bench.client("clinician").get("/studies").text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
