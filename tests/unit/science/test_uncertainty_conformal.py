"""Conformal intervals: ranks in closed form and coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from steatoscope.science.uncertainty.conformal import (
    conformal_quantile,
    coverage,
    jackknife_plus_interval,
    split_interval,
)


@pytest.mark.parametrize(
    ("n", "level", "rank"), [(9, 0.9, 9), (10, 0.9, 10), (19, 0.9, 18), (99, 0.95, 95), (4, 0.5, 3)]
)
def test_quantile_is_an_order_statistic(n: int, level: float, rank: int) -> None:
    residuals = np.random.default_rng(0).permutation(np.arange(1.0, n + 1)) * np.resize([1.0, -1.0], n)
    assert conformal_quantile(residuals, level) == rank


def test_too_few_patients_give_no_bound() -> None:
    assert conformal_quantile([1.0] * 8, 0.9) == math.inf
    assert conformal_quantile([], 0.9) == math.inf
    low, high = jackknife_plus_interval(np.zeros((8, 2)), np.ones(8), 0.9)
    assert np.all(low == -np.inf)
    assert np.all(high == np.inf)


def test_split_interval_is_symmetric() -> None:
    low, high = split_interval([10.0, 20.0], np.arange(1.0, 10.0), 0.9)
    assert list(low) == [1.0, 11.0]
    assert list(high) == [19.0, 29.0]


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_split_coverage_with_skewed_errors(level: float) -> None:
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(2000):
        low, high = split_interval(np.zeros(20), rng.exponential(size=39), level)
        shares.append(coverage(low, high, rng.exponential(size=20)))
    assert np.mean(shares) == pytest.approx(level, abs=0.012)


def test_jackknife_plus_of_equal_fits_is_the_order_statistics() -> None:
    fits = np.full((9, 1), 5.0)
    low, high = jackknife_plus_interval(fits, np.arange(1.0, 10.0), 0.9)
    assert (low[0], high[0]) == (-4.0, 14.0)


def test_jackknife_plus_takes_ranks_on_either_side() -> None:
    fits = np.arange(19.0)[:, None]
    low, high = jackknife_plus_interval(fits, np.zeros(19), 0.9)
    assert (low[0], high[0]) == (1.0, 17.0)


def test_jackknife_plus_coverage_of_a_linear_fit() -> None:
    rng = np.random.default_rng(2)
    weights = np.array([1.0, -2.0, 0.5])
    shares = []
    for _ in range(200):
        x, new = rng.normal(size=(30, 3)), rng.normal(size=(40, 3))
        y = x @ weights + rng.standard_t(4, size=30)
        fits, residuals = _leave_one_out(x, y, new)
        low, high = jackknife_plus_interval(fits, residuals, 0.9)
        shares.append(coverage(low, high, new @ weights + rng.standard_t(4, size=40)))
    assert np.mean(shares) == pytest.approx(0.9, abs=0.025)


def _leave_one_out(
    x: NDArray[np.float64], y: NDArray[np.float64], new: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    fits, residuals = [], []
    for k in range(y.size):
        kept = np.arange(y.size) != k
        found = np.linalg.lstsq(x[kept], y[kept], rcond=None)[0]
        fits.append(new @ found)
        residuals.append(y[k] - x[k] @ found)
    return np.array(fits), np.array(residuals)


def test_wrong_input() -> None:
    with pytest.raises(ValueError, match="level"):
        conformal_quantile([1.0], 1.0)
    with pytest.raises(ValueError, match="residuals"):
        conformal_quantile([math.nan], 0.9)
    with pytest.raises(ValueError, match="one row"):
        jackknife_plus_interval(np.zeros((3, 2)), np.zeros(4))
    assert math.isnan(coverage([], [], []))
