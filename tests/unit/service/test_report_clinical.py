"""The clinical tables on paper: scores with what is missing, criteria, and the combined estimate with its label."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from report_examples import ct_outcome

from steatoscope.core.image import PatientFacts
from steatoscope.core.report import Report
from steatoscope.pipeline.clinical import Imaging, clinical_part
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.science.clinical.grades import grade_part
from steatoscope.service.report.clinical_rows import combined_rows
from steatoscope.service.report.content import present
from steatoscope.service.report.html import render_html

VALUES: dict[str, Any] = {
    "sex": "M", "age_years": 52.0, "bmi_kg_m2": 31.0, "waist_cm": 104.0, "triglycerides_mg_dl": 180.0,
    "ggt_u_l": 55.0, "alt_u_l": 48.0, "ast_u_l": 36.0, "alcohol_g_day": 5.0,
}  # fmt: skip


@pytest.fixture
def report() -> Report:
    fat = FatEstimate(12.0, "ct_pdff_equiv", 7.0, 17.0, 0.9, 3.04, "pickhardt2018", "median")
    part, _ = clinical_part(VALUES, PatientFacts(), Imaging(fat, grade_part(12.0, 3.04, "pooled2024", 0.9)))
    return ct_outcome().report.model_copy(update={"clinical": part})


def test_tables_say_what_was_computed_and_what_is_missing(report: Report) -> None:
    tables = {table.title: table for table in present(report).tables}
    scores = {row[0]: row[1:] for row in tables["Clinical scores"].rows}
    assert scores["FLI, fatty liver index"] == ("87.0", "< 30 unlikely, ≥ 60 likely", "Fatty liver is likely.")
    assert scores["FIB-4"] == ("not computed", "–", "Missing: platelets.")
    criteria = dict(tables["MASLD criteria"].rows)
    assert criteria["Criteria"].startswith("Criteria met for MASLD")
    assert criteria["Missing"] == "other causes of fatty liver"


def test_the_combined_estimate_is_labelled_and_adds_up(report: Report) -> None:
    (table,) = [table for table in present(report).tables if table.title.startswith("Image and clinical")]
    assert "simulated data" in table.title
    assert "no decision may rest on it" in table.note
    rows = dict(table.rows)
    effects = [float(text.split()[0].replace("−", "-")) for name, text in rows.items() if name.startswith("Effect of")]
    value, base = (float(rows[name].split()[0]) for name in ("Combined estimate", "Expected without any value"))
    assert sum(effects) == pytest.approx(value - base, abs=0.05 * (len(effects) + 2))  # each rounded to 0.1


def test_a_model_of_patients_is_told_by_its_source(report: Report) -> None:
    assert report.clinical is not None
    assert report.clinical.combined is not None
    own = report.clinical.combined.model_copy(update={"simulated": False, "source": "fitted on 210 patients of a.csv"})
    changed = report.model_copy(update={"clinical": report.clinical.model_copy(update={"combined": own})})
    (table,) = [table for table in present(changed).tables if table.title.startswith("Image and clinical")]
    assert table.title == "Image and clinical values together"
    assert "210 patients" in table.note
    assert combined_rows(changed, own)[0][0] == "Combined estimate"


def test_the_page_shows_the_tables(report: Report) -> None:
    page = render_html(replace(ct_outcome(), report=report))
    words = re.sub(r"<[^>]+>", " ", page)
    for text in (
        "FLI, fatty liver index",
        "Risk factor: BMI or waist",
        "Combined estimate",
        "model from simulated data",
    ):
        assert text in words
