"""The additions of CT and MR close: start and contributions are the reported value."""

from __future__ import annotations

import pytest

from steatoscope.pipeline.why import ct_explanation, mr_explanation
from steatoscope.science.quantify.ct_equations import fat_equivalent
from steatoscope.science.quantify.mr_t1 import corrected_fraction


@pytest.mark.parametrize("hu", [-10.0, 46.0, 55.0, 64.0, 75.0])
def test_ct_goes_from_the_mean_population_to_the_patient(hu: float) -> None:
    fat = fat_equivalent(hu, 0.5)
    found = ct_explanation(hu, fat)
    assert found.start is not None
    assert found.start.value_percent == pytest.approx(38.2 - 0.58 * 55.0)
    assert found.contributions[0].effect_points == pytest.approx(-0.58 * (hu - 55.0))
    total = found.start.value_percent + sum(part.effect_points for part in found.contributions)
    assert total == pytest.approx(fat.value_percent, abs=0.05)
    assert (len(found.contributions) == 2) == (hu > 66.0)


def test_mr_tells_the_correction_where_there_was_one() -> None:
    value = corrected_fraction(20.0, 1.2)
    found = mr_explanation(value, 20.0, 1.2)
    assert found.start is not None
    assert found.start.value_percent == 20.0
    assert found.contributions[0].effect_points == pytest.approx(value - 20.0)
    assert found.contributions[0].effect_points < 0.0
    plain = mr_explanation(20.0, None, 1.0)
    assert (plain.start, plain.contributions) == (None, [])
