"""Results in the API: every form of the report, versions, files, headers, rights."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from results_kit import add_file, small_ct
from service_kit import Bench
from steatoscope.core.report import Report
from steatoscope.service.report.viewer_bundle import write_viewer
from steatoscope.service.storage.tables import AuditEntry, Job, Result, Study

READS = (
    "", "/report", "/report.pdf", "/report.html", "/overlay.png", "/files", "/files/mask-liver.nii.gz",
    "/measurements.csv", "/report.xlsx", "/viewer", "/viewer/s0-image/0", "/versions", "/reviews", "/baseline.png",
)  # fmt: skip


@pytest.fixture
def study(bench: Bench, analysed_ct: Path, tmp_path: Path) -> str:
    found = bench.add_study(analysed_ct)
    report = Report.model_validate_json((analysed_ct / "report.json").read_text(encoding="utf-8"))
    write_viewer(small_ct(report), tmp_path / "viewer.zip")
    add_file(bench, found, "viewer.zip", tmp_path / "viewer.zip")
    return found


def actions(bench: Bench) -> list[tuple[str, str]]:
    with bench.service.database.reading() as session:
        return [(row.actor, row.action) for row in session.query(AuditEntry).order_by(AuditEntry.seq)]


@pytest.mark.parametrize("address", READS)
def test_who_may_read_reads_and_others_do_not(bench: Bench, study: str, address: str) -> None:
    path = f"/api/v1/studies/{study}{address}"
    for role in ("viewer", "clinician", "researcher"):
        assert bench.client(role).get(path).status_code == 200, role
    assert bench.client("admin").get(path).status_code == 403
    assert bench.client().get(path).status_code == 401


@pytest.mark.parametrize("address", READS)
def test_what_is_not_there_is_404_with_words(bench: Bench, study: str, address: str) -> None:
    client = bench.client("viewer")
    missing = client.get(f"/api/v1/studies/{'0' * 32}{address}")
    assert missing.status_code == 404
    assert missing.json["error"]["code"] == "E_NOTFOUND"
    assert "no such study" in missing.json["error"]["cause"]
    assert client.get(f"/api/v1/studies/no-such-study{address}").status_code == 404
    if address not in ("", "/versions", "/reviews"):
        assert client.get(f"/api/v1/studies/{study}{address}?version=7").status_code == 404
        assert client.get(f"/api/v1/studies/{study}{address}?version=x").status_code == 422


@pytest.mark.parametrize(("state", "words"), [("running", "not finished"), ("failed", "its analysis failed")])
def test_a_study_without_a_result_says_why(bench: Bench, study: str, state: str, words: str) -> None:
    with bench.service.database.writing() as session:
        row = session.get_one(Study, study)
        row.state, row.current_result_id = state, None
        session.query(Result).delete()
    answer = bench.client("viewer").get(f"/api/v1/studies/{study}/report")
    assert answer.status_code == 404
    assert words in answer.json["error"]["cause"]
    page = bench.client("viewer").get(f"/studies/{study}")
    assert page.status_code == 200
    assert b"viewer.js" not in page.data.split(b"</main>")[0]


@pytest.mark.parametrize("version", ["7", "0", "-1", "9" * 30])
def test_a_page_of_no_version_is_404(bench: Bench, study: str, version: str) -> None:
    assert bench.client("viewer").get(f"/studies/{study}?version={version}").status_code == 404
    assert bench.client("viewer").get("/studies/no-such-study").status_code == 404


def test_the_study_names_its_parts(bench: Bench, study: str) -> None:
    document = bench.client("viewer").get(f"/api/v1/studies/{study}").json
    assert document["subject"] == "S-1"
    assert document["identity"] is None
    assert document["current_version"] == 1
    assert document["versions"][0]["kind"] == "machine"
    assert document["job"]["state"] == "done"


def test_the_report_is_the_stored_one_without_paths(bench: Bench, study: str, analysed_ct: Path) -> None:
    report = bench.client("viewer").get(f"/api/v1/studies/{study}/report").json
    stored = Report.model_validate_json((analysed_ct / "report.json").read_text(encoding="utf-8")).document()
    assert report["fat"] == stored["fat"]
    assert report["provenance"] == stored["provenance"]
    assert {part["path"] for part in report["inputs"]} == {"[file]"}
    Report.model_validate(report)
    manifest = bench.client("viewer").get(f"/api/v1/studies/{study}/files/manifest.json").get_data(as_text=True)
    assert str(analysed_ct.parent) not in manifest


def test_the_day_of_the_images_stays_with_those_who_may_see_names(bench: Bench) -> None:
    manifest = {
        "source": {"acquired": "2024-05-06", "series": {"slices": 3}},
        "inputs": [{"path": "/a/b", "frames": 1}],
    }
    with bench.app.test_request_context():
        from steatoscope.apps.web.results.find import discreet

        told = discreet(manifest)
    assert told == {"source": {"series": {"slices": 3}}, "inputs": [{"path": "[file]", "frames": 1}]}


def test_contents_have_fixed_types_and_do_not_run(bench: Bench, study: str) -> None:
    client = bench.client("viewer")
    expected = {
        "/report.pdf": ("application/pdf", "inline"),
        "/report.html": ("text/html; charset=utf-8", "attachment"),
        "/overlay.png": ("image/png", "inline"),
        "/files/mask-liver.nii.gz": ("application/gzip", "attachment"),
        "/measurements.csv": ("text/csv; charset=utf-8", "attachment"),
    }
    for address, (media, kind) in expected.items():
        answer = client.get(f"/api/v1/studies/{study}{address}")
        assert len(answer.data) == int(answer.headers["Content-Length"])
        assert answer.headers["Content-Type"] == media
        assert answer.headers["Content-Disposition"].startswith(f'{kind}; filename="S-1-v1-')
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with client.get(f"/api/v1/studies/{study}/report.html") as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")


def test_a_stored_content_is_not_sent_twice(bench: Bench, study: str) -> None:
    client = bench.client("viewer")
    with client.get(f"/api/v1/studies/{study}/overlay.png") as first:
        assert len(first.data) > 1000
    again = client.get(f"/api/v1/studies/{study}/overlay.png", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


def test_planes_are_kept_by_the_browser_where_the_version_is_named(bench: Bench, study: str) -> None:
    client = bench.client("viewer")
    path = f"/api/v1/studies/{study}/viewer/s0-image/2"
    named = client.get(f"{path}?version=1", headers={"Accept-Encoding": "gzip"})
    assert named.headers["Cache-Control"] == "private, max-age=3600, immutable"
    assert named.headers["Content-Encoding"] == "gzip"
    assert client.get(path).headers["Cache-Control"] == "private, no-cache"
    known = client.get(f"{path}?version=1", headers={"If-None-Match": named.headers["ETag"]})
    assert known.status_code == 304
    assert client.get(f"/api/v1/studies/{study}/viewer/s0-image/6").status_code == 404
    assert client.get(f"/api/v1/studies/{study}/viewer/meta.json/0").status_code == 422


def test_csv_has_every_measurement_and_the_disclaimer(bench: Bench, study: str) -> None:
    report = bench.client("viewer").get(f"/api/v1/studies/{study}/report").json
    text = bench.client("viewer").get(f"/api/v1/studies/{study}/measurements.csv").get_data(as_text=True)
    rows = list(csv.DictReader(io.StringIO(text)))
    by_name = {row["name"]: row for row in rows}
    assert float(by_name["fat"]["value"]) == report["fat"]["value_percent"]
    assert {part["name"] for part in report["measurements"]} <= set(by_name)
    assert rows[-1]["name"] == "disclaimer"
    assert "not a diagnosis" in rows[-1]["method"]


def test_the_workbook_opens_and_takes_no_text_for_a_formula(bench: Bench, analysed_ct: Path) -> None:
    from openpyxl import load_workbook

    study = bench.add_study(analysed_ct, subject="=HYPERLINK(1)")
    content = bench.client("viewer").get(f"/api/v1/studies/{study}/report.xlsx").data
    book = load_workbook(io.BytesIO(content))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert book.sheetnames == ["Result", "Values", "Measurements", "Comparison", "Provenance"]
    assert not [cell.value for cell in cells if cell.data_type == "f"]
    assert any("not a diagnosis" in str(cell.value) for cell in cells)
    assert any("SIMULATED" in str(cell.value) for cell in cells)
    lines = bench.client("viewer").get(f"/api/v1/studies/{study}/measurements.csv").get_data(as_text=True)
    assert "'=HYPERLINK" in lines


def test_every_look_is_in_the_audit_trail(bench: Bench, study: str) -> None:
    client = bench.client("viewer")
    client.get(f"/api/v1/studies/{study}/report")
    client.get(f"/api/v1/studies/{study}/report.pdf", headers={"If-None-Match": '"x"'}).close()
    client.get(f"/studies/{study}")
    client.get(f"/api/v1/studies/{study}/viewer")
    for index in range(6):
        client.get(f"/api/v1/studies/{study}/viewer/s0-image/{index}?version=1")
    assert [action for _, action in actions(bench)] == ["report.read", "report.download", "report.read", "image.read"]


def test_a_refused_study_has_a_report_and_a_page(bench: Bench, study: str) -> None:
    with bench.service.database.writing() as session:
        row = session.query(Result).one()
        error = {"code": "E_CONTRAST", "message": "The CT is contrast-enhanced.", "cause": "c", "remedy": "r"}
        refused: dict[str, Any] = {
            **row.report, "fat": None, "grade": None, "steatosis": None, "baseline": None, "explanation": None,
            "fatty_area": None, "error": error, "quality": {"status": "refused", "codes": []},
        }  # fmt: skip
        row.report, row.status, row.fat_percent, row.grade = refused, "refused", None, None
        session.get_one(Study, study).state = "refused"
    client = bench.client("clinician")
    assert client.get(f"/api/v1/studies/{study}/report").json["error"]["code"] == "E_CONTRAST"
    text = client.get(f"/studies/{study}").get_data(as_text=True)
    assert "The CT is contrast-enhanced." in text
    assert client.get(f"/api/v1/studies/{study}/baseline.png").status_code == 404
    assert b"E_CONTRAST" in client.get(f"/api/v1/studies/{study}/measurements.csv").data
    assert client.get(f"/api/v1/studies/{study}/report.xlsx").status_code == 200


def test_a_failed_analysis_is_told_on_the_page(bench: Bench, study: str) -> None:
    with bench.service.database.writing() as session:
        job = session.query(Job).one()
        job.state = "failed"
        job.error = {
            "code": "E_FORMAT",
            "message": "Not a known format.",
            "cause": "why",
            "remedy": "what",
            "path": "/x/y",
        }
        session.get_one(Study, study).state = "failed"
    text = bench.client("viewer").get(f"/studies/{study}").get_data(as_text=True)
    assert "Not a known format." in text
    assert "/x/y" not in text
    assert bench.client("viewer").get(f"/api/v1/studies/{study}").json["job"]["error"]["path"] == "[file]"


def test_the_page_shows_value_interval_scale_and_downloads(bench: Bench, study: str) -> None:
    text = bench.client("viewer").get(f"/studies/{study}").get_data(as_text=True)
    for words in (
        "17.9 %",
        "90 % interval",
        "PDFF-equivalent",
        "SIMULATED IMAGES",
        "mask-liver.nii.gz",
        "not a diagnosis",
    ):
        assert words in text, words
    assert "review-form" not in text
    assert "correct-mask" not in text
    assert "style=" not in text
    assert "<script>" not in text


def test_names_are_shown_only_in_identity_mode_to_who_may_see_them(
    bench: Bench, study: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    with bench.service.database.writing() as session:
        session.get_one(Study, study).patient.identity = {"name": "Example^Patient"}
    settings = replace(bench.service.settings, identity_mode=True)
    assert bench.client("viewer").get(f"/api/v1/studies/{study}").json["identity"] is None
    object.__setattr__(bench.service, "settings", settings)
    assert bench.client("viewer").get(f"/api/v1/studies/{study}").json["identity"] == {"name": "Example^Patient"}
    assert bench.client("researcher").get(f"/api/v1/studies/{study}").json["identity"] is None
    assert "Example^Patient" not in bench.client("researcher").get(f"/studies/{study}").get_data(as_text=True)


def test_model_cards_can_be_read(bench: Bench, study: str) -> None:
    text = bench.client("viewer").get(f"/studies/{study}").get_data(as_text=True)
    assert "/models/ct-segmenter/card" in text
    card = bench.client("viewer").get("/models/ct-segmenter/card")
    assert card.status_code == 200
    assert bench.client("viewer").get("/models/..%2f..%2fetc/card").status_code == 404
