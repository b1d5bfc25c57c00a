"""The clinical part of a report: what it holds with a fat value, without one, and with values of another patient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import PatientFacts
from steatoscope.pipeline.clinical import Imaging, clinical_part
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.science.clinical.grades import grade_part

VALUES: dict[str, Any] = {
    "sex": "M", "age_years": 52.0, "bmi_kg_m2": 31.0, "waist_cm": 104.0, "triglycerides_mg_dl": 180.0,
    "ggt_u_l": 55.0, "alt_u_l": 48.0, "ast_u_l": 36.0, "alcohol_g_day": 5.0, "other_cause": "none",
}  # fmt: skip
FAT = FatEstimate(12.0, "ct_pdff_equiv", 7.0, 17.0, 0.9, 3.04, "pickhardt2018", "median")
SEEN = Imaging(FAT, grade_part(12.0, 3.04, "pooled2024", 0.9))
NOTHING = PatientFacts()


def test_scores_criteria_and_combined_estimate() -> None:
    part, notes = clinical_part(VALUES, NOTHING, SEEN)
    assert part is not None
    assert notes == ()
    assert [score["name"] for score in part.scores] == ["FLI", "AST/ALT"]
    assert part.masld is not None
    assert part.masld["class"] == "masld"
    assert {one.key: one.missing for one in part.omitted}["fib4"] == ["platelets_10e9_l"]
    assert part.combined is not None
    assert part.combined.simulated
    assert part.combined.interval.high - part.combined.interval.low < 10.0  # narrower than the image's own 7 to 17
    assert part.combined.clinical_percent < part.combined.value_percent < 12.0


def test_a_refused_value_keeps_the_scores_and_says_that_steatosis_is_unknown() -> None:
    part, _ = clinical_part(VALUES, NOTHING, Imaging(None, None, SteatoscopeError("E_KVP")))
    assert part is not None
    assert [score["name"] for score in part.scores] == ["FLI", "AST/ALT"]
    assert part.combined is None
    assert part.masld is not None
    assert part.masld["criteria_met"] is None
    assert "E_KVP" in part.masld["text"]
    assert part.masld["risk_factors"][0] == {"name": "BMI or waist", "met": True}


def test_the_histology_scale_is_never_combined_with_a_pdff_model() -> None:
    part, _ = clinical_part(VALUES, NOTHING, replace(SEEN, fat=replace(FAT, scale="histology")))
    assert part is not None
    assert part.combined is None


@pytest.mark.parametrize("stated", [{}, {"age_years": 50.0, "sex": "F"}, {"bmi_kg_m2": None}])
def test_age_and_sex_alone_are_no_clinical_part(stated: dict[str, Any]) -> None:
    assert clinical_part(stated, NOTHING, SEEN) == (None, ())


def test_age_and_sex_come_from_the_header_where_they_are_not_stated() -> None:
    stated = {name: value for name, value in VALUES.items() if name not in ("age_years", "sex")}
    part, _ = clinical_part({**stated, "platelets_10e9_l": 230.0}, PatientFacts(age_years=52.0, sex="M"), SEEN)
    assert part is not None
    assert part.scores[1]["name"] == "FIB-4"
    assert part.scores[1]["value"] == pytest.approx(1.174782)


@pytest.mark.parametrize(
    ("header", "word"),
    [(PatientFacts(age_years=71.0), "age"), (PatientFacts(sex="F"), "sex"), (PatientFacts(age_years=53.0), "")],
)
def test_values_of_another_patient_are_remarked(header: PatientFacts, word: str) -> None:
    _, notes = clinical_part(VALUES, header, SEEN)
    assert [note.code for note in notes] == (["W_CLINICAL"] if word else [])
    assert all(f"The {word} differs" in note.message for note in notes)


def test_an_uncertain_grade_is_told() -> None:
    part, _ = clinical_part(VALUES, NOTHING, Imaging(FAT, grade_part(6.0, 3.0, "pooled2024", 0.9)))
    assert part is not None
    assert part.masld is not None
    assert "not certain" in part.masld["steatosis"]
    assert (part.masld["class"], part.masld["class_if_present"]) == ("uncertain", "masld")
    assert part.masld["text"].startswith("Steatosis is not certain by imaging")
    assert "If steatosis is present: criteria met for MASLD" in part.masld["text"]


@pytest.mark.parametrize(
    ("kept", "index", "kind"),
    [
        (["normal"], 0, "no_sld"),
        (["normal", "mild"], 0, "uncertain"),
        (["normal", "mild"], 1, "uncertain"),
        (["mild", "moderate"], 1, "masld"),
    ],
)
def test_the_class_is_as_sure_as_the_grade(kept: list[str], index: int, kind: str) -> None:
    grade = grade_part(6.0, 3.0, "pooled2024", 0.9).model_copy(update={"set": kept, "index": index})
    part, _ = clinical_part(VALUES, NOTHING, Imaging(FAT, grade))
    assert part is not None
    assert part.masld is not None
    assert part.masld["class"] == kind


def test_what_would_hold_is_told_where_it_stays_open() -> None:
    stated = {**VALUES, "alcohol_g_day": None}
    part, _ = clinical_part(stated, NOTHING, Imaging(FAT, grade_part(6.0, 3.0, "pooled2024", 0.9)))
    assert part is not None
    assert part.masld is not None
    assert part.masld["class_if_present"] == "not_classifiable"
    assert "If steatosis is present: not classifiable: the alcohol intake" in part.masld["text"]
