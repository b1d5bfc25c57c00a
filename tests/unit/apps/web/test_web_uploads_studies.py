"""``POST /api/v1/studies``: what is taken, what is refused before 202, what is kept."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pydicom
import pytest
from sqlalchemy import select

from service_kit import Bench
from steatoscope.service.storage.tables import AuditEntry, Job, Study
from upload_kit import HTML, SVG, ct_slice, part, png, zipped


def send(bench: Bench, *files: tuple[str, bytes], role: str = "clinician", **fields: Any) -> Any:
    """Send files and fields as one study."""
    data = {"files": [part(name, content) for name, content in files], **fields}
    return bench.client(role).post("/api/v1/studies", data=data, content_type="multipart/form-data")


def stored(bench: Bench, study_id: str) -> dict[str, bytes]:
    """The files of a study by name."""
    with bench.service.database.reading() as session:
        study = session.get_one(Study, study_id)
        return {file.name: content_of(bench, file.sha256) for file in study.files}


def content_of(bench: Bench, sha256: str) -> bytes:
    with bench.service.blobs.open(sha256) as stream:
        return stream.read()


def study_of(bench: Bench, study_id: str) -> Study:
    with bench.service.database.reading() as session:
        study = session.get_one(Study, study_id)
        assert study.patient.subject
        assert len(study.series) >= 0
        assert study.files
        return study


def leftovers(bench: Bench) -> list[str]:
    return [path.name for path in bench.service.settings.inbox.iterdir()]


def test_a_png_is_taken_and_a_job_waits(bench: Bench) -> None:
    answer = send(bench, ("liver.png", png()), subject="S-7", description="first")
    assert answer.status_code == 202, answer.text
    assert set(answer.json) >= {"study_id", "job_id"}
    study = study_of(bench, answer.json["study_id"])
    assert (study.patient.subject, study.modality, study.state, study.description) == ("S-7", "US", "queued", "first")
    with bench.service.database.reading() as session:
        job = session.get_one(Job, answer.json["job_id"])
        assert (job.study_id, job.state, job.owner_id) == (study.id, "queued", bench.users["clinician"][0])
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "study.upload")).one()
        assert (entry.outcome, entry.subject, entry.object_id) == ("ok", "S-7", study.id)
    assert stored(bench, study.id) == {"liver.png": png()}
    assert leftovers(bench) == []


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.png", b"", "E_EMPTY"),
        ("a.png", HTML, "E_FORMAT"),
        ("a.svg", SVG, "E_FORMAT"),
        ("a.dcm", b"MZ" + bytes(400), "E_FORMAT"),
        ("run.sh", b"#!/bin/sh\nrm -rf /\n", "E_FORMAT"),
        ("a.png", png()[:2000], "E_TRUNCATED"),
        ("a.png", png(side=64), "E_SIZE"),
        ("a.dcm", ct_slice()[:3000], "E_TRUNCATED"),
        ("a.zip", zipped({"a.png": png()})[:5000], "E_TRUNCATED"),
        ("a.zip", zipped({"../a.png": png()}), "E_ARCHIVE"),
        ("a.zip", zipped({"/etc/a.png": png()}), "E_ARCHIVE"),
        ("a.zip", zipped({"C:\\a.png": png()}), "E_ARCHIVE"),
        ("a.zip", zipped({"a.html": HTML}), "E_FORMAT"),
        ("a.zip", zipped({"inner.zip": zipped({"a.png": png()})}), "E_FORMAT"),
        ("a.json", b"{}", "E_FORMAT"),
    ],
)
def test_what_is_no_readable_scan_is_refused_at_once(bench: Bench, name: str, content: bytes, code: str) -> None:
    answer = send(bench, (name, content))
    assert answer.status_code == 422, answer.text
    assert answer.json["error"]["code"] == code
    assert set(answer.json["error"]) == {"code", "message", "cause", "remedy", "path"}
    assert str(bench.service.settings.data_dir) not in answer.text
    with bench.service.database.reading() as session:
        assert session.scalars(select(Study)).all() == []
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "study.upload")).one()
        assert (entry.outcome, entry.details["code"]) == ("refused", code)
    assert leftovers(bench) == []


def test_no_files_are_empty(bench: Bench) -> None:
    answer = send(bench, subject="S-1")
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "E_EMPTY")


def test_a_dicom_is_kept_without_the_patient(bench: Bench) -> None:
    answer = send(bench, ("Doe_Jane/4711.dcm", ct_slice()))
    assert answer.status_code == 202, answer.text
    study = study_of(bench, answer.json["study_id"])
    assert study.patient.subject.startswith("P-")
    assert len(study.patient.subject) == 12
    assert (study.patient.identity, study.patient.sex) == (None, "F")
    assert str(study.acquired_on) == "2024-02-20"
    assert [(one.modality, one.description, one.files) for one in study.series] == [("CT", "Abdomen native", 1)]
    assert study.series[0].uid != "1.2.3.2"
    ((name, content),) = stored(bench, study.id).items()
    assert "doe" not in name.lower()
    assert "4711" not in name
    for secret in (b"Doe", b"Jane", b"4711", b"19700401", b"Main Street", b"555", b"Clinic", b"Doctor", b"WARD7"):
        assert secret not in content
    header = pydicom.dcmread(BytesIO(content))
    assert (header.PatientID, header.PatientAge) == (study.patient.subject, "053Y")
    assert header.PixelData == pydicom.dcmread(BytesIO(ct_slice())).PixelData


def test_the_same_patient_has_the_same_subject(bench: Bench) -> None:
    first, second = (send(bench, ("a.dcm", ct_slice(n))).json for n in (1, 2))
    other = send(bench, ("a.dcm", ct_slice(3, patient_id="0815"))).json
    assert first["subject"] == second["subject"] != other["subject"]


def test_the_same_content_is_the_same_study(bench: Bench) -> None:
    first = send(bench, ("a.dcm", ct_slice(1)), ("b.dcm", ct_slice(2))).json
    again = send(bench, ("series.zip", zipped({"x/2": ct_slice(2), "x/1": ct_slice(1)})))
    assert again.status_code == 202
    assert again.json["duplicate"] is True
    assert (again.json["study_id"], again.json["job_id"]) == (first["study_id"], first["job_id"])
    forced = send(bench, ("a.dcm", ct_slice(1)), ("b.dcm", ct_slice(2)), force="true").json
    assert forced["study_id"] != first["study_id"]
    assert (forced["duplicate"], forced["duplicate_of"]) == (False, first["study_id"])
    other = send(bench, ("a.dcm", ct_slice(1)), ("b.dcm", ct_slice(2)), subject="S-9").json
    assert (other["duplicate"], other.get("duplicate_of")) == (False, None)


def test_fields_are_kept(bench: Bench) -> None:
    clinical = json.dumps({"age_years": 50, "bmi_kg_m2": 31})
    views = json.dumps({"a.png": "AR", "b.png": "HR"})
    files = ("a.png", png(1)), ("b.png", png(2)), ("c.png", png(3))
    answer = send(bench, *files, subject="S-1", clinical=clinical, views=views, modality="us")
    assert answer.status_code == 202, answer.text
    study = study_of(bench, answer.json["study_id"])
    assert study.views == {"a.png": "AR", "b.png": "HR"}
    assert study.clinical == {"age_years": 50, "bmi_kg_m2": 31}
    assert study.options == {"modality": "US"}


def test_how_clinical_values_were_read_is_kept(bench: Bench) -> None:
    seen = [("1742-6", 48, "U/L", "2010-06-01"), ("1920-8", 36, "U/L", "2024-06-01"), ("777-3", 9, "10*9/L", "")]
    resources = [
        {
            "resourceType": "Observation", "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": value, "code": unit, **({} if day else {"comparator": "<"})},
            **({"effectiveDateTime": day} if day else {}),
        }
        for code, value, unit, day in seen
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}
    answer = send(bench, ("a.png", png()), clinical=json.dumps(bundle), modality="us")
    assert answer.status_code == 202, answer.text
    study = study_of(bench, answer.json["study_id"])
    assert study.clinical == {"alt_u_l": 48, "ast_u_l": 36}
    assert study.options["clinical_days"] == {"alt_u_l": "2010-06-01", "ast_u_l": "2024-06-01"}
    assert any("platelets" in remark for remark in study.options["clinical_remarks"])


def test_repeated_views_and_views_the_other_way_round(bench: Bench) -> None:
    files = ("a.png", png(1)), ("b.png", png(2))
    first = send(bench, *files, views=["AR=a.png", "HR=b.png"]).json
    assert study_of(bench, first["study_id"]).views == {"a.png": "AR", "b.png": "HR"}
    second = send(bench, *files, views=json.dumps({"AR": "a.png", "HR": "b.png"})).json
    assert second["duplicate"] is True


def test_views_of_several_files_and_of_a_folder(bench: Bench) -> None:
    files = ("x/a.png", png(1)), ("x/b.png", png(2)), ("c.png", png(3))
    answer = send(bench, *files, views=json.dumps({"x": "AR", "c.png": "HR"}))
    study = study_of(bench, answer.json["study_id"])
    assert study.views == {"x/a.png": "AR", "x/b.png": "AR", "c.png": "HR"}
    assert {file.name: file.view for file in study.files} == study.views


@pytest.mark.parametrize(
    "fields",
    [
        {"views": '{"no.png": "AR"}'},
        {"views": "not json"},
        {"views": '{"a.png": 3}'},
        {"views": "{"},
        {"modality": "xray"},
        {"profile": "mine"},
        {"subject": "x" * 81},
        {"clinical": '{"age_years": 400}'},
        {"clinical": "[1]"},
        {"clinical": "{"},
        {"series": "abc"},
    ],
)
def test_wrong_fields_are_refused(bench: Bench, fields: dict[str, str]) -> None:
    answer = send(bench, ("a.png", png()), **fields)
    assert answer.status_code == 422, answer.text
    assert answer.json["error"]["code"] in ("E_INPUT", "E_FORMAT")


def test_a_subject_of_digits_stays_text(bench: Bench) -> None:
    assert send(bench, ("a.png", png()), subject="007").json["subject"] == "007"
    assert send(bench, ("a.png", png(1)), subject="12").json["subject"] == "12"


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("admin", 403), ("researcher", 202), (None, 401)])
def test_rights(bench: Bench, role: Any, status: int) -> None:
    assert send(bench, ("a.png", png()), role=role).status_code == status


def test_nobodys_files_are_never_somebody_elses_study(bench: Bench) -> None:
    named = send(bench, ("a.png", png()), subject="S-1").json
    first = send(bench, ("a.png", png())).json
    assert first["study_id"] != named["study_id"]
    assert (first["duplicate"], first.get("duplicate_of")) == (False, None)
    assert send(bench, ("b.png", png())).json["study_id"] == first["study_id"]
    other = send(bench, ("a.png", png()), role="researcher").json
    assert (other["duplicate"], other["subject"] == first["subject"]) == (False, False)


def test_a_code_in_other_letters_is_told(bench: Bench) -> None:
    assert "similar_subject" not in send(bench, ("a.png", png()), subject="FU").json
    assert "similar_subject" not in send(bench, ("a.png", png(1)), subject="FU").json
    assert send(bench, ("a.png", png()), subject="fu").json["similar_subject"] == "FU"


def test_unknown_clinical_names_are_refused(bench: Bench) -> None:
    answer = send(bench, ("a.png", png()), clinical='{"age": 12}')
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "E_FORMAT")
    assert "age_years" in answer.json["error"]["cause"]


def test_remedies_fit_the_fault(bench: Bench) -> None:
    clinical = send(bench, ("a.png", png()), clinical="{").json["error"]
    assert "JSON object" in clinical["remedy"]
    nothing = send(bench, subject="S-1").json["error"]
    assert "Export" not in nothing["remedy"]


def test_files_sent_again_are_said_to_be_known(bench: Bench) -> None:
    study = send(bench, ("a.png", png()), subject="S 1").json
    page = bench.client("clinician").get(f"{study['page_url']}?known=1").text
    assert "nothing new was done" in page
    assert "/upload?subject=S+1&amp;force=1" in page
    assert "nothing new was done" not in bench.client("clinician").get(study["page_url"]).text
