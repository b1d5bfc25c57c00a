"""Agreement: closed forms, the published example of the ICC, and what is undefined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from steatoscope.science.metrics.agreement import (
    bland_altman,
    concordance,
    icc_2_1,
    regression_slope,
    repeatability_coefficient,
)

# Shrout and Fleiss (1979), table 2: six targets, four judges
JUDGES = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_limits_of_agreement_in_closed_form() -> None:
    found = bland_altman([1.0, 3.0, 5.0], [0.0, 3.0, 6.0])
    assert (found.n, found.bias, found.sd) == (3, 0.0, 1.0)
    assert (found.limits_low, found.limits_high) == pytest.approx((-1.959964, 1.959964))


def test_bias_has_the_sign_of_measured_minus_reference() -> None:
    assert bland_altman([2.0, 4.0], [1.0, 2.0]).bias == 1.5


def test_one_pair_has_no_limits() -> None:
    found = bland_altman([2.0], [1.0])
    assert found.bias == 1.0
    assert math.isnan(found.limits_low)


def test_slope_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 40, 30)
    values = 0.9 * truth + rng.normal(0, 2, 30) + 3
    assert regression_slope(values, truth) == pytest.approx(stats.linregress(truth, values).slope)
    assert math.isnan(regression_slope([1.0, 2.0], [3.0, 3.0]))


def test_icc_of_shrout_and_fleiss() -> None:
    assert icc_2_1(JUDGES) == pytest.approx(0.29, abs=0.005)
    assert icc_2_1([[1, 1], [2, 2], [5, 5]]) == 1.0
    assert math.isnan(icc_2_1([[3, 3], [3, 3]]))
    assert math.isnan(icc_2_1([[3, 4]]))


def test_concordance() -> None:
    values = np.array([1.0, 2.0, 4.0])
    assert concordance(values, values) == pytest.approx(1.0)
    assert concordance(values, -values + values.mean() * 2) == pytest.approx(-1.0)
    shifted = 2 * values.var() / (2 * values.var() + 9.0)
    assert concordance(values + 3.0, values) == pytest.approx(shifted)
    assert math.isnan(concordance([1.0, 1.0], [1.0, 1.0]))


def test_repeatability_coefficient() -> None:
    pairs = np.array([[10.0, 12.0], [20.0, 19.0], [5.0, 5.0]])
    within = math.sqrt(((2.0**2 + 1.0**2) / 2) / 3)
    assert repeatability_coefficient(pairs) == pytest.approx(2.7718 * within, rel=1e-4)


def test_repeatability_coefficient_covers_95_percent_of_pairs() -> None:
    rng = np.random.default_rng(1)
    pairs = rng.uniform(0, 40, (20000, 1)) + rng.normal(0, 0.8, (20000, 2))
    limit = repeatability_coefficient(pairs)
    assert np.mean(np.abs(pairs[:, 0] - pairs[:, 1]) <= limit) == pytest.approx(0.95, abs=0.006)


@pytest.mark.parametrize(("one", "other"), [([1.0], [1.0, 2.0]), ([], []), ([math.nan], [1.0]), ([[1.0]], [[1.0]])])
def test_values_that_do_not_pair(one: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="paired values"):
        bland_altman(one, other)


@pytest.mark.parametrize("table", [[1.0, 2.0], [[1.0], [2.0]], [[1.0, math.inf]]])
def test_tables_that_do_not_fit(table: list[float]) -> None:
    with pytest.raises(ValueError, match="repeated values"):
        icc_2_1(table)
