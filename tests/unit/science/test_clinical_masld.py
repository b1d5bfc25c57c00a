"""The criteria of steatotic liver disease against an independent reading of the 2023 rules over all combinations."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from steatoscope.science.clinical.masld import classify_sld
from steatoscope.science.clinical.masld_risk import CmrfLimits

LEAN: dict[str, Any] = {
    "sex": "M", "bmi_kg_m2": 22.0, "waist_cm": 85.0, "glucose_mg_dl": 88.0, "systolic_mmhg": 118.0,
    "diastolic_mmhg": 74.0, "triglycerides_mg_dl": 90.0, "hdl_mg_dl": 55.0, "alcohol_g_day": 5.0,
    "diabetes_treatment": False, "antihypertensive_treatment": False, "lipid_treatment": False, "other_cause": "none",
}  # fmt: skip


def expected(steatosis: bool | None, cause: str, alcohol: float, risk: bool) -> str:
    if steatosis is None:
        return "unknown"
    if not steatosis:
        return "no_sld"
    if cause != "none":
        return "specific_and_masld" if risk else "specific"
    if alcohol > 60:
        return "ald"
    table = {(True, True): "masld", (True, False): "metald", (False, True): "cryptogenic", (False, False): "ald_type"}
    return table[risk, alcohol < 30]


def test_every_combination() -> None:
    for steatosis, cause, alcohol, risk in product(
        (True, False, None), ("none", "wilson"), (5.0, 29.9, 30.0, 60.0, 61.0), (True, False)
    ):
        values = {**LEAN, "other_cause": cause, "alcohol_g_day": alcohol, "bmi_kg_m2": 31.0 if risk else 22.0}
        assert classify_sld(values, steatosis).kind == expected(steatosis, cause, alcohol, risk)


@pytest.mark.parametrize(
    ("cause", "alcohol", "risk"), list(product(("none", "wilson"), (5.0, 30.0, 61.0), (True, False)))
)
def test_uncertain_steatosis_tells_what_would_hold(cause: str, alcohol: float, risk: bool) -> None:
    values = {**LEAN, "other_cause": cause, "alcohol_g_day": alcohol, "bmi_kg_m2": 31.0 if risk else 22.0}
    answer = classify_sld(values, "uncertain")
    assert (answer.kind, answer.if_present) == ("uncertain", expected(True, cause, alcohol, risk))
    assert "not certain" in str(answer.criteria_met)


@pytest.mark.parametrize(
    "sign",
    [{"bmi_kg_m2": 25.0}, {"waist_cm": 94.1}, {"glucose_mg_dl": 100.0}, {"glucose_2h_mg_dl": 140.0},
     {"hba1c_percent": 5.7}, {"diabetes": True}, {"diabetes_treatment": True}, {"systolic_mmhg": 130.0},
     {"diastolic_mmhg": 85.0}, {"antihypertensive_treatment": True}, {"triglycerides_mg_dl": 150.0},
     {"hdl_mg_dl": 40.0}, {"lipid_treatment": True}, {"sex": "F"}],
)  # fmt: skip
def test_each_sign_alone_is_enough(sign: dict[str, Any]) -> None:
    # sex F: a waist of 85 cm is above 80
    assert classify_sld({**LEAN, **sign}, True).kind == "masld"


@pytest.mark.parametrize("sign", [{"bmi_kg_m2": 24.9}, {"waist_cm": 94.0}, {"hdl_mg_dl": 40.1}, {"hba1c_percent": 5.6}])
def test_just_below_the_limits_is_not_enough(sign: dict[str, Any]) -> None:
    assert classify_sld({**LEAN, **sign}, True).kind == "cryptogenic"


@pytest.mark.parametrize("key", ["waist_cm", "bmi_kg_m2", "systolic_mmhg", "triglycerides_mg_dl", "hdl_mg_dl"])
def test_no_sign_and_a_missing_value_is_not_classifiable(key: str) -> None:
    answer = classify_sld({name: value for name, value in LEAN.items() if name != key}, True)
    assert answer.kind == "not_classifiable"
    assert answer.criteria_met is None
    assert answer.missing == (key,)


def test_a_missing_value_does_not_matter_beside_a_sign() -> None:
    answer = classify_sld({"bmi_kg_m2": 31.0, "alcohol_g_day": 0.0, "other_cause": "none"}, True)
    assert answer.kind == "masld"
    assert answer.missing == ()
    assert str(answer.criteria_met).startswith("criteria met for MASLD")


@pytest.mark.parametrize(
    ("sex", "alcohol", "kind"),
    [("F", 19.9, "masld"), ("F", 20.0, "metald"), ("F", 50.0, "metald"), ("F", 50.1, "ald"), ("M", 29.9, "masld"),
     (None, 15.0, "masld"), (None, 40.0, "metald"), (None, 70.0, "ald"), (None, 25.0, "not_classifiable"),
     ("F", None, "not_classifiable")],
)  # fmt: skip
def test_alcohol_bands_by_sex(sex: str | None, alcohol: float | None, kind: str) -> None:
    values = {"bmi_kg_m2": 31.0, "sex": sex, "alcohol_g_day": alcohol, "other_cause": "none"}
    answer = classify_sld(values, True)
    assert answer.kind == kind
    assert bool(answer.missing) == (kind == "not_classifiable")


def test_lower_limits_are_a_choice() -> None:
    values = {**LEAN, "bmi_kg_m2": 23.0}
    assert classify_sld(values, True).kind == "cryptogenic"
    assert classify_sld({**values, "asian_cutoffs": True}, True).kind == "masld"
    assert classify_sld({**LEAN, "waist_cm": 94.0}, True, CmrfLimits(waist_at_limit=True)).kind == "masld"


def test_treatment_that_is_not_stated_is_told() -> None:
    values = {name: value for name, value in LEAN.items() if name != "lipid_treatment"}
    answer = classify_sld(values, True)
    assert answer.kind == "cryptogenic"
    assert answer.missing == ("lipid_treatment",)
