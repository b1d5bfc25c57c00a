"""Temperature and isotonic calibration against closed forms and scikit-learn; errors on simulated cohorts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from steatoscope.science.uncertainty.calibration import Temperature, fit_isotonic, fit_line, fit_temperature
from steatoscope.science.uncertainty.reliability import calibration_error


def _cohort(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """True log-odds of n patients and the events drawn from them."""
    odds = rng.normal(0.8, 2.5, n)
    return odds, rng.random(n) < expit(odds)


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_temperature_undoes_a_factor_on_the_log_odds(factor: float) -> None:
    odds, happened = _cohort(np.random.default_rng(0), 20000)
    given = expit(factor * odds)
    found = fit_temperature(given, happened)
    assert found.value == pytest.approx(factor, rel=0.05)
    assert found.apply(given) == pytest.approx(expit(odds), abs=0.02)


def test_two_classes_are_one_event() -> None:
    odds, happened = _cohort(np.random.default_rng(1), 500)
    one = expit(2.0 * odds)
    two = np.column_stack([1.0 - one, one])
    assert fit_temperature(one, happened).value == pytest.approx(fit_temperature(two, happened).value, rel=1e-5)
    assert Temperature(1.7).apply(two)[:, 1] == pytest.approx(Temperature(1.7).apply(one))
    assert Temperature(2.0).apply([0.9]) == pytest.approx(expit(logit(0.9) / 2.0))


def test_temperature_of_four_grades() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0.0, 2.0, (20000, 4))
    true = softmax(logits, axis=1)
    classes = (true.cumsum(axis=1) > rng.random((20000, 1))).argmax(axis=1)
    found = fit_temperature(softmax(2.5 * logits, axis=1), classes)
    assert found.value == pytest.approx(2.5, rel=0.03)
    assert found.apply(softmax(2.5 * logits, axis=1)) == pytest.approx(true, abs=0.03)


def test_temperature_keeps_the_ranking_and_bounds() -> None:
    given = np.array([0.0, 0.2, 0.7, 1.0])
    shown = Temperature(4.0).apply(given)
    assert np.all(np.diff(shown) > 0)
    assert np.all((shown >= 0.0) & (shown <= 1.0))
    assert fit_temperature([0.1, 0.2, 0.9], [False, False, True]).value == pytest.approx(0.1, abs=0.05)


def test_line_is_a_logistic_regression_on_the_log_odds() -> None:
    odds, happened = _cohort(np.random.default_rng(6), 5000)
    given = expit(2.0 * odds - 1.5)
    found = fit_line(given, happened)
    theirs = LogisticRegression(C=np.inf).fit(logit(given)[:, None], happened)
    assert (found.offset, found.slope) == pytest.approx((theirs.intercept_[0], theirs.coef_[0, 0]), rel=0.03)
    assert (found.offset, found.slope) == pytest.approx((0.75, 0.5), abs=0.08)
    assert found.apply(given) == pytest.approx(expit(odds), abs=0.03)


def test_line_of_events_told_apart_stays_finite() -> None:
    found = fit_line([0.1, 0.2, 0.8, 0.9], [False, False, True, True])
    assert np.all(np.isfinite(found.apply([0.0, 0.5, 1.0])))
    assert 0.0 < found.slope < 60.0


@pytest.mark.parametrize("decimals", [8, 2, 1])
def test_isotonic_is_that_of_scikit_learn(decimals: int) -> None:
    odds, happened = _cohort(np.random.default_rng(3), 700)
    given = expit(0.5 * odds - 1.0).round(decimals)
    ours = fit_isotonic(given, happened)
    theirs = IsotonicRegression(out_of_bounds="clip", y_min=0.0, y_max=1.0).fit(given, happened)
    asked = np.linspace(0.0, 1.0, 301)
    assert ours.apply(asked) == pytest.approx(theirs.predict(asked), abs=1e-9)


def test_isotonic_pools_violators() -> None:
    found = fit_isotonic([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1])
    assert found.apply([0.1, 0.2, 0.3, 0.4, 0.05, 0.9]) == pytest.approx([0.0, 0.5, 0.5, 1.0, 0.0, 1.0])


@pytest.mark.parametrize(("factor", "offset"), [(3.0, 0.0), (1.0, 2.0), (2.5, -1.5)])
def test_error_of_miscalibrated_cohorts_falls_below_three_percent(factor: float, offset: float) -> None:
    rng = np.random.default_rng(4)
    (odds, happened), (new_odds, new_happened) = _cohort(rng, 4000), _cohort(rng, 4000)
    curve = fit_isotonic(expit(factor * odds + offset), happened)
    given = expit(factor * new_odds + offset)
    assert calibration_error(given, new_happened) > 0.06
    assert calibration_error(curve.apply(given), new_happened) <= 0.03


def test_wrong_input() -> None:
    with pytest.raises(ValueError, match="0-1"):
        fit_isotonic([1.2], [True])
    with pytest.raises(ValueError, match="one shape"):
        fit_isotonic([], [])
    with pytest.raises(ValueError, match="add up"):
        fit_temperature([[0.5, 0.6]], [1])
    with pytest.raises(ValueError, match="class numbers"):
        fit_temperature([[0.5, 0.5]], [2])
    with pytest.raises(ValueError, match="truth"):
        fit_temperature([0.5], [True, False])
