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


def test_every_known_name_is_taken() -> None:
    for twin in ("triglycerides_mmol_l", "glucose_mmol_l", "hdl_mmol_l", "fasting_insulin_pmol_l", "albumin_g_l"):
        value = {"fasting_insulin_pmol_l": 60.0, "albumin_g_l": 45.0}.get(twin, 5.0)
        assert parse_clinical({twin: value}).model_dump(exclude_none=True)[twin] == value
