"""The bootstrap over patients: coverage, clusters, determinism, and what is undefined."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from steatoscope.science.uncertainty.bootstrap import bootstrap_interval, bootstrap_intervals, rows_by_patient


def test_mean_agrees_with_normal_theory() -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, 400)
    span = bootstrap_interval(lambda rows: float(values[rows].mean()), np.arange(400), seed=1)
    assert span is not None
    half = 1.959964 * values.std() / 20.0
    assert (span.low, span.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)
    assert span.level == 0.95


def test_patients_are_drawn_whole() -> None:
    patients = np.repeat(np.arange(10), 5)
    seen: list[bool] = []

    def statistic(rows: np.ndarray) -> float:
        counts = np.bincount(rows, minlength=50).reshape(10, 5)
        seen.append(bool((counts == counts[:, :1]).all() and counts.sum() == 50))
        return 0.0

    bootstrap_interval(statistic, patients, resamples=50)
    assert all(seen)
    assert len(seen) == 50


def test_copies_of_a_patient_do_not_narrow_the_interval() -> None:
    values = np.random.default_rng(2).normal(size=30)
    once = bootstrap_interval(lambda rows: float(values[rows].mean()), np.arange(30))
    copies, patients = np.repeat(values, 10), np.repeat(np.arange(30), 10)
    many = bootstrap_interval(lambda rows: float(copies[rows].mean()), patients)
    naive = bootstrap_interval(lambda rows: float(copies[rows].mean()), np.arange(300))
    assert once is not None
    assert many is not None
    assert naive is not None
    assert (many.low, many.high) == pytest.approx((once.low, once.high))
    assert naive.high - naive.low < 0.5 * (many.high - many.low)


def test_coverage_of_a_mean_over_clusters() -> None:
    rng = np.random.default_rng(3)
    patients = np.repeat(np.arange(40), 4)
    hits = 0
    for trial in range(300):
        values = np.repeat(rng.normal(size=40), 4) + 0.3 * rng.normal(size=160)
        span = bootstrap_interval(partial(_mean, values), patients, level=0.9, resamples=200, seed=trial)
        assert span is not None
        hits += span.low <= 0.0 <= span.high
    assert 0.83 <= hits / 300 <= 0.95


def _mean(values: np.ndarray, rows: np.ndarray) -> float:
    return float(values[rows].mean())


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(4).normal(size=20)
    spans = [bootstrap_interval(lambda rows: float(values[rows].mean()), np.arange(20), seed=s) for s in (1, 1, 2)]
    assert spans[0] == spans[1] != spans[2]


def test_row_order_of_names_does_not_matter() -> None:
    groups = rows_by_patient(["b", "a", "b", "c"])
    assert [list(group) for group in groups] == [[1], [0, 2], [3]]
    assert rows_by_patient([]) == []
    with pytest.raises(ValueError, match="shape"):
        rows_by_patient([[1, 2]])


def test_undefined_resamples_do_not_count() -> None:
    def statistics(rows: np.ndarray) -> dict[str, float]:
        return {"always": float(rows.mean()), "seldom": 1.0 if (rows == 0).sum() > 1 else math.nan, "never": math.nan}

    spans = bootstrap_intervals(statistics, np.arange(8))
    assert set(spans) == {"always"}


def test_one_patient_has_no_interval() -> None:
    assert bootstrap_interval(lambda rows: 1.0, ["a", "a"]) is None
    assert bootstrap_intervals(lambda rows: {"x": 1.0}, []) == {}


@pytest.mark.parametrize(("resamples", "level"), [(0, 0.9), (10, 1.0), (10, 0.0)])
def test_wrong_settings(resamples: int, level: float) -> None:
    with pytest.raises(ValueError, match="resamples"):
        bootstrap_interval(lambda rows: 1.0, [1, 2], resamples=resamples, level=level)
