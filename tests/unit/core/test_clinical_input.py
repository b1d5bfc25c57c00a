"""The clinical form rejects impossible values and takes SI twins."""

import pytest

from steatoscope.core.clinical_input import parse_clinical
from steatoscope.core.errors import SteatoscopeError


def test_si_twin_is_converted() -> None:
    assert parse_clinical({"triglycerides_mmol_l": 2.0}).triglycerides_mg_dl == pytest.approx(177.14)


def test_own_unit_wins_over_twin() -> None:
    assert parse_clinical({"glucose_mg_dl": 100, "glucose_mmol_l": 5.55}).glucose_mg_dl == 100


def test_contradicting_twins_are_refused() -> None:
    with pytest.raises(SteatoscopeError, match="contradict"):
        parse_clinical({"glucose_mg_dl": 100, "glucose_mmol_l": 9.0})


@pytest.mark.parametrize(
    "document", [{"bmi_kg_m2": 300}, {"age_years": -1}, {"age_years": "old"}, {"age_years": True}, {"alt_u_l": 0}]
)
def test_impossible_values_are_named(document: dict[str, object]) -> None:
    with pytest.raises(SteatoscopeError) as caught:
        parse_clinical(document)
    assert caught.value.code == "E_FORMAT"
    assert next(iter(document)) in caught.value.cause


def test_missing_stays_missing() -> None:
    assert parse_clinical({}).model_dump(exclude_none=True) == {}


@pytest.mark.parametrize(("name", "near"), [("age", "age_years"), ("Bmi", "bmi_kg_m2"), ("bmi_kgm2", "bmi_kg_m2")])
def test_unknown_names_are_refused_with_the_near_ones(name: str, near: str) -> None:
    with pytest.raises(SteatoscopeError) as caught:
        parse_clinical({name: 12, "sex": "F"})
    assert caught.value.code == "E_FORMAT"
    assert caught.value.cause.startswith(f"{name}: not a known name; meant is perhaps {near}")


def test_names_like_no_other_are_told_all_known_ones() -> None:
    with pytest.raises(SteatoscopeError, match="not a known name") as caught:
        parse_clinical({"zzzz": 1})
    for known in ("alcohol_g_day", "albumin_g_l"):
        assert known in caught.value.cause


@pytest.mark.parametrize(
    ("twin", "key", "expected"),
    [
        ({"hba1c_mmol_mol": 48.0}, "hba1c_percent", 6.543),
        ({"alt_ukat_l": 0.8}, "alt_u_l", 48.0),
        ({"glucose_2h_mmol_l": 7.8}, "glucose_2h_mg_dl", 140.525),
        ({"height_cm": 180.0, "weight_kg": 81.0}, "bmi_kg_m2", 25.0),
        ({"triglycerides_mmol_l": 1.7, "triglycerides_mg_dl": None}, "triglycerides_mg_dl", 150.569),
    ],
)
def test_what_follows_from_other_names(twin: dict[str, float], key: str, expected: float) -> None:
    assert getattr(parse_clinical(twin), key) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    "document",
    [
        {"height_cm": 180, "weight_kg": 81, "bmi_kg_m2": 31},
        {"diabetes": False, "insulin_treated": True},
        {"systolic_mmhg": 80, "diastolic_mmhg": 120},
    ],
)
def test_what_cannot_be_right_together_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(SteatoscopeError) as caught:
        parse_clinical(document)
    assert caught.value.code == "E_FORMAT"
    assert all(key in caught.value.cause for key in document)


def test_other_cause_takes_known_words_only() -> None:
    assert parse_clinical({"other_cause": "wilson"}).other_cause == "wilson"
    with pytest.raises(SteatoscopeError, match="other_cause"):
        parse_clinical({"other_cause": "a rare one"})


def test_every_known_name_is_taken() -> None:
    for twin in ("triglycerides_mmol_l", "glucose_mmol_l", "hdl_mmol_l", "fasting_insulin_pmol_l", "albumin_g_l"):
        value = {"fasting_insulin_pmol_l": 60.0, "albumin_g_l": 45.0}.get(twin, 5.0)
        assert parse_clinical({twin: value}).model_dump(exclude_none=True)[twin] == value
