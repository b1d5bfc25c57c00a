"""Conformal intervals and sets: ranks by hand, coverage by Monte-Carlo."""

from __future__ import annotations

import math

import numpy as np
import pytest

from steatoscope.science.uncertainty.conformal import (
    conformal_quantile,
    jackknife_plus_interval,
    label_set,
    split_interval,
)


def test_rank_of_the_quantile() -> None:
    scores = np.arange(1.0, 10.0)
    assert conformal_quantile(scores[::-1], 0.9) == 9.0
    assert conformal_quantile(scores, 0.8) == 8.0
    assert conformal_quantile(scores, 0.5) == 5.0
    assert conformal_quantile(scores, 0.91) == math.inf
    assert conformal_quantile([], 0.5) == math.inf


def test_split_interval_by_hand() -> None:
    found = split_interval(10.0, [-3.0, 1.0, 2.0, -0.5], 0.6)
    assert (found.low, found.high, found.level) == (8.0, 12.0, 0.6)
    assert split_interval(10.0, [1.0], 0.9).high == math.inf


def test_split_covers_as_stated_whatever_the_errors() -> None:
    """Coverage of continuous errors is exactly ceil((n + 1) level) / (n + 1); 4 SE of 4000 draws is 0.018."""
    rng = np.random.default_rng(1)
    for n, level in ((19, 0.9), (30, 0.8)):
        errors = rng.standard_cauchy((4000, n + 1)) + 2.0
        inside = [
            found.low <= 0.0 <= found.high for found in (split_interval(-row[-1], row[:-1], level) for row in errors)
        ]
        assert np.mean(inside) == pytest.approx(math.ceil((n + 1) * level - 1e-9) / (n + 1), abs=0.02)


def test_jackknife_plus_covers_with_a_line_refitted_without_each_patient() -> None:
    """The guarantee is 0.8 at a level of 0.9; with a stable model the coverage is near the level itself."""
    rng = np.random.default_rng(2)
    covered = [_covers(rng, 25, 0.9) for _ in range(1500)]
    assert 0.87 <= np.mean(covered) <= 0.95


def _covers(rng: np.random.Generator, n: int, level: float) -> bool:
    x = np.stack([np.ones(n + 1), rng.normal(size=n + 1)], axis=1)
    y = x @ np.array([3.0, 2.0]) + rng.laplace(size=n + 1)
    predictions, residuals = [], []
    for left_out in range(n):
        kept = np.delete(np.arange(n), left_out)
        line = np.linalg.solve(x[kept].T @ x[kept], x[kept].T @ y[kept])
        predictions.append(float(x[n] @ line))
        residuals.append(float(y[left_out] - x[left_out] @ line))
    found = jackknife_plus_interval(predictions, residuals, level)
    return bool(found.low <= y[n] <= found.high)


def test_jackknife_plus_of_equal_models_is_the_split_interval() -> None:
    residuals = [0.4, -1.2, 2.2, -0.1, 0.9, 1.4, -2.0, 0.3, 0.2]
    assert jackknife_plus_interval([5.0] * 9, residuals, 0.8) == split_interval(5.0, residuals, 0.8)


def test_label_sets_hold_the_truth_as_often_as_stated() -> None:
    rng = np.random.default_rng(3)
    hits = []
    for _ in range(2000):
        chances = rng.dirichlet([0.7] * 4, size=40)
        truth = np.array([rng.choice(4, p=row) for row in chances])
        stated = np.sqrt(chances) / np.sqrt(chances).sum(axis=1, keepdims=True)
        given = stated[np.arange(40), truth]
        hits.append(truth[-1] in label_set(stated[-1], given[:-1], 0.9))
    assert np.mean(hits) == pytest.approx(0.9, abs=0.028)


def test_too_few_patients_leave_every_label() -> None:
    assert label_set([0.9, 0.1, 0.0, 0.0], [0.8, 0.7], 0.9) == (0, 1, 2, 3)


def test_wrong_values_are_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        conformal_quantile([1.0], 1.0)
    with pytest.raises(ValueError, match="finite"):
        conformal_quantile([math.nan], 0.5)
    with pytest.raises(ValueError, match="one shape"):
        jackknife_plus_interval([1.0, 2.0], [1.0], 0.9)
    with pytest.raises(ValueError, match="half"):
        jackknife_plus_interval([1.0], [1.0], 0.4)
