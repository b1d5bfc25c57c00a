"""Corrections of the outline and sign-off: exact masks, conflicts, rights, audit."""

from __future__ import annotations

import gzip
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from results_kit import add_file, small_ct, small_us
from service_kit import Bench
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.results import api_record
from steatoscope.apps.web.results.masks import decode_runs, encode_runs
from steatoscope.core.report import Report
from steatoscope.pipeline.outcome import Outcome
from steatoscope.service.report.pdf_addendum import Record
from steatoscope.service.report.viewer_bundle import write_viewer
from steatoscope.service.storage.base import new_id
from steatoscope.service.storage.results import add_correction
from steatoscope.service.storage.tables import AuditEntry, Correction, Job, Result, Review, User
from steatoscope.service.storage.tables import Study as Row


@pytest.fixture(scope="module")
def report(analysed_ct: Path) -> Report:
    return Report.model_validate_json((analysed_ct / "report.json").read_text(encoding="utf-8"))


def with_viewer(bench: Bench, analysed: Path, outcome: Outcome, folder: Path) -> str:
    study = bench.add_study(analysed)
    write_viewer(outcome, folder / "viewer.zip")
    add_file(bench, study, "viewer.zip", folder / "viewer.zip")
    return study


def body(*planes: tuple[int, Any], version: int = 1, **more: Any) -> dict[str, Any]:
    found = [{"index": index, "runs": encode_runs(mask)} for index, mask in planes]
    return {"base_version": version, "scene": "s0", "planes": found, **more}


def stored_mask(bench: Bench) -> bytes:
    with bench.service.database.reading() as session:
        sha256 = session.query(Correction).one().mask_sha256
    with bench.service.blobs.open(sha256) as stream:
        return stream.read()


@pytest.mark.parametrize("seed", range(5))
def test_runs_come_back(seed: int) -> None:
    mask = np.random.default_rng(seed).random((7, 9)) < seed / 4
    runs = encode_runs(mask)
    assert sum(runs) == 63
    assert np.array_equal(decode_runs(runs, (7, 9)), mask)


@pytest.mark.parametrize("runs", [[62], [64], [0], [63, 1]])
def test_runs_that_do_not_fill_the_picture_are_refused(runs: list[int]) -> None:
    with pytest.raises(Problem) as caught:
        decode_runs(runs, (7, 9))
    assert caught.value.status == 422


def test_edited_slices_lie_over_the_version_in_the_space_of_the_study(
    bench: Bench, analysed_ct: Path, report: Report, tmp_path: Path
) -> None:
    import nibabel

    outcome = small_ct(report, flipped=True)
    study = with_viewer(bench, analysed_ct, outcome, tmp_path)
    drawn = np.random.default_rng(0).random((32, 40)) < 0.3
    answer = bench.client("clinician").post(f"/api/v1/studies/{study}/mask", json=body((2, drawn), note=" why "))
    assert answer.status_code == 202
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(stored_mask(bench)))
    expected = outcome.masks["liver"].copy()
    expected[2] = drawn
    assert np.array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), expected)
    assert outcome.geometry is not None
    assert np.allclose(image.affine, outcome.geometry.to_ras())
    with bench.service.database.reading() as session:
        job = session.get_one(Job, answer.json["job_id"])
        row = session.query(Correction).one()
        entry = session.query(AuditEntry).filter_by(action="mask.correct").one()
        assert (job.kind, job.state, job.options["liver_mask"]) == ("remeasure", "queued", row.mask_sha256)
        assert job.options["liver_mask_name"] == "mask-liver.nii.gz"
        assert (row.job_id, row.note, row.study_id) == (job.id, "why", study)
        assert (entry.actor, entry.subject) == ("clinician", "S-1")
        assert session.query(Result).count() == 1


def test_an_ultrasound_outline_is_one_picture_in_stored_order(
    bench: Bench, analysed_ct: Path, report: Report, tmp_path: Path
) -> None:
    study = with_viewer(bench, analysed_ct, small_us(report), tmp_path)
    drawn = np.random.default_rng(1).random((24, 36)) < 0.5
    answer = bench.client("clinician").post(f"/api/v1/studies/{study}/mask", json=body((0, drawn)))
    assert answer.status_code == 202
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(stored_mask(bench)))) > 0, drawn)


def test_studies_of_several_views_are_refused_with_words(
    bench: Bench, analysed_ct: Path, report: Report, tmp_path: Path
) -> None:
    study = with_viewer(bench, analysed_ct, small_us(report, views=2), tmp_path)
    drawn = np.ones((24, 36), dtype=bool)
    answer = bench.client("clinician").post(f"/api/v1/studies/{study}/mask", json=body((0, drawn)))
    assert answer.status_code == 422
    assert "several ultrasound views" in answer.json["error"]["cause"]


def test_unfit_corrections_are_refused(bench: Bench, analysed_ct: Path, report: Report, tmp_path: Path) -> None:
    study = with_viewer(bench, analysed_ct, small_ct(report), tmp_path)
    clinician, path = bench.client("clinician"), f"/api/v1/studies/{study}/mask"
    ones, nothing = np.ones((32, 40), dtype=bool), np.zeros((32, 40), dtype=bool)
    assert clinician.post(path, json=body((6, ones))).status_code == 422
    assert clinician.post(path, json=body((0, ones[:, :39]))).status_code == 422
    assert clinician.post(path, json=body()).status_code == 422
    assert clinician.post(path, json=body((0, ones), scene="s1")).status_code == 422
    assert clinician.post(path, json=body((0, ones), version=2)).status_code == 422
    assert clinician.post(path, data=b"{", content_type="application/json").status_code in (400, 422)
    empty = clinician.post(path, json=body(*((index, nothing) for index in range(6))))
    assert empty.json["error"]["cause"] == "The outline is empty."
    assert clinician.post(f"/api/v1/studies/{'0' * 32}/mask", json=body((0, ones))).status_code == 404
    for role, status in (("viewer", 403), ("researcher", 403), ("admin", 403), (None, 401)):
        assert bench.client(role).post(path, json=body((0, ones))).status_code == status
    with bench.service.database.reading() as session:
        assert session.query(Correction).count() == 0
        assert session.query(Job).count() == 1


def test_who_draws_over_an_old_version_is_told(bench: Bench, analysed_ct: Path, report: Report, tmp_path: Path) -> None:
    study = with_viewer(bench, analysed_ct, small_ct(report), tmp_path)
    clinician, path = bench.client("clinician"), f"/api/v1/studies/{study}/mask"
    drawn = np.ones((32, 40), dtype=bool)
    assert clinician.post(path, json=body((0, drawn))).status_code == 202
    waiting = clinician.post(path, json=body((0, drawn)))
    assert waiting.status_code == 409
    with bench.service.database.writing() as session:
        job = session.query(Job).filter_by(kind="remeasure").one()
        job.state = "done"
        first = session.query(Result).one()
        second = Result(
            id=new_id(), study_id=study, job_id=job.id, version=2, kind="corrected", report=first.report,
            report_digest=first.report_digest, status="ok",
        )  # fmt: skip
        session.add(second)
        session.flush()
        session.get_one(Row, study).current_result_id = second.id
    late = clinician.post(path, json=body((0, drawn)))
    assert late.status_code == 409
    assert "newer version (2)" in late.json["error"]["cause"]
    versions = clinician.get(f"/api/v1/studies/{study}/versions").json["versions"]
    assert [(one["version"], one["kind"]) for one in versions] == [(2, "corrected"), (1, "machine")]
    assert versions[0]["correction"]["user"] == "clinician"
    assert versions[0]["correction"]["base_version"] == 1
    old = clinician.get(f"/studies/{study}?version=1").get_data(as_text=True)
    assert "There is a newer one" in old
    assert "correct-mask" not in old


def test_the_sign_off_form_chooses_nothing_and_a_missing_choice_is_named(bench: Bench, analysed_ct: Path) -> None:
    study = bench.add_study(analysed_ct)
    clinician = bench.client("clinician")
    page = clinician.get(f"/studies/{study}").get_data(as_text=True)
    choices = re.findall(r'<input type="radio"[^>]*name="decision"[^>]*>', page)
    assert len(choices) == 2
    assert not any("checked" in choice for choice in choices)
    assert "required" in choices[0]
    assert re.search(r"<img[^>]*baseline[.]png[^>]*>", page)
    assert not re.search(r'<img[^>]*baseline[.]png[^>]*loading="lazy"', page)
    fault = clinician.post(f"/api/v1/studies/{study}/reviews", json={"version": 1, "decision": ""})
    assert fault.status_code == 422
    assert fault.json["error"]["code"] == "E_INPUT"
    assert "decision" in fault.json["error"]["cause"]


def test_sign_off_stands_beside_the_result(bench: Bench, analysed_ct: Path) -> None:
    study = bench.add_study(analysed_ct)
    clinician, path = bench.client("clinician"), f"/api/v1/studies/{study}/reviews"
    before = clinician.get(f"/api/v1/studies/{study}/report").json
    answer = clinician.post(path, json={"version": 1, "decision": "amend", "grade": "severe", "comment": "seen <b>"})
    assert answer.status_code == 201
    assert clinician.post(path, json={"version": 1, "decision": "agree"}).json["grade"] == before["grade"]["label"]
    reviews = clinician.get(path).json["reviews"]
    assert [(one["decision"], one["user"], one["version"]) for one in reviews] == [
        ("agree", "clinician", 1),
        ("amend", "clinician", 1),
    ]
    assert clinician.get(f"/api/v1/studies/{study}/report").json == before
    page = bench.client("viewer").get(f"/studies/{study}").get_data(as_text=True)
    assert "seen &lt;b&gt;" in page
    assert "amends the grade of version 1" in page
    with bench.service.database.reading() as session:
        assert session.query(AuditEntry).filter_by(action="result.sign").count() == 2


def test_a_sign_off_sent_twice_is_stored_once(bench: Bench, analysed_ct: Path) -> None:
    path = f"/api/v1/studies/{bench.add_study(analysed_ct)}/reviews"
    clinician = bench.client("clinician")
    first = clinician.post(path, json={"version": 1, "decision": "agree", "comment": "fine"})
    again = clinician.post(path, json={"version": 1, "decision": "agree", "comment": " fine "})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    other = clinician.post(path, json={"version": 1, "decision": "agree", "comment": "seen again"})
    assert other.status_code == 201
    assert len(clinician.get(path).json["reviews"]) == 2
    with bench.service.database.reading() as session:
        assert session.query(AuditEntry).filter_by(action="result.sign").count() == 2


def test_the_machines_own_grade_is_no_amendment(bench: Bench, analysed_ct: Path) -> None:
    study = bench.add_study(analysed_ct)
    clinician, path = bench.client("clinician"), f"/api/v1/studies/{study}/reviews"
    own = clinician.get(f"/api/v1/studies/{study}/report").json["grade"]["label"]
    answer = clinician.post(path, json={"version": 1, "decision": "amend", "grade": own})
    assert answer.status_code == 422
    assert "machine's own" in answer.json["error"]["cause"]
    page = clinician.get(f"/studies/{study}").get_data(as_text=True)
    assert '<option value="">' in page
    assert f'<option value="{own}"' not in page


def test_the_record_tells_correction_sign_offs_and_a_newer_version(
    bench: Bench, analysed_ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = bench.add_study(analysed_ct)
    clinician, path = bench.client("clinician"), f"/api/v1/studies/{study}"
    with bench.service.database.writing() as session:
        first = session.query(Result).one()
        job = Job(study_id=study, owner_id=bench.users["clinician"][0], kind="remeasure", state="done")
        session.add(job)
        session.flush()
        second = Result(
            id=new_id(), study_id=study, job_id=job.id, version=2, kind="corrected", report=first.report,
            report_digest=first.report_digest, status="ok", grade=first.grade,
        )  # fmt: skip
        session.add(second)
        session.flush()
        session.get_one(Row, study).current_result_id = second.id
        user = session.get_one(User, bench.users["clinician"][0])
        add_correction(session, base=first, job=job, user=user, mask_sha256="a" * 64, mask_size=1, note="edge")
    sent = {"version": 2, "decision": "amend", "grade": "severe", "comment": "first line\n" + "seen " * 700}
    assert clinician.post(f"{path}/reviews", json=sent).status_code == 201
    drawn: list[Record] = []
    monkeypatch.setattr(api_record, "render_record", lambda report, record: drawn.append(record) or b"%PDF")
    assert clinician.get(f"{path}/record.pdf").data == b"%PDF"
    assert bench.client("viewer").get(f"{path}/record.pdf?version=1").status_code == 200
    monkeypatch.undo()
    new, old = drawn
    assert (new.version, new.newest, new.kind, new.corrector, new.note) == (2, 2, "corrected", "clinician", "edge")
    assert [(one.user, one.decision, one.grade) for one in new.sign_offs] == [("clinician", "amend", "severe")]
    assert (old.version, old.newest, old.kind, old.corrector, old.sign_offs) == (1, 2, "machine", "", ())
    answer = clinician.get(f"{path}/record.pdf")
    assert (answer.status_code, answer.content_type, answer.data[:5]) == (200, "application/pdf", b"%PDF-")
    assert clinician.get(f"{path}/record.pdf?version=3").status_code == 404
    assert "record.pdf?version=2" in clinician.get(f"/studies/{study}").get_data(as_text=True)


@pytest.mark.parametrize(
    "review",
    [
        {"version": 1, "decision": "amend"},
        {"version": 1, "decision": "amend", "grade": "awful"},
        {"version": 1, "decision": "agree", "grade": "severe"},
        {"version": 1, "decision": "maybe"},
        {"version": 1, "decision": "", "comment": "nothing was chosen"},
        {"version": 1},
        {"decision": "agree"},
        {"version": 1, "decision": "agree", "comment": "x" * 4001},
        {"version": 1, "decision": "agree", "comment": "a\0b"},
    ],
)
def test_unfit_sign_offs_are_refused(bench: Bench, analysed_ct: Path, review: dict[str, Any]) -> None:
    study = bench.add_study(analysed_ct)
    assert bench.client("clinician").post(f"/api/v1/studies/{study}/reviews", json=review).status_code == 422
    with bench.service.database.reading() as session:
        assert session.query(Review).count() == 0


def test_only_clinicians_sign(bench: Bench, analysed_ct: Path) -> None:
    study = bench.add_study(analysed_ct)
    path, review = f"/api/v1/studies/{study}/reviews", {"version": 1, "decision": "agree"}
    for role, status in (("viewer", 403), ("researcher", 403), ("admin", 403), (None, 401), ("clinician", 201)):
        assert bench.client(role).post(path, json=review).status_code == status
    assert bench.client("clinician").post(path, json={**review, "version": 2}).status_code == 404


@pytest.mark.parametrize("measured", [True, False])
def test_a_refused_state_says_measured_only_where_something_was(
    bench: Bench, analysed_ct: Path, measured: bool
) -> None:
    study = bench.add_study(analysed_ct)
    with bench.service.database.writing() as session:
        session.get_one(Row, study).state = "refused"
        result = session.query(Result).one()
        values = result.report["measurements"] if measured else []
        result.report = {**result.report, "measurements": values, "fat": None, "grade": None}
    page = bench.client("viewer").get(f"/studies/{study}").get_data(as_text=True)
    assert ("Measured, value refused" in page) == measured
    assert (">Refused<" in page) != measured


def test_a_study_that_is_measured_again_shows_the_state_of_its_job(bench: Bench, analysed_ct: Path) -> None:
    study = bench.add_study(analysed_ct)
    with bench.service.database.writing() as session:
        session.get_one(Row, study).state = "queued"
        job = Job(study_id=study, owner_id=bench.users["clinician"][0], kind="remeasure", state="running")
        session.add(job)
    page = bench.client("viewer").get(f"/studies/{study}").get_data(as_text=True)
    state = page[page.index('id="study-state"') :].partition("</dd>")[0]
    assert "badge-run" in state
    assert ">In analysis<" in state
