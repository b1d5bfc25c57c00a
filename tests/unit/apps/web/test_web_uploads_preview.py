"""The preview addresses and the upload page: what is shown, and to whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service_kit import Bench, make_bench
from upload_kit import HTML, ct_slice, part, png, zipped


def preview(bench: Bench, *files: tuple[str, bytes], role: str = "clinician", **fields: Any) -> Any:
    data = {"files": [part(name, content) for name, content in files], **fields}
    return bench.client(role).post("/api/v1/preview", data=data, content_type="multipart/form-data")


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Bench]:
    """An installation in identity mode."""
    made = make_bench(tmp_path / "keeper", identity_mode=True)
    yield made
    made.service.database.dispose()


def test_files_are_told(bench: Bench) -> None:
    whole = ct_slice()
    answer = preview(bench, ("a.dcm", whole[:1500]), ("b.html", HTML), sizes=json.dumps([len(whole), len(HTML)]))
    assert answer.status_code == 200, answer.text
    first, second = answer.json["files"]
    assert (first["kind"], first["modality"], first["series"], first["refused"]) == (
        "dicom",
        "CT",
        "Abdomen native",
        False,
    )
    assert (second["kind"], second["refused"], second["remarks"][0]["code"]) == ("unknown", True, "E_FORMAT")
    assert answer.json["series"] == [
        {"uid": "1.2.3.2", "modality": "CT", "description": "Abdomen native", "files": 1, "echo_times_ms": []}
    ]
    assert list(bench.service.settings.inbox.iterdir()) == []


def test_identity_is_not_shown_where_it_is_not_kept(bench: Bench) -> None:
    answer = preview(bench, ("a.dcm", ct_slice()))
    patient = answer.json["patient"]
    assert patient["kept"] is False
    assert patient["subject"].startswith("P-")
    assert "will not be kept" in patient["words"]
    for secret in ("Doe", "4711", "19700401"):
        assert secret not in answer.text
    taken = bench.client("clinician").post(
        "/api/v1/studies", data={"files": [part("a", ct_slice())]}, content_type="multipart/form-data"
    )
    assert taken.json["subject"] == patient["subject"]


def test_identity_is_shown_in_identity_mode_to_who_may_see_it(keeper: Bench) -> None:
    shown = preview(keeper, ("a.dcm", ct_slice())).json["patient"]
    assert (shown["name"], shown["patient_id"], shown["birth_date"], shown["kept"]) == (
        "Doe Jane",
        "4711",
        "19700401",
        True,
    )
    hidden = preview(keeper, ("a.dcm", ct_slice()), role="researcher")
    assert "Doe" not in hidden.text


def test_identity_mode_keeps_the_person(keeper: Bench) -> None:
    from steatoscope.service.storage.tables import Study

    answer = keeper.client("clinician").post(
        "/api/v1/studies", data={"files": [part("Doe.dcm", ct_slice())]}, content_type="multipart/form-data"
    )
    with keeper.service.database.reading() as session:
        study = session.get_one(Study, answer.json["study_id"])
        assert study.patient.identity == {"name": "Doe Jane", "patient_id": "4711", "birth_date": "19700401"}
        assert len(study.patient.identity_key or "") == 64
        assert study.patient.subject.startswith("P-")
        with keeper.service.blobs.open(study.files[0].sha256) as stream:
            assert b"Doe^Jane" in stream.read()


def test_a_subject_of_another_person_is_refused(keeper: Bench) -> None:
    def send(content: bytes) -> Any:
        data = {"files": [part("a", content)], "subject": "S-1"}
        return keeper.client("clinician").post("/api/v1/studies", data=data, content_type="multipart/form-data")

    assert send(ct_slice()).status_code == 202
    other = send(ct_slice(2, patient_id="0815", name="Roe^Rick"))
    assert (other.status_code, other.json["error"]["code"]) == (422, "E_INPUT")


def test_remarks_on_the_study(bench: Bench) -> None:
    def codes(*files: tuple[str, bytes]) -> set[str]:
        return {one["code"] for one in preview(bench, *files).json["remarks"]}

    assert codes(("a", ct_slice()), ("b", ct_slice(2, patient_id="0815"))) == {"E_MIXED"}
    assert codes(("a", ct_slice()), ("b", png())) == {"E_MODALITY"}
    assert codes(("a", HTML)) == {"E_FORMAT"}
    echoes = [(str(te), ct_slice(Modality="MR", EchoTime=te, MagneticFieldStrength=1.5)) for te in (1.1, 2.2, 3.3)]
    assert codes(*echoes[:2]) == {"E_TE"}
    assert codes(*echoes) == set()


@pytest.mark.parametrize("fields", [{"sizes": "x"}, {"sizes": '["a"]'}, {"sizes": "{}"}, {"modality": "pet"}])
def test_wrong_fields(bench: Bench, fields: dict[str, str]) -> None:
    assert preview(bench, ("a", png()), **fields).status_code == 422


def test_a_preview_of_an_upload(bench: Bench) -> None:
    client = bench.client("clinician")
    body = {"files": [{"name": "a.dcm", "size": len(ct_slice())}, {"name": "b.dcm", "size": 9}]}
    upload = client.post("/api/v1/uploads", json=body).json["upload_id"]
    client.put(f"/api/v1/uploads/{upload}/files/0?offset=0", data=ct_slice(), content_type="application/octet-stream")
    answer = client.post(f"/api/v1/uploads/{upload}/preview")
    assert [(one["name"], one["modality"]) for one in answer.json["files"]] == [("a.dcm", "CT")]
    assert bench.client("researcher").post(f"/api/v1/uploads/{upload}/preview").status_code == 403


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("admin", 403), ("clinician", 200), ("researcher", 200)])
def test_the_page_is_for_who_may_upload(bench: Bench, role: str, status: int) -> None:
    answer = bench.client(role).get("/upload")
    assert answer.status_code == status
    if status == 200:
        for name in ("clinical-bmi_kg_m2", "clinical-alt_u_l", "triglycerides_mmol_l", "webkitdirectory"):
            assert name in answer.text
        assert "style=" not in answer.text


def test_every_clinical_value_has_a_field() -> None:
    from steatoscope.apps.web.uploads.form import clinical_groups
    from steatoscope.core.clinical_input import ClinicalInput

    names = {field.name for _, fields in clinical_groups() for field in fields}
    assert names == set(ClinicalInput.model_fields)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (ct_slice()[:3000], "E_TRUNCATED"),
        (png()[:9000], "E_TRUNCATED"),
        (zipped({}), "E_EMPTY"),
        (zipped({"a.png": png()})[:-60], "E_TRUNCATED"),
        (zipped({"a.txt": b"x", "b.html": HTML}), "E_FORMAT"),
        (zipped({"a.png": png()[:9000]}), "E_TRUNCATED"),
        (zipped({"a.png": png(), "b.txt": b"x"}), None),
        (ct_slice(), None),
    ],
)
def test_a_file_that_is_here_whole_is_judged_as_the_upload_does(bench: Bench, content: bytes, code: Any) -> None:
    found = preview(bench, ("a", content), sizes=json.dumps([len(content)])).json["files"][0]
    assert found["refused"] is (code is not None), found
    if code is not None:
        assert code in [one["code"] for one in found["remarks"]]
    data = {"files": [part("a", content)]}
    sent = bench.client("clinician").post("/api/v1/studies", data=data, content_type="multipart/form-data")
    assert sent.status_code == (202 if code is None else 422)
    assert list(bench.service.settings.inbox.iterdir()) == []


def test_the_start_of_a_larger_file_is_not_called_cut(bench: Bench) -> None:
    whole = ct_slice()
    found = preview(bench, ("a.dcm", whole[:3000]), sizes=json.dumps([len(whole)])).json["files"][0]
    assert found["refused"] is False


def test_a_zip_is_said_to_be_opened_later(bench: Bench) -> None:
    content = zipped({"a.dcm": ct_slice()})
    words = preview(bench, ("a.zip", content), sizes=json.dumps([len(content)])).json["patient"]["words"]
    assert "when the zip has been opened" in words
    assert "name no patient" not in words


def test_the_page_takes_a_subject(bench: Bench) -> None:
    client = bench.client("clinician")
    page = client.get("/upload?subject=S-7%22%3E&force=1").text
    assert 'value="S-7&#34;&gt;"' in page
    assert 'type="checkbox" checked' in page
    assert client.get(f"/upload?subject={'x' * 81}").status_code == 422
    assert 'value=""' in client.get("/upload").text


def test_a_code_in_other_letters_is_told_before_sending(bench: Bench) -> None:
    data = {"files": [part("a", png())], "subject": "FU"}
    bench.client("clinician").post("/api/v1/studies", data=data, content_type="multipart/form-data")
    assert preview(bench, ("a", png()), subject="fu").json["similar_subject"] == "FU"
    assert "similar_subject" not in preview(bench, ("a", png()), subject="FU").json
