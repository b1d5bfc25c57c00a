"""Patients, timelines, comparison and agreement for programs and as pages."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from lists_kit import add_study, sample
from service_kit import Bench
from steatoscope.service.storage.tables import AuditEntry, Job, Patient, StoredFile, Study


def _patient(bench: Bench, subject: str) -> str:
    with bench.service.database.reading() as session:
        return session.scalars(select(Patient.id).where(Patient.subject == subject)).one()


def _audited(bench: Bench, action: str) -> list[tuple[str, str]]:
    with bench.service.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == action))
        return [(entry.actor, entry.subject) for entry in entries]


def test_a_patient_is_read_with_an_entry(bench: Bench) -> None:
    sample(bench)
    patient_id = _patient(bench, "P-04")
    answer = bench.client("viewer").get(f"/api/v1/patients/{patient_id}")
    assert (answer.json["subject"], answer.json["sex"], len(answer.json["studies"])) == ("P-04", "F", 5)
    days = [study["acquired_on"] for study in answer.json["studies"]]
    assert days == sorted(days, reverse=True)
    bench.client("viewer").get(f"/patients/{patient_id}")
    assert _audited(bench, "patient.read") == [("viewer", "P-04")] * 2
    for path in ("/api/v1/patients/" + "0" * 32, "/patients/" + "0" * 32, "/patients/nonsense"):
        assert bench.client("viewer").get(path).status_code == 404
    assert bench.client("viewer").get("/api/v1/patients/nonsense").status_code == 422


def test_the_timeline_gives_verdicts_within_a_scale_only(bench: Bench) -> None:
    sample(bench)
    patient_id = _patient(bench, "P-04")
    answer = bench.client("researcher").get(f"/api/v1/patients/{patient_id}/timeline").json
    tracks = {track["scale"]: track for track in answer["tracks"]}
    assert answer["cautions"] == ["modalities", "scales"]
    assert [visit["value"] for visit in tracks["pdff"]["visits"]] == [16.5, 14.0, 11.2, 8.1]
    assert tracks["pdff"]["since_first"]["change"]["verdict"] == "improved, >= 30 % relative decline"
    assert tracks["pdff"]["slope"]["visits"] == 4
    assert tracks["ct_pdff_equiv"]["steps"] == []
    page = bench.client("researcher").get(f"/patients/{patient_id}").text
    assert page.count("<circle") == 4
    assert "relative decline of 30 percent" in page
    assert "style=" not in page


def test_the_list_of_patients_pages_and_searches(bench: Bench) -> None:
    sample(bench)
    client = bench.client("viewer")
    answer = client.get("/api/v1/patients?q=p-&per_page=5&page=2").json
    assert (answer["total"], [item["subject"] for item in answer["items"]]) == (8, ["P-05", "P-06", "P-07"])
    assert client.get("/api/v1/patients?per_page=0").status_code == 422


def test_two_studies_side_by_side(bench: Bench) -> None:
    first = add_study(bench, "A", "MR", 20.0, date(2026, 1, 1), measurements=[("r2star", 40.0, "1/s")])
    second = add_study(bench, "A", "MR", 12.0, date(2026, 5, 1), measurements=[("r2star", 46.0, "1/s")])
    page = bench.client("viewer").get(f"/compare?left={first}&right={second}").text
    assert "-8.0 points" in page
    assert ">+6</td>" in page
    assert page.count("data-viewer") == 2
    assert _audited(bench, "study.compare") == [("viewer", "A")] * 2


def test_scales_and_people_are_not_compared(bench: Bench) -> None:
    mr, us = add_study(bench, "A", "MR", 20.0), add_study(bench, "A", "US", 60.0)
    other = add_study(bench, "B", "MR", 9.0)
    client = bench.client("viewer")
    scales = client.get(f"/compare?left={mr}&right={us}").text
    assert "different scales and are not subtracted" in scales
    people = client.get(f"/compare?left={mr}&right={other}").text
    assert "different subjects" in people
    assert _audited(bench, "study.compare")[-2:] == [("viewer", "A"), ("viewer", "B")]


@pytest.mark.parametrize("query", ["", "?left=x", "?left={id}&right=healthy:xray", "?left={id}&right=x"])
def test_a_comparison_needs_studies(bench: Bench, query: str) -> None:
    study_id = add_study(bench, "A")
    client = bench.client("viewer")
    assert client.get("/compare" + query.format(id=study_id)).status_code == 422
    assert client.get(f"/compare?left={study_id}&right={'0' * 32}").status_code == 404
    assert client.get(f"/compare?left={study_id}").status_code == 200


def test_a_healthy_reference_is_made_once_and_then_shown(bench: Bench) -> None:
    study_id = add_study(bench, "A", "US", 20.0)
    client = bench.client("clinician")
    address = f"/compare?left={study_id}&right=healthy:us"
    assert "There is no healthy reference for Ultrasound yet" in client.get(address).text
    for _ in range(2):
        made = client.post("/compare/healthy", data={"modality": "US", "left": study_id})
        assert made.status_code == 302
        assert made.location.endswith(address)
    with bench.service.database.reading() as session:
        [study] = session.scalars(select(Study).join(Patient).where(Patient.subject == "healthy-reference-us"))
        [job] = session.scalars(select(Job).where(Job.study_id == study.id))
        [file] = session.scalars(select(StoredFile).where(StoredFile.study_id == study.id))
    assert (job.state, file.name, study.options) == ("queued", "liver.png", {"modality": "US"})
    assert bench.service.blobs.exists(file.sha256)
    assert "It is being measured" in client.get(address).text
    add_study(bench, "healthy-reference-us", "US", 2.0, simulated=True)
    page = client.get(address).text
    assert "Healthy reference" in page
    assert "SIMULATED IMAGES" in page


def test_making_a_reference_needs_the_right(bench: Bench) -> None:
    assert bench.client("viewer").post("/compare/healthy", data={"modality": "US"}).status_code == 403
    assert bench.client("clinician").post("/compare/healthy", data={"modality": "XR"}).status_code == 422


def test_references_are_no_patients(bench: Bench) -> None:
    for subject in ("healthy-reference-ct", "A"):
        add_study(bench, subject, "CT", 3.0)
        add_study(bench, subject, "MR", 3.5)
    client = bench.client("researcher")
    assert [panel["whole"]["n"] for panel in client.get("/api/v1/cohort").json["panels"]] == [1, 1]
    assert [pair["subject"] for pair in client.get("/api/v1/agreement").json["groups"][0]["pairs"]] == ["A"]


def test_agreement_of_ct_and_mr(bench: Bench) -> None:
    sample(bench)
    client = bench.client("researcher")
    group = client.get("/api/v1/agreement?x=CT&y=MR&days=30").json["groups"][0]
    # CT minus MR is -0.5, 1, 2.5 in turn: -0.5 three times, 1 three times, 2.5 twice
    assert group["limits"]["n"] == 8
    assert group["limits"]["bias"] == pytest.approx((3 * -0.5 + 3 * 1.0 + 2 * 2.5) / 8)
    assert "equation" in group["conversion"]
    table = list(csv.DictReader(io.StringIO(client.get("/api/v1/agreement.csv?days=30").text)))
    assert [row["difference_points"] for row in table[:3]] == ["-0.5", "1.0", "2.5"]
    assert client.get("/api/v1/agreement?x=CT&y=MR&days=3").json["groups"] == []
    page = client.get("/agreement?days=30").text
    assert page.count("<circle") == 16
    assert [actor for actor, _ in _audited(bench, "agreement.export")] == ["researcher"]


def test_agreement_over_scales_that_do_not_fit_is_refused_with_the_reason(bench: Bench) -> None:
    sample(bench)
    client = bench.client("researcher")
    group = client.get("/api/v1/agreement?x=US&y=MR").json["groups"][0]
    assert (group["limits"], len(group["pairs"])) == (None, 4)
    assert "liver cells" in group["obstacle"]
    page = client.get("/agreement?x=US&y=MR").text
    assert "These scales are not compared" in page
    assert "<circle" not in page
    rows = list(csv.DictReader(io.StringIO(client.get("/api/v1/agreement.csv?x=US&y=MR").text)))
    assert {row["difference_points"] for row in rows} == {""}
    assert client.get("/api/v1/agreement?x=MR&y=MR").status_code == 422


def test_every_reason_of_agreement_is_known_to_translators() -> None:
    from steatoscope.apps.web.patients.words import AGREEMENT
    from steatoscope.pipeline import modality_agreement

    said = {*modality_agreement._COMPARABLE.values(), *modality_agreement._REASONS.values(), "none: one scale"}
    assert {words._args[0] for words in AGREEMENT} == said


def test_days_of_upload_are_marked_and_one_day_has_no_direction(bench: Bench) -> None:
    ids = [add_study(bench, "U-1", "MR", fat) for fat in (10.0, 20.0)]
    with bench.service.database.writing() as session:
        for hour, study_id in enumerate(ids, start=9):
            study = session.get_one(Study, study_id)
            study.acquired_on, study.created_at = None, datetime(2026, 1, 15, hour, tzinfo=UTC)
    client = bench.client("viewer")
    page = client.get(f"/patients/{_patient(bench, 'U-1')}").text
    assert "two measurements of one day" in page
    assert "worsened" not in page
    assert page.count(">uploaded</span>") == 2
    assert "marked as uploaded" in page
    visits = client.get(f"/api/v1/patients/{_patient(bench, 'U-1')}/timeline").json["tracks"][0]["visits"]
    assert [(visit["study_id"], visit["uploaded"]) for visit in visits] == [(one, True) for one in ids]
    compared = client.get(f"/compare?left={ids[0]}&right={ids[1]}").text
    assert compared.count("(uploaded)</a>") == 2
    assert "two measurements of one day" in compared


def test_values_side_by_side_have_the_same_digits(bench: Bench) -> None:
    ids = [add_study(bench, "D-1", "CT", 5.0, day, measurements=[("liver_hu", value, "HU")])
           for day, value in ((date(2026, 1, 1), 12.1), (date(2026, 2, 1), 65.384))]  # fmt: skip
    page = bench.client("viewer").get(f"/compare?left={ids[0]}&right={ids[1]}").text
    assert '<td class="numeric">65.4</td>' in page
    assert "65.384" not in page
