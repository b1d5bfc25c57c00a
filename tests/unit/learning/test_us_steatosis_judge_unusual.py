"""On pictures unlike the training data the model is never sure."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.learning.inference.us_steatosis_judge import Judge

JUDGE = Judge((0.0, 4.0), np.linspace(-1.5, 1.5, 31))


@pytest.mark.parametrize("detection", [-8.0, -2.0, 0.0, 3.0, 9.0])
def test_the_probability_of_an_unusual_picture_stays_between_a_fifth_and_four(detection: float) -> None:
    found = JUDGE.distribution(detection, 4.0, widening=1.5)
    assert 0.2 - 1e-9 <= found.probability <= 0.8 + 1e-9
    assert (found.probability >= 0.5) == (JUDGE.probability(detection) >= 0.5)


def test_its_interval_reaches_both_sides_of_the_limit() -> None:
    low, high = JUDGE.interval(JUDGE.distribution(-8.0, 4.0, widening=1.5))
    assert low < 5.0 < high
    sure = JUDGE.interval(JUDGE.distribution(-8.0, 4.0))
    assert sure[1] < 5.0 < high
