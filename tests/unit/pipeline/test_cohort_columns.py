"""The table of a cohort: every column has a meaning, and grades and the baseline stand in it with their doubt."""

from __future__ import annotations

from typing import Any

import pytest

from steatoscope.pipeline.cohort import column_names, data_dictionary, result_row
from steatoscope.science.clinical.grades import LABELS


def _report(**parts: Any) -> dict[str, Any]:
    return {"subject": "P1", "modality": "CT", "quality": {"status": "ok", "codes": []}, "inputs": [], **parts}


def test_a_row_holds_the_set_of_grades_with_its_probabilities() -> None:
    shares = {"normal": 0.1, "mild": 0.6, "moderate": 0.25, "severe": 0.05}
    grade = {"label": "mild", "index": 1, "probabilities": shares, "set": ["mild", "moderate"], "level": 0.8}
    row = result_row(_report(grade=grade), path="a", study="a-1")
    assert (row["grade_set"], row["grade_level"]) == ("mild moderate", 0.8)
    assert {label: row[f"grade_{label}_probability"] for label in LABELS} == shares


def test_a_row_holds_the_score_beside_the_percentile() -> None:
    baseline = {"reference": "people", "percentile": 78.8, "z": -0.8}
    row = result_row(_report(baseline=baseline), path="a", study="a-1")
    assert (row["percentile"], row["baseline_z"], row["baseline_reference"]) == (78.8, -0.8, "people")


@pytest.mark.parametrize("grade", [{}, {"grade": None, "baseline": None}])
def test_what_is_missing_is_empty(grade: dict[str, Any]) -> None:
    row = result_row(_report(**grade), path="a", study="a-1")
    names = ("grade_set", "grade_level", "grade_mild_probability", "baseline_z", "baseline_reference")
    assert [row[name] for name in names] == [None] * 5


def test_every_column_is_in_the_dictionary_once_with_a_meaning() -> None:
    entries = data_dictionary()
    assert [entry["column"] for entry in entries] == column_names() == list(result_row(_report(), path="", study=""))
    assert len(set(column_names())) == len(entries)
    assert all(entry["meaning"] for entry in entries)
