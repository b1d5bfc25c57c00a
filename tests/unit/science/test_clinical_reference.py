from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from steatoscope.science.clinical.reference import FEWEST, Fit, fit_reference
from steatoscope.science.clinical.site_reference import Cohort, Person, document_of, fit_site, reference_of


def test_log_normal_values_are_known_as_such_and_give_their_percentiles() -> None:
    values = np.random.default_rng(1).lognormal(0.8, 0.6, 400)
    fit = fit_reference(values, resamples=200)
    assert fit.family == "lognormal"
    assert fit.location == pytest.approx(float(np.median(np.log(values))))
    assert fit.at(95.0) == pytest.approx(float(stats.lognorm.ppf(0.95, fit.spread, scale=math.exp(fit.location))))
    assert fit.percentile(fit.at(90.0)) == pytest.approx(90.0)


def test_two_humps_are_read_by_their_own_quantiles() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(2.0, 0.2, 120), rng.normal(6.0, 0.3, 80)])
    fit = fit_reference(values, resamples=50)
    assert fit.family == "quantile"
    assert fit.percentile(4.0) == pytest.approx(100.0 * (120 + 0.5) / 201)
    assert fit.z(4.0) == pytest.approx(float(stats.norm.ppf((120 + 0.5) / 201)))
    assert 0.0 < fit.percentile(-5.0) < 1.0
    assert 99.0 < fit.percentile(50.0) < 100.0


def test_one_wild_value_does_not_move_the_fit() -> None:
    values = np.random.default_rng(3).normal(55.0, 8.0, 200)
    clean, dirty = fit_reference(values, resamples=20), fit_reference([*values[:-1], 4000.0], resamples=20)
    assert clean.family == dirty.family == "normal"
    assert dirty.at(95.0) == pytest.approx(clean.at(95.0), abs=0.5)


@pytest.mark.parametrize("values", [[1.0] * FEWEST, list(range(FEWEST - 1)), [math.nan, *range(FEWEST)]])
def test_what_is_no_sample_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"finite|alike"):
        fit_reference(values)


def test_bounds_of_the_percentiles_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    truth, held = 10.0 + 2.0 * 1.2815516, 0
    for _ in range(60):
        fit = fit_reference(rng.normal(10.0, 2.0, 80), resamples=200)
        low, high = next((low, high) for p, _, low, high in fit.quantiles if p == 90.0)
        held += low <= truth <= high
    assert held >= int(stats.binom.ppf(0.001, 60, 0.9))


def _cohort(n: int = 240) -> Cohort:
    rng = np.random.default_rng(5)
    sexes = ["F" if k % 2 else "M" for k in range(n)]
    ages = rng.uniform(20.0, 59.0, n)
    fat = np.exp(rng.normal(0.7, 0.4, n)) * np.where(np.array(sexes) == "M", 1.6, 1.0)
    people = tuple(Person(sex, float(age)) for sex, age in zip(sexes, ages, strict=True))
    return Cohort(people, {"fat": fat, "liver_volume": rng.normal(1500.0, 200.0, n)}, "pdff")


def test_the_narrowest_group_that_holds_the_patient_answers() -> None:
    part = fit_site(_cohort(), "here", {}).quantities["fat"]
    man, unknown, old = Person("M", 30.0), Person(), Person("M", 80.0)
    assert (part.group_of(man).sex, part.group_of(man).ages) == ("M", (18.0, 40.0))
    assert (part.group_of(old).sex, part.group_of(old).ages) == ("M", None)
    assert part.group_of(unknown) is part.groups[0]
    assert [part.missing(one) for one in (man, unknown, Person("M"))] == ["", "sex and age", "age"]
    woman = part.group_of(Person("F", 30.0))
    assert woman.fit.percentile(4.0) > part.group_of(man).fit.percentile(4.0)


def test_a_reference_survives_its_file() -> None:
    site = fit_site(_cohort(), "here", {"who": "volunteers"})
    again = reference_of(document_of(site))
    assert again.name == "here"
    assert again.scale == "pdff"
    assert dict(again.facts) == {"who": "volunteers"}
    before, after = (one.quantities["fat"].groups[0].fit for one in (site, again))
    assert after.percentile(5.0) == pytest.approx(before.percentile(5.0), abs=1e-3)
    assert site.normality is not None
    assert again.normality is not None
    found = {"fat": math.log(3.0), "liver_volume": math.log(1400.0)}
    assert again.normality.distance(found) == pytest.approx(site.normality.distance(found), abs=1e-4)


def test_small_groups_are_not_split() -> None:
    part = fit_site(_cohort(60), "here", {}).quantities["fat"]
    assert part.groups[0].sex is part.groups[0].ages is None
    assert all(group.fit.n >= 40 for group in part.groups[1:])
    with pytest.raises(ValueError, match="20 people"):
        fit_site(_cohort(12), "here", {})


def test_a_damaged_fit_is_not_read() -> None:
    document = fit_reference(np.random.default_rng(6).normal(0.0, 1.0, 30), resamples=20).document()
    for change in ({"family": "gamma"}, {"spread": 0.0}, {"sample": []}):
        with pytest.raises(ValueError, match="fit"):
            Fit.read({**document, **change})
