"""The combined estimate against closed forms, numerical integration and simulated cohorts."""

from __future__ import annotations

from math import exp, log
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binom

from steatoscope.science.clinical.combined import combined_estimate
from steatoscope.science.clinical.combined_fit import Cohort, cross_validate, fit_combined, predict_rows, shipped_model
from steatoscope.science.clinical.combined_posterior import ImageReading, posterior_quantiles
from steatoscope.science.clinical.combined_variables import NAMES, variable_vector
from steatoscope.science.clinical.gaussian_missing import Gaussian, fit_gaussian
from steatoscope.science.clinical.simulated_cohort import simulate_cohort
from steatoscope.science.explain.shapley import shapley_effects

PATIENT: dict[str, Any] = {"sex": "M", "bmi_kg_m2": 31.0, "alt_u_l": 48.0, "fasting_insulin_mu_l": 14.0}


def test_conditional_of_two_is_the_regression_line() -> None:
    joint = Gaussian(np.array([1.0, 2.0]), np.array([[4.0, 1.5], [1.5, 1.0]]), 10**9)
    mean, variance = joint.conditional(0, [[np.nan, 3.0]])
    assert mean[0] == pytest.approx(1.0 + 1.5 * 1.0)
    assert variance[0] == pytest.approx(4.0 - 1.5**2, rel=1e-6)


def test_a_missing_value_is_as_if_the_variable_did_not_exist() -> None:
    rng = np.random.default_rng(3)
    root = rng.standard_normal((4, 4))
    covariance = root @ root.T + np.eye(4)
    whole, part = Gaussian(np.arange(4.0), covariance, 10**9), [0, 1, 3]
    cut = Gaussian(np.arange(4.0)[part], covariance[np.ix_(part, part)], 10**9)
    given = whole.conditional(0, [[np.nan, 0.3, np.nan, 2.0]])
    assert np.allclose(given, cut.conditional(0, [[np.nan, 0.3, 2.0]]), rtol=1e-9)


def test_em_reaches_the_closed_form_of_monotone_missing_data() -> None:
    # Anderson (J Am Stat Assoc 1957): y regressed on x where both are known, then x of all rows
    rng = np.random.default_rng(7)
    x = rng.standard_normal(60)
    y = 1.0 + 0.8 * x + 0.5 * rng.standard_normal(60)
    known = x < 0.5
    rows = np.column_stack([np.where(known, y, np.nan), x])
    found = fit_gaussian(rows, pseudo_rows=0.0, steps=5000, tolerance=1e-12)
    slope, intercept = np.polyfit(x[known], y[known], 1)
    residual = np.mean((y[known] - intercept - slope * x[known]) ** 2)
    assert found.mean[0] == pytest.approx(intercept + slope * x.mean(), abs=1e-6)
    assert found.covariance[0, 0] == pytest.approx(residual + slope**2 * x.var(), abs=1e-6)


def test_without_an_image_the_quantiles_are_log_normal() -> None:
    found = posterior_quantiles(0.7, 0.25, None, [0.05, 0.5, 0.95])[0]
    expected = [exp(0.7 + 0.5 * NormalDist().inv_cdf(share)) for share in (0.05, 0.5, 0.95)]
    assert found == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("reading", [ImageReading(9.0, 2.5), ImageReading(1.0, 4.0), ImageReading(24.0, 1.0, 1.0, 0.9)])
def test_posterior_against_integration(reading: ImageReading) -> None:
    mu, variance = 1.6, 0.6

    def mass(t: float) -> float:
        gap = (reading.value_percent - reading.intercept - reading.slope * exp(t)) / reading.sd
        return exp(-0.5 * (t - mu) ** 2 / variance - 0.5 * gap**2)

    found = posterior_quantiles(mu, variance, reading, [0.05, 0.5, 0.95])[0]
    whole = quad(mass, -4.0, 5.0, points=[mu, log(max(reading.value_percent, 1.0))], limit=400)[0]
    for value, share in zip(found, (0.05, 0.5, 0.95), strict=True):
        assert quad(mass, -4.0, log(value), limit=400)[0] / whole == pytest.approx(share, abs=5e-3)


def test_effects_are_the_shapley_values_of_the_estimate_with_values_unknown() -> None:
    model = shipped_model()
    image = model.reading(9.0, 2.5)
    found = combined_estimate(model, PATIENT, image)

    def worth(mixed: Any) -> float:
        known = {key: PATIENT[key] for key, on in mixed.items() if on and key != "image"}
        return combined_estimate(model, known, image if mixed["image"] else None).value_percent

    names = ["sex", "bmi_kg_m2", "alt_u_l", "fasting_insulin_mu_l", "image"]
    expected = shapley_effects(worth, dict.fromkeys(names, 1.0), dict.fromkeys(names, 0.0))
    labels = ["Sex", "Body mass index", "ALT", "Fasting insulin", "image"]
    assert [found.effects[label] for label in labels] == pytest.approx(list(expected.values()), abs=1e-9)
    assert sum(found.effects.values()) == pytest.approx(found.value_percent - found.base_percent)


def test_more_is_known_more_is_certain() -> None:
    model = shipped_model()
    nothing = combined_estimate(model, {}, None)
    some = combined_estimate(model, PATIENT, None)
    all_of_it = combined_estimate(model, PATIENT, model.reading(9.0, 2.0))
    assert nothing.value_percent == pytest.approx(2.11, rel=0.05)
    widths = [log(one.interval.high / one.interval.low) for one in (nothing, some, all_of_it)]
    assert widths[0] > widths[1] > widths[2]
    assert some.missing == tuple(name for name in NAMES if np.isnan(variable_vector(PATIENT)[NAMES.index(name)]))


def test_a_poor_image_counts_less() -> None:
    model = shipped_model()
    sharp = combined_estimate(model, PATIENT, model.reading(20.0, 1.0))
    blurred = combined_estimate(model, PATIENT, model.reading(20.0, 8.0))
    assert sharp.value_percent == pytest.approx(20.0, abs=0.6)
    assert blurred.value_percent < sharp.value_percent - 3.0


def test_simulated_cohort_has_the_published_facts() -> None:
    # Wilman 2017: median 2.11 %; Haas 2021: 17.0 % steatotic, BMI 29.7 against 25.9; each within 5 SD of chance
    cohort = simulate_cohort(20_000, seed=4)
    fatty = cohort.fat_percent >= 5.5
    bmi = np.exp(cohort.variables[:, NAMES.index("bmi_kg_m2")])
    assert fatty.mean() == pytest.approx(0.170, abs=0.015)
    assert np.median(cohort.fat_percent) == pytest.approx(2.11, abs=0.08)
    assert bmi[fatty].mean() == pytest.approx(29.7, abs=0.4)
    assert bmi[~fatty].mean() == pytest.approx(25.9, abs=0.2)


def _cohort(n: int, missing: float, seed: int) -> Cohort:
    whole = simulate_cohort(n, seed)
    rng = np.random.default_rng(seed + 1)
    variables = np.where(rng.random(whole.variables.shape) < missing, np.nan, whole.variables)
    image = whole.fat_percent + 3.0 * rng.standard_normal(n)
    return Cohort(whole.fat_percent, image, np.full(n, np.nan), variables, np.arange(n).astype(str))


def test_intervals_cover_with_a_fifth_missing() -> None:
    train, test = _cohort(600, 0.2, 11), _cohort(1500, 0.2, 12)
    found = predict_rows(fit_combined(train, "test", "simulated", simulated=True), test)
    low, high = binom.interval(0.9999, 1500, 0.9)
    for name, rows in found.items():
        inside = int(np.sum((rows[:, 1] <= test.fat_percent) & (test.fat_percent <= rows[:, 2])))
        assert low - 15 <= inside <= high + 15, name  # 1 % for the error of the fit itself
    errors = {name: float(np.abs(rows[:, 0] - test.fat_percent).mean()) for name, rows in found.items()}
    assert errors["combined"] < min(errors["image"], errors["clinical"])


def test_cross_validation_keeps_a_patient_in_one_fold() -> None:
    twice = _cohort(60, 0.0, 21)
    doubled = twice.part(np.repeat(np.arange(60), 2))
    found = cross_validate(doubled, folds=3)
    assert np.allclose(found["combined"][0::2], found["combined"][1::2])


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(ValueError, match="29 patients"):
        fit_combined(_cohort(29, 0.0, 1), "test", "simulated")


def test_a_variable_that_nobody_has_does_not_count() -> None:
    cohort = _cohort(80, 0.0, 31)
    cohort.variables[:, NAMES.index("ggt_u_l")] = np.nan
    model = fit_combined(cohort, "test", "simulated")
    with_it = combined_estimate(model, {**PATIENT, "ggt_u_l": 300.0}, None)
    assert with_it.clinical_percent == pytest.approx(combined_estimate(model, PATIENT, None).clinical_percent, rel=1e-3)
