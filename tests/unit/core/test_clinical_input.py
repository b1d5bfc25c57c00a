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
