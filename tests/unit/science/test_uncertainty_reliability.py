"""Calibration error in closed form, its chance level, and bins with exact intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from steatoscope.science.uncertainty.reliability import (
    bin_numbers,
    calibration_error,
    errors_if_calibrated,
    judged_calibration,
    reliability_bins,
    share_interval,
    top_label,
)


def _drawn(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    given = rng.beta(0.6, 0.6, n)
    return given, rng.random(n) < given


@pytest.mark.parametrize(("binning", "strategy"), [("width", "uniform"), ("mass", "quantile")])
def test_bins_are_those_of_scikit_learn(binning: str, strategy: str) -> None:
    given, happened = _drawn(0, 400)
    frequency, probability = calibration_curve(happened, given, n_bins=8, strategy=strategy)
    found = reliability_bins(given, happened, bins=8, binning=binning)  # type: ignore[arg-type]
    assert [one.frequency for one in found] == pytest.approx(list(frequency))
    assert [one.probability for one in found] == pytest.approx(list(probability))
    gaps = sum(one.count * abs(one.frequency - one.probability) for one in found) / 400
    assert calibration_error(given, happened, bins=8, binning=binning) == pytest.approx(gaps)  # type: ignore[arg-type]


def test_bins_of_equal_mass_keep_ties_together() -> None:
    place = bin_numbers([0.1, 0.1, 0.1, 0.4, 0.5, 0.5], 3, "mass")
    assert list(place) == [0, 0, 0, 1, 2, 2]
    assert list(bin_numbers([0.0, 0.05, 1.0], 10)) == [0, 0, 9]


def test_intervals_are_exact_binomial() -> None:
    for hits, cases in ((0, 7), (3, 7), (7, 7), (36, 40)):
        ours, theirs = share_interval(hits, cases), binomtest(hits, cases).proportion_ci(method="exact")
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    (only,) = reliability_bins([0.22, 0.28, 0.25], [True, False, False])
    assert (only.count, only.probability, only.frequency) == pytest.approx((3, 0.25, 1 / 3))
    assert (only.interval.low, only.interval.high) == pytest.approx((0.00840, 0.90570), abs=1e-5)


def test_chance_level_in_closed_form() -> None:
    # one patient of probability p: the error is 1 - p with chance p, p with chance 1 - p, on average 2 p (1 - p)
    assert errors_if_calibrated([0.3], draws=40000).mean() == pytest.approx(0.42, abs=0.005)
    # many of one probability: half-normal, sqrt(2/pi) sqrt(p (1 - p) / n)
    drawn = errors_if_calibrated(np.full(2500, 0.2), draws=4000)
    assert drawn.mean() == pytest.approx(np.sqrt(2 / np.pi) * np.sqrt(0.16 / 2500), rel=0.05)


def test_chance_level_is_the_mean_error_of_calibrated_samples() -> None:
    given, _ = _drawn(1, 150)
    rng = np.random.default_rng(2)
    seen = [calibration_error(given, rng.random(150) < given) for _ in range(1500)]
    assert errors_if_calibrated(given, draws=3000, seed=3).mean() == pytest.approx(np.mean(seen), rel=0.03)


def test_a_judged_error_says_whether_chance_explains_it() -> None:
    given, happened = _drawn(4, 600)
    fair = judged_calibration(given, happened, resamples=400)
    assert fair.expected_range.low < fair.expected < fair.expected_range.high
    assert fair.value < fair.expected_range.high
    assert fair.interval is not None
    assert fair.interval.low < fair.value < fair.interval.high
    too_sure = np.where(given > 0.5, 0.5 + 0.5 * given, 0.5 * given)
    assert judged_calibration(too_sure, happened, resamples=400).value > fair.expected_range.high
    assert fair == judged_calibration(given, happened, resamples=400)


def test_patients_not_rows_are_drawn() -> None:
    given, happened = _drawn(5, 60)
    rows = np.repeat(np.arange(60), 20)
    by_row = judged_calibration(given[rows], happened[rows], resamples=300)
    by_patient = judged_calibration(given[rows], happened[rows], rows, resamples=300)
    assert by_row.interval is not None
    assert by_patient.interval is not None
    wide = by_patient.interval.high - by_patient.interval.low
    assert wide > 2.5 * (by_row.interval.high - by_row.interval.low)


def test_top_label_and_wrong_input() -> None:
    probability, right = top_label([[0.2, 0.8], [0.6, 0.4]], [1, 1])
    assert list(probability) == [0.8, 0.6]
    assert list(right) == [True, False]
    with pytest.raises(ValueError, match="fit"):
        top_label([[0.2, 0.8]], [1, 1])
    with pytest.raises(ValueError, match="no patient"):
        judged_calibration([], [])
    with pytest.raises(ValueError, match="bins"):
        bin_numbers([0.5], 0)
    with pytest.raises(ValueError, match="one shape"):
        calibration_error([0.5], [True, False])
    assert np.isnan(calibration_error([], [], binning="mass"))
