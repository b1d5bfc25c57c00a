"""Tables and the cohort: pseudonymised, guarded, opened with the programs that read them."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from lists_kit import add_study, sample
from service_kit import Bench
from steatoscope.apps.web.worklist.table import NOTICE, column_names, dictionary, guarded
from steatoscope.service.storage.tables import AuditEntry, Result, Study


def _table(bench: Bench, query: str = "") -> list[dict[str, str]]:
    answer = bench.client("researcher").get(f"/api/v1/studies.csv{query}")
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_csv_holds_the_filtered_list_and_its_terms(bench: Bench) -> None:
    sample(bench)
    rows = _table(bench, "?modality=CT&sort=subject&order=asc")
    listed = bench.client("researcher").get("/api/v1/studies?modality=CT&sort=subject&order=asc").json
    assert [row["study"] for row in rows] == [item["study_id"] for item in listed["items"]]
    assert tuple(rows[0]) == column_names()
    assert {row["notice"] for row in rows} == {NOTICE}
    assert {row["subject"]: row["simulated"] for row in rows}["S-SIM"] == "yes"
    refused = next(row for row in rows if row["state"] == "refused")
    assert (refused["error_code"], refused["fat_percent"]) == ("E_CONTRAST", "")
    failed = next(row for row in _table(bench) if row["state"] == "failed")
    assert (failed["error_code"], failed["simulated"]) == ("E_TRUNCATED", "")


def test_no_name_no_day_and_no_file_name_leaves_the_house(bench: Bench) -> None:
    add_study(bench, "S-1", day=date(2026, 3, 17), identity={"name": "Anna Meier"}, description="Meier")
    for path in ("/api/v1/studies.csv", "/api/v1/studies.xlsx"):
        raw = bench.client("researcher").get(path).data
        text = raw.decode() if path.endswith("csv") else _cells(raw)
        assert not [word for word in ("Meier", "secret-name", "2026-03-17") if word in text], path
        assert "2026-03" in text


def _cells(raw: bytes) -> str:
    book = load_workbook(io.BytesIO(raw))
    return " ".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|cmd", "%0A"])
def test_text_that_a_spreadsheet_would_run_is_guarded(bench: Bench, text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert guarded(-1.5) == -1.5
    assert guarded("plain\x00\x07") == "plain"


def test_formulas_stay_text_in_csv_and_excel(bench: Bench) -> None:
    add_study(bench, "=HYPERLINK(1)", "MR", 9.0)
    assert _table(bench)[0]["subject"] == "'=HYPERLINK(1)"
    raw = bench.client("researcher").get("/api/v1/studies.xlsx").data
    sheet = load_workbook(io.BytesIO(raw))["Studies"]
    cells = {sheet.cell(1, k).value: sheet.cell(2, k) for k in range(1, sheet.max_column + 1)}
    assert cells["subject"].data_type == "s"
    assert cells["subject"].value == "'=HYPERLINK(1)"
    assert (cells["fat_percent"].data_type, cells["fat_percent"].value) == ("n", 9.0)


def test_the_workbook_explains_its_columns(bench: Bench) -> None:
    sample(bench)
    answer = bench.client("researcher").get("/api/v1/studies.xlsx?scale=pdff")
    assert answer.mimetype.endswith("spreadsheetml.sheet")
    book = load_workbook(io.BytesIO(answer.data))
    assert book.sheetnames == ["Studies", "Data dictionary", "Read me"]
    names = [row[0] for row in book["Data dictionary"].iter_rows(min_row=2, values_only=True)]
    assert names == list(next(book["Studies"].iter_rows(values_only=True)))
    assert book["Studies"].max_row == 1 + 11
    assert book["Read me"]["A2"].value == NOTICE
    assert all(entry["meaning"] for entry in dictionary())


def test_exports_are_audited(bench: Bench) -> None:
    add_study(bench, "S-1")
    bench.client("researcher").get("/api/v1/studies.csv?q=Meier&modality=MR")
    with bench.service.database.reading() as session:
        [entry] = session.scalars(select(AuditEntry).where(AuditEntry.action == "study.export"))
    assert (entry.actor, entry.details["format"]) == ("researcher", "csv")
    assert entry.details["filter"] == {"q": True, "modality": "MR"}


def test_the_cohort_counts_patients(bench: Bench) -> None:
    sample(bench)
    answer = bench.client("researcher").get("/api/v1/cohort").json
    panels: dict[Any, Any] = {(p["modality"], p["simulated"]): p for p in answer["panels"]}
    mr = panels["MR", False]
    # eight patients; P-04 went from 16.5 to 8.1 % and counts once, as mild
    assert (mr["whole"]["n"], mr["whole"]["steatosis"]["count"]) == (8, 6)
    assert {name: share["count"] for name, share in mr["grades"].items()} == {
        "normal": 2, "mild": 3, "moderate": 1, "severe": 2,
    }  # fmt: skip
    assert mr["whole"]["median"] == pytest.approx((8.1 + 9.0) / 2)
    assert sum(part["count"] for part in mr["histogram"]) == 8
    assert (panels["CT", True]["whole"]["n"], panels["CT", True]["whole"]["small"]) == (1, True)
    assert {(row["code"], row["studies"]) for row in answer["refusals"]} == {("E_CONTRAST", 1), ("E_TRUNCATED", 1)}
    assert answer["repeats_left_out"] == 3


def test_the_cohort_takes_the_filters_of_the_list(bench: Bench) -> None:
    sample(bench)
    client = bench.client("researcher")
    assert [p["simulated"] for p in client.get("/api/v1/cohort?simulated=true").json["panels"]] == [True]
    assert client.get("/api/v1/cohort?modality=US&fat_min=40").json["panels"][0]["whole"]["n"] == 2
    assert client.get("/api/v1/cohort?state=queued").json["panels"] == []
    page = client.get("/cohort?modality=CT").text
    assert page.count("SIMULATED IMAGES") == 1
    assert "Fewer than 5 patients" in page


def test_the_table_tells_upload_days_corrected_outlines_and_both_versions(bench: Bench) -> None:
    add_study(bench, "DATED")
    ids = {name: add_study(bench, name) for name in ("UNDATED", "CORRECTED")}
    with bench.service.database.writing() as session:
        session.get_one(Study, ids["UNDATED"]).acquired_on = None
        corrected = session.get_one(Result, session.get_one(Study, ids["CORRECTED"]).current_result_id)
        corrected.kind, corrected.version = "corrected", 3
    rows = {row["subject"]: row for row in _table(bench)}
    assert {name: row["month_of"] for name, row in rows.items()} == {
        "DATED": "acquired", "UNDATED": "uploaded", "CORRECTED": "acquired",
    }  # fmt: skip
    told = [(rows[name]["result_version"], rows[name]["outline_corrected"]) for name in ("DATED", "CORRECTED")]
    assert told == [("1", "no"), ("3", "yes")]
    assert rows["CORRECTED"]["version"] == "0"
