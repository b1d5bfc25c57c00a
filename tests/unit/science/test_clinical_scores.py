"""The clinical scores against the worked example of the clinical reference, to all digits given there."""

from __future__ import annotations

from math import log
from typing import Any

import pytest

from steatoscope.science.clinical.score_values import decimals_beside
from steatoscope.science.clinical.scores import SCORE_RULES, LeftOut, Score, clinical_scores

PATIENT: dict[str, Any] = {
    "sex": "M", "age_years": 52, "bmi_kg_m2": 31.0, "waist_cm": 104, "triglycerides_mg_dl": 180, "ggt_u_l": 55,
    "alt_u_l": 48, "ast_u_l": 36, "ast_uln_u_l": 40, "platelets_10e9_l": 230, "albumin_g_dl": 4.3,
    "fasting_insulin_mu_l": 14, "diabetes": True, "metabolic_syndrome": True, "lsm_kpa": 9.0, "cap_db_m": 310,
}  # fmt: skip
# clinical reference, section 6: the value and the digits that are printed
WORKED = {
    "fli": (87.01, 2), "hsi": (43.667, 3), "fib4": (1.174782, 6), "nfs": (-0.7925, 6), "nafld_lfs": (2.025, 6),
    "liver_fat_percent": (12.655316, 6), "apri": (0.391304, 6), "fast": (0.434169, 6), "ast_alt": (0.75, 2),
}  # fmt: skip


def found(values: dict[str, Any]) -> tuple[dict[str, Score], dict[str, LeftOut]]:
    scores, left = clinical_scores(values)
    return {one.key: one for one in scores}, {one.key: one for one in left}


@pytest.mark.parametrize("key", WORKED)
def test_worked_example(key: str) -> None:
    value, digits = WORKED[key]
    assert round(found(PATIENT)[0][key].value, digits) == value


@pytest.mark.parametrize(
    ("value", "limits", "digits"),
    [
        (0.497, "< 0.5 low, > 1.5 high", 3),
        (0.494, "< 0.5 low, > 1.5 high", 2),
        (0.5, "< 0.5 low, > 1.5 high", 2),
        (1.50004, "< 0.5 low, > 1.5 high", 5),
        (-0.6399, "> −0.640 likely", 4),
        (0.4999999999, "< 0.5 low", 6),
        (8.67, "none that hold generally", 2),
    ],
)
def test_a_value_is_told_on_its_side_of_the_limits(value: float, limits: str, digits: int) -> None:
    assert decimals_beside(value, limits, 2) == digits


def test_logits_of_the_worked_example() -> None:
    scores, _ = found(PATIENT)
    fli, fast = scores["fli"].value / 100.0, scores["fast"].value
    assert log(fli / (1.0 - fli)) == pytest.approx(1.902153, abs=5e-7)
    assert log(fast / (1.0 - fast)) == pytest.approx(-0.264862, abs=5e-7)


def test_tyg_is_the_log_of_half_the_product() -> None:
    scores, _ = found({"triglycerides_mg_dl": 180, "glucose_mg_dl": 110})
    assert scores["tyg"].value == pytest.approx(9.2003, abs=5e-5)


@pytest.mark.parametrize("rule", SCORE_RULES, ids=lambda rule: rule.key)
def test_a_missing_value_leaves_the_score_out_and_is_named(rule: Any) -> None:
    whole = {**PATIENT, "glucose_mg_dl": 110}
    given = {"female": "sex", "hyperglycaemia": "diabetes"}
    for need in rule.needs:
        key = given.get(need, need)
        values = {name: value for name, value in whole.items() if name != key}
        values.pop("glucose_mg_dl" if need == "hyperglycaemia" else "", None)
        scores, left = found(values)
        assert rule.key not in scores
        assert len(left[rule.key].missing) == 1


@pytest.mark.parametrize(("age", "fib4", "nfs"), [(64.9, "< 1.3 low", "< −1.455 low"), (65, "< 2 low", "< 0.12 low")])
def test_lower_limits_are_raised_from_65(age: float, fib4: str, nfs: str) -> None:
    scores, _ = found({**PATIENT, "age_years": age})
    assert scores["fib4"].cutoffs.startswith(fib4)
    assert scores["nfs"].cutoffs.startswith(nfs)
    assert ("65 years" in scores["fib4"].interpretation) == (age >= 65)


def test_reading_changes_with_the_age_limit() -> None:
    # FIB-4 of 1.6: indeterminate at 64, low at 66 (McPherson 2017)
    values = {"ast_u_l": 36.0, "alt_u_l": 36.0, "platelets_10e9_l": 240.0}
    young, _ = found({**values, "age_years": 64})
    old, _ = found({**values, "age_years": 66})
    assert young["fib4"].value == pytest.approx(1.6)
    assert young["fib4"].interpretation.startswith("Indeterminate")
    assert old["fib4"].interpretation.startswith("Advanced fibrosis is unlikely")


@pytest.mark.parametrize("key", ["fib4", "nfs"])
def test_fibrosis_scores_are_not_read_under_35(key: str) -> None:
    young, just = found({**PATIENT, "age_years": 34.9})[0], found({**PATIENT, "age_years": 35})[0]
    assert young[key].interpretation == "Not valid under 35 years: the value is not read."
    assert "Not valid" not in just[key].interpretation


def test_children_get_no_score() -> None:
    scores, left = found({**PATIENT, "age_years": 17})
    assert not scores
    assert len(left) == len(SCORE_RULES)


def test_insulin_bars_the_liver_fat_scores() -> None:
    _, left = found({**PATIENT, "insulin_treated": True})
    assert {"nafld_lfs", "liver_fat_percent"} <= set(left)
    assert "insulin" in left["nafld_lfs"].reason
    scores, _ = found(PATIENT)
    assert "not stated" in scores["nafld_lfs"].interpretation


def test_hepatitis_c_has_its_own_limits() -> None:
    scores, _ = found({**PATIENT, "other_cause": "hepatitis_c"})
    assert scores["fib4"].cutoffs == "< 1.45 low, > 3.25 high"


@pytest.mark.parametrize(
    ("given", "points"),
    [({"diabetes": False, "glucose_mg_dl": 99}, 0.0), ({"glucose_mg_dl": 100}, 1.13),
     ({"diabetes": False, "impaired_fasting_glucose": True}, 1.13), ({"diabetes_treatment": True}, 1.13)],
)  # fmt: skip
def test_hyperglycaemia_of_the_fibrosis_score(given: dict[str, Any], points: float) -> None:
    base = {name: value for name, value in PATIENT.items() if name != "diabetes"}
    assert found({**base, **given})[0]["nfs"].value == pytest.approx(-0.7925 - 1.13 + points)


def test_fast_says_that_it_is_not_verified() -> None:
    scores, _ = found(PATIENT)
    assert [key for key, score in scores.items() if not score.verified] == ["fast"]
    assert "not be verified" in scores["fast"].interpretation


@pytest.mark.parametrize(("alt", "word"), [(90.0, "Usual"), (80.0, "Usual"), (50.0, "Between"), (20.0, "Seen in")])
def test_ratio_of_enzymes_in_words(alt: float, word: str) -> None:
    scores, _ = found({"ast_u_l": 40.0, "alt_u_l": alt})
    assert scores["ast_alt"].interpretation.startswith(word)
