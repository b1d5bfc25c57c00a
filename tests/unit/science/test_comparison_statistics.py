"""Paired comparisons against published figures, closed forms and slow independent implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from steatoscope.science.metrics.classification import auc
from steatoscope.science.metrics.comparison import delong, mcnemar, paired_bootstrap, signed_rank
from steatoscope.science.metrics.comparison_models import CLUSTERED, compare_models

# albumin, total protein, K-G score, outcome of the 43 complete patients of DeLong et al. (1988)
_OVARIAN = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8
5.7 5 1 3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4
6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1
4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3
6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9
5 1 3.6 6.6 5 1
"""


def _ovarian() -> dict[str, NDArray[np.float64]]:
    table = np.array(_OVARIAN.split(), dtype=np.float64).reshape(-1, 4)
    return {"albumin": table[:, 0], "protein": table[:, 1], "kg": 10 - table[:, 2], "outcome": table[:, 3]}


def _slow(labels: NDArray[np.bool_], scores: list[NDArray[np.float64]]) -> tuple[list[float], NDArray[np.float64]]:
    """DeLong by its definition: every positive against every negative."""
    parts = [np.sign(s[labels][:, None] - s[~labels][None, :]) / 2 + 0.5 for s in scores]
    hits, misses = np.stack([p.mean(axis=1) for p in parts]), np.stack([p.mean(axis=0) for p in parts])
    return [float(p.mean()) for p in parts], np.cov(hits) / hits.shape[1] + np.cov(misses) / misses.shape[1]


def test_delong_repeats_the_areas_and_errors_published_for_the_ovarian_patients() -> None:
    known = _ovarian()
    positive = known["outcome"] > 0
    test = delong(positive, known["albumin"], known["kg"])
    # areas and standard errors as SAS/STAT's example of PROC LOGISTIC prints them
    assert (test.first, test.second) == (pytest.approx(0.7366, abs=5e-5), pytest.approx(0.7258, abs=5e-5))
    assert math.sqrt(test.covariance[0][0]) == pytest.approx(0.0927, abs=5e-5)
    assert math.sqrt(test.covariance[1][1]) == pytest.approx(0.1028, abs=5e-5)
    assert test.difference.value == pytest.approx(0.0108, abs=5e-5)
    assert test.difference.p == pytest.approx(0.9102, abs=5e-4)
    protein = delong(positive, known["protein"], known["kg"])
    assert protein.first == pytest.approx(0.6478, abs=5e-5)
    assert math.sqrt(protein.covariance[0][0]) == pytest.approx(0.1000, abs=5e-5)


@pytest.mark.parametrize("seed", range(4))
def test_delong_equals_the_slow_definition_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random(40) < 0.4
    scores = [np.round(rng.normal(size=40) + labels, 1) for _ in range(2)]
    test = delong(labels, *scores)
    areas, covariance = _slow(labels, scores)
    assert [test.first, test.second] == pytest.approx(areas)
    assert test.first == pytest.approx(auc(labels, scores[0]))
    assert np.array(test.covariance) == pytest.approx(covariance)


def test_delong_of_equal_rankings_has_no_doubt_and_few_cases_are_refused() -> None:
    labels = np.array([1, 1, 0, 0, 0], dtype=bool)
    scores = np.array([0.9, 0.3, 0.2, 0.4, 0.1])
    test = delong(labels, scores, 10 * scores)
    assert (test.difference.value, test.difference.p, test.z) == (0.0, 1.0, 0.0)
    with pytest.raises(ValueError, match="two cases"):
        delong([True, False, False], [1, 2, 3], [1, 2, 3])
    with pytest.raises(ValueError, match="finite"):
        delong(labels, scores, [np.nan] * 5)


def test_mcnemar_is_the_binomial_tail() -> None:
    # 21 both, 9 and 2 discordant, 12 neither: two-sided exact p 2 (1 + 11 + 55) / 2^11 = 0.0654 (Fay, 2010)
    first = np.repeat([True, True, False, False], [21, 9, 2, 12])
    second = np.repeat([True, False, True, False], [21, 9, 2, 12])
    test = mcnemar(first, second)
    assert (test.only_first, test.only_second) == (9, 2)
    assert test.p == pytest.approx(134 / 2048)
    assert mcnemar(first, first).p == 1.0
    with pytest.raises(ValueError, match="one shape"):
        mcnemar([True], [True, False])


def test_signed_rank_of_all_gains_is_two_to_the_power() -> None:
    assert signed_rank(np.arange(1, 9) * 1.1, np.zeros(8)) == pytest.approx(2 / 2**8)
    assert signed_rank([1, 2, 3], [1, 2, 3]) == 1.0


def test_paired_bootstrap_of_a_mean_meets_the_normal_interval_and_pairs_matter() -> None:
    rng = np.random.default_rng(3)
    shared = rng.normal(0, 10, 200)
    gain = rng.normal(0.5, 1, 200)
    first, second = shared + gain, shared
    found = paired_bootstrap(
        lambda rows: float(first[rows].mean()), lambda rows: float(second[rows].mean()), np.arange(200)
    )
    error = gain.std(ddof=1) / math.sqrt(200)
    assert found.interval is not None
    # percentile bounds of 2000 draws scatter by about 4 % of the standard error's 1.96
    assert found.interval.low == pytest.approx(gain.mean() - 1.96 * error, abs=0.15 * error)
    assert found.interval.high == pytest.approx(gain.mean() + 1.96 * error, abs=0.15 * error)
    assert found.p < 0.01


def test_paired_bootstrap_draws_patients_not_rows() -> None:
    rng = np.random.default_rng(1)
    gains = np.repeat(rng.normal(0, 1, 12), 20)
    patients = np.repeat(np.arange(12), 20)
    zero = np.zeros_like(gains)

    def width(names: NDArray[np.intp]) -> float:
        found = paired_bootstrap(
            lambda rows: float(gains[rows].mean()), lambda rows: float(zero[rows].mean()), names, resamples=500
        )
        assert found.interval is not None
        return found.interval.high - found.interval.low

    assert width(patients) > 3 * width(np.arange(gains.size))


def test_one_patient_gives_no_interval_and_equal_models_no_difference() -> None:
    values = np.array([1.0, 2.0])
    alone = paired_bootstrap(lambda r: float(values[r].mean()), lambda r: 0.0, [7, 7])
    assert alone.interval is None
    assert math.isnan(alone.p)
    same = paired_bootstrap(lambda r: 1.0, lambda r: 1.0, [1, 2, 3], resamples=50)
    assert (same.value, same.p) == (0.0, 1.0)
    with pytest.raises(ValueError, match="level"):
        paired_bootstrap(lambda r: 1.0, lambda r: 1.0, [1, 2], level=1.0)


def test_compare_models_of_scores_and_of_values() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(60) < 0.5
    good, bad = truth + rng.normal(0, 0.4, 60), rng.random(60)
    found = compare_models(good, bad, truth, np.arange(60), resamples=300)
    assert set(found["differences"]) == {"auc", "accuracy"}
    assert found["differences"]["auc"]["ci95"][0] > 0
    assert found["delong"]["value"] == pytest.approx(found["differences"]["auc"]["value"])
    assert found["delong"]["p"] < 0.001
    assert found["mcnemar"]["only_first_right"] > found["mcnemar"]["only_second_right"]
    fat = rng.uniform(0, 30, 60)
    values = compare_models(fat + rng.normal(0, 1, 60), fat + rng.normal(0, 5, 60), fat, np.arange(60), resamples=300)
    assert values["differences"]["rmse"]["ci95"][1] < 0
    assert values["signed_rank"]["p"] < 0.001


def test_rows_of_one_patient_are_not_taken_for_independent() -> None:
    truth = np.array([True, True, False, False] * 3)
    found = compare_models(np.arange(12.0), np.arange(12.0)[::-1], truth, np.repeat(np.arange(6), 2), resamples=50)
    assert found["left_out"] == CLUSTERED
    assert "delong" not in found
    assert found["patients"] == 6
    with pytest.raises(ValueError, match="patients"):
        compare_models([1.0, 2.0], [1.0, 2.0], [1.0, 2.0], ["a"])
