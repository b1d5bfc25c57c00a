"""One claimed job in process: files out of the store, the analysis, results into the store, nothing of this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from service_kit import Bench
from steatoscope.apps.cli.main import run
from steatoscope.apps.wiring.job_inputs import earlier_reports, gather_inputs, view_names
from steatoscope.apps.wiring.job_store import SqlJobStore
from steatoscope.apps.wiring.jobs import JobRunner, scan_day, series_rows, with_active
from steatoscope.apps.wiring.ports import default_ports
from steatoscope.apps.wiring.preferences import change_preferences
from steatoscope.core.errors import UsageError
from steatoscope.core.image import PatientFacts, Study, USScan
from steatoscope.learning.inference import session as onnx
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.service.jobs.port import Claim, Finished
from steatoscope.service.storage.job_table import add_job
from steatoscope.service.storage.patients import patient_for
from steatoscope.service.storage.studies import NewFile, add_study
from steatoscope.service.storage.tables import Job, ResultFile, StoredFile
from steatoscope.service.storage.tables import Study as StudyRow


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One simulated ultrasound frame."""
    folder = tmp_path_factory.mktemp("frame")
    run(["phantom", "us", "--fat", "18", "--seed", "1", "--out", str(folder / "us")])
    return folder / "us" / "frame_001.png"


class Work:
    """A bench with a runner: adds studies, claims and runs their jobs."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.service, self.folder = bench, bench.service, folder
        self.store = SqlJobStore(bench.service.database)
        self.runner = JobRunner(bench.service)
        self.told: list[tuple[str, float]] = []

    def add(self, files: dict[str, Path], *, views: Any = None, clinical: Any = None, **options: Any) -> Claim:
        with self.service.database.writing() as session:
            stored = [NewFile(name, *self.service.blobs.put_file(path)) for name, path in files.items()]
            patient = patient_for(session, "S-9")
            study = add_study(
                session, patient=patient, owner_id=None, files=stored, views=views, clinical=clinical, options=options
            )
            add_job(session, study, owner_id=None)
        claim = self.store.claim("w")
        assert claim is not None
        return claim

    def run(self, claim: Claim) -> Finished | None:
        folder = self.folder / claim.lease_token
        folder.mkdir()
        try:
            return self.runner(claim, folder, lambda stage, share: self.told.append((stage, share)), lambda: False)
        finally:
            shutil.rmtree(folder)


@pytest.fixture
def work(bench: Bench, tmp_path: Path) -> Iterator[Work]:
    folder = tmp_path / "room"
    folder.mkdir()
    yield Work(bench, folder)
    assert list(folder.iterdir()) == []


def test_a_study_becomes_a_stored_result_without_a_path_of_this_machine(work: Work, frame: Path) -> None:
    claim = work.add({"scan/a.png": frame}, modality="us")
    before = (Path.cwd(), tempfile.gettempdir())
    finished = work.run(claim)
    assert finished is not None
    assert finished.report is not None
    assert (Path.cwd(), tempfile.gettempdir()) == before
    assert finished.report["inputs"][0]["path"] == "scan/a.png"
    assert finished.report["subject"] == "S-9"
    names = {file.name: file for file in finished.files}
    assert {"report.json", "report.pdf", "report.html", "overlay.png", "manifest.json", "viewer.zip"} <= set(names)
    assert names["report.pdf"].media_type == "application/pdf"
    for name in ("report.json", "manifest.json", "report.html"):
        with work.service.blobs.open(names[name].sha256) as file:
            assert str(work.folder).encode() not in file.read(), name
    shares = [share for _, share in work.told]
    assert shares == sorted(shares)
    assert (work.told[0][0], work.told[-1][0]) == ("read", "store")
    assert work.store.finish(claim, finished)
    with work.service.database.reading() as session:
        assert session.get_one(StudyRow, claim.study_id).state == "done"
        assert session.query(ResultFile).count() == len(finished.files)


def test_models_are_opened_once_for_all_jobs(work: Work, frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    really = onnx._open

    def counted(graph: bytes, count: int) -> onnx.OnnxSession:
        opened.append(len(graph))
        return really(graph, count)

    monkeypatch.setattr(onnx, "_open", counted)
    monkeypatch.setattr(onnx, "_WARM", {})
    work.run(work.add({"a.png": frame}, modality="us"))
    first = len(opened)
    assert first >= 1
    work.run(work.add({"a.png": frame}, modality="us"))
    assert len(opened) == first


def test_invalid_input_ends_with_its_document_and_the_name_of_the_upload(work: Work, tmp_path: Path) -> None:
    cut = tmp_path / "cut.png"
    cut.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
    finished = work.run(work.add({"cut.png": cut}, modality="us"))
    assert finished is not None
    assert finished.error is not None
    assert finished.error["code"].startswith("E_")
    assert finished.error["path"] == "cut.png"


def test_wrong_options_end_the_job_with_words(work: Work, frame: Path) -> None:
    finished = work.run(work.add({"a.png": frame}, modality="us", model="no-such-model"))
    assert finished is not None
    assert finished.error is not None
    assert finished.error["code"] == "E_USAGE"
    assert "no-such-model" in finished.error["cause"]


def test_a_refusal_is_a_result(work: Work, frame: Path) -> None:
    finished = work.run(work.add({"a.png": frame}, clinical={"age_years": 9.0}, modality="us"))
    assert finished is not None
    assert finished.report is not None
    assert finished.report["error"]["code"] == "E_AGE"


def test_a_cancelled_job_gives_nothing(work: Work, frame: Path) -> None:
    claim = work.add({"a.png": frame}, modality="us")
    folder = work.folder / "cancelled"
    folder.mkdir()
    assert work.runner(claim, folder, lambda *_: None, lambda: True) is None
    shutil.rmtree(folder)


def test_a_content_that_is_gone_is_a_fault_of_the_attempt(work: Work, frame: Path) -> None:
    claim = work.add({"a.png": frame}, modality="us")
    with work.service.database.reading() as session:
        sha256 = session.query(StoredFile).filter_by(study_id=claim.study_id).one().sha256
    work.service.blobs.delete(sha256)
    with pytest.raises(KeyError):
        work.run(claim)


def inputs(work: Work, claim: Claim) -> Any:
    folder = Path(tempfile.mkdtemp(dir=work.folder))
    (folder / "images").mkdir()
    found = gather_inputs(work.service, claim, folder / "images", folder / "masks")
    files = {str(path.relative_to(folder / "images")) for path in (folder / "images").rglob("*") if path.is_file()}
    mask = found.options.liver_mask
    assert mask is None or mask.is_file()
    shutil.rmtree(folder)
    return found, files


def test_one_file_is_given_by_name_and_many_as_their_folder(work: Work, frame: Path) -> None:
    found, _ = inputs(work, work.add({"a.png": frame}))
    assert found.paths == (Path("a.png"),)
    found, files = inputs(work, work.add({"a.png": frame, "series/b.png": frame}))
    assert found.paths == (Path("images"),)
    assert files == {"images/a.png", "images/series/b.png"}


def test_how_clinical_values_were_read_comes_with_them(work: Work, frame: Path) -> None:
    read = {"clinical_remarks": ["Not taken: x."], "clinical_days": {"alt_u_l": "2020-01-01", "ggt_u_l": None}}
    found, _ = inputs(work, work.add({"a.png": frame}, clinical={"alt_u_l": 40}, **read))
    assert found.options.clinical_remarks == ("Not taken: x.",)
    assert found.options.clinical_days == {"alt_u_l": "2020-01-01", "ggt_u_l": None}
    assert inputs(work, work.add({"b.png": frame}))[0].options.clinical_remarks == ()


def test_views_are_folders_of_their_own(work: Work, frame: Path) -> None:
    claim = work.add({"a.png": frame, "b.png": frame, "c.png": frame}, views={"AR": "a.png", "HR": ["b.png", "c.png"]})
    found, files = inputs(work, claim)
    assert found.paths == ()
    assert dict(found.options.views) == {"AR": Path("AR/a.png"), "HR": Path("HR")}
    assert files == {"AR/a.png", "HR/b.png", "HR/c.png"}
    found, files = inputs(work, work.add({"a.png": frame, "b.png": frame}, views={"a.png": "AR"}))
    assert (found.paths, dict(found.options.views)) == ((Path("images/b.png"),), {"AR": Path("AR/a.png")})


def test_a_report_of_several_files_keeps_its_full_stops(work: Work, frame: Path) -> None:
    from steatoscope.core.report import Report
    from steatoscope.service.report.content import present

    finished = work.run(work.add({"a.png": frame, "b.png": frame}))
    assert finished is not None
    assert finished.report is not None
    assert finished.report["inputs"][0]["path"] == "images"
    words = repr(present(Report.model_validate(finished.report)))
    assert "[file]" not in words
    assert re.search(r"\d\.\d", words)


def test_a_folder_of_the_upload_gives_its_name(work: Work, frame: Path) -> None:
    found, _ = inputs(work, work.add({"liver 7/a.png": frame, "liver 7/x/b.png": frame}))
    assert found.paths == (Path("liver 7"),)


def test_names_of_views_in_any_writing() -> None:
    files = [StoredFile(name=name) for name in ("a.png", "b.png")]
    assert view_names({"AR": "a.png", "HR": ["b.png", "gone.png"]}, files) == {"a.png": "AR", "b.png": "HR"}
    assert view_names({"b.png": "HR"}, files) == {"b.png": "HR"}


def test_the_job_overrules_the_study_and_the_installation(work: Work, frame: Path) -> None:
    with work.service.database.writing() as session:
        change_preferences(session, work.service.settings, {"default_profile": "tang2013"}, "admin")
    claim = work.add({"a.png": frame}, modality="us", series="1.2", clinical={"age_years": 50.0})
    found, _ = inputs(work, claim)
    chosen: AnalyseOptions = found.options
    assert (chosen.modality, chosen.series, chosen.profile, chosen.subject) == ("US", "1.2", "tang2013", "S-9")
    assert chosen.clinical == {"age_years": 50.0}
    sha256, _size = work.service.blobs.put_file(frame)
    given = {"liver_mask": sha256, "liver_mask_name": "drawn.PNG", "profile": "ship2017"}
    again = Claim(claim.job_id, claim.study_id, "remeasure", given, claim.lease_token, 1)
    found, _ = inputs(work, again)
    assert found.options.profile == "ship2017"
    assert found.options.liver_mask is not None
    assert found.options.liver_mask.name == "liver.png"


def test_earlier_reports_are_those_of_the_same_patient_and_modality_by_day(bench: Bench, analysed_ct: Path) -> None:
    add = bench.add_study
    add(analysed_ct, acquired_on=date(2024, 5, 1))
    add(analysed_ct, acquired_on=date(2022, 5, 1))
    add(analysed_ct, acquired_on=date(2026, 1, 1))
    add(analysed_ct, subject="S-2", acquired_on=date(2023, 5, 1))
    own = add(analysed_ct, acquired_on=date(2025, 5, 1))
    with bench.service.database.reading() as session:
        found = earlier_reports(session, own, "CT", None)
        days = [report["provenance"]["created"][:10] for report in found]
        assert days == ["2022-05-01", "2024-05-01"]
        assert earlier_reports(session, own, "MR", None) == ()
        assert len(earlier_reports(session, own, "CT", date(2026, 2, 1))) == 3


def test_the_day_of_the_scan() -> None:
    def study(text: str | None) -> Study:
        return Study(USScan(()), (), PatientFacts(study_date=text))

    assert scan_day(study("20240229")) == date(2024, 2, 29)
    assert scan_day(study("2024-02-29")) == date(2024, 2, 29)
    assert scan_day(study("20230229")) is None
    assert scan_day(study(None)) is None


def test_identifiers_of_series_are_hashed_unless_identity_is_kept() -> None:
    seen = {"uid": "1.2.3", "description": "Doe, liver", "slices": 7}
    study = Study(USScan(()), (), source={"series": seen, "other_series": [{"uid": None}]})
    closed, other = series_rows(study, "secret", open_text=False)
    assert "1.2.3" not in json.dumps(closed)
    assert (closed["description"], closed["files"], closed["measured"], len(closed["uid"])) == ("", 7, True, 64)
    assert (other["uid"], other["measured"], other["modality"]) == ("", False, "")
    assert series_rows(study, "secret", open_text=True)[0] | {"uid": ""} == closed | {
        "description": "Doe, liver",
        "uid": "",
    }


def test_activated_models_stand_behind_their_ports_and_the_named_one_goes_before() -> None:
    ports = default_ports(AnalyseOptions())
    for active in ({"us-steatosis": "us-steatosis"}, {"ct-segmenter": "mr-segmenter"}):
        same = with_active(ports, active, "US", None)
        assert (same.us_grader, same.us_segmenter) == (ports.us_grader, ports.us_segmenter)
        assert same.ct_segmenter == ports.ct_segmenter
    with pytest.raises(UsageError):
        with_active(ports, {"us-steatosis": "no-such-model"}, "US", None)
    fitted = with_active(ports, {"us-role": "us-segmenter"}, "US", None)
    assert fitted.us_segmenter is not ports.us_segmenter
    assert fitted.modality is None


def test_a_job_row_keeps_no_trace_of_the_run(work: Work, frame: Path) -> None:
    claim = work.add({"a.png": frame}, modality="us")
    finished = work.run(claim)
    assert finished is not None
    work.store.finish(claim, finished)
    with work.service.database.reading() as session:
        job = session.get_one(Job, claim.job_id)
        assert (job.options, job.lease_owner, job.error) == ({}, "", None)


def test_tidying_removes_contents_that_no_row_has_used_for_a_day(bench: Bench, analysed_ct: Path) -> None:
    from steatoscope.apps.wiring.workers import tidy_up

    bench.add_study(analysed_ct)
    store = bench.service.blobs
    old, _ = store.put_bytes(b"of a patient who was erased")
    fresh, _ = store.put_bytes(b"of a study that is being made")
    place = Path(bench.service.settings.storage_url) / old[:2] / old[2:]
    os.utime(place, (0, 0))
    kept = set(store.all()) - {old}
    tidy_up(bench.service)
    assert set(store.all()) == kept
    assert store.exists(fresh)
