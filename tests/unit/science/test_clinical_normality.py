from __future__ import annotations

import numpy as np
import pytest

from steatoscope.science.clinical.normality import Normality, fit_normality, ledoit_wolf

NAMES = ("a", "b", "c")


def _people(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)) @ np.array([[1.0, 0.6, 0.0], [0.0, 0.8, 0.3], [0.0, 0.0, 2.0]]) + [5.0, -2.0, 100.0]


@pytest.mark.parametrize(("n", "k"), [(12, 17), (40, 5), (300, 3)])
def test_shrinkage_is_that_of_ledoit_and_wolf(n: int, k: int) -> None:
    covariance = pytest.importorskip("sklearn.covariance")
    rng = np.random.default_rng(n)
    rows = rng.normal(size=(n, k)) @ rng.normal(size=(k, k))
    rows -= rows.mean(axis=0)
    shrunk, shrinkage = ledoit_wolf(rows)
    expected, amount = covariance.ledoit_wolf(rows, assume_centered=True)
    assert shrinkage == pytest.approx(amount, rel=1e-9)
    assert np.allclose(shrunk, expected, atol=1e-6)


def test_distance_of_uncorrelated_features_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(150, 3)) * [1.0, 2.0, 3.0]
    healthy = fit_normality(NAMES, rows)
    score = (np.array([2.0, 2.0, 2.0]) - healthy.centre) / healthy.spread
    found = healthy.distance({"a": 2.0, "b": 2.0, "c": 2.0})
    assert found == pytest.approx(float(np.sqrt(np.mean(score**2))), rel=0.2)
    assert healthy.distance({"a": 2.0, "b": 2.0}) is None
    assert healthy.distance({"a": 2.0, "b": np.nan, "c": 0.0}) is None


def test_units_do_not_matter() -> None:
    rows, scale = _people(40, 1), np.array([1000.0, 0.01, 7.0])
    one, other = fit_normality(NAMES, rows), fit_normality(NAMES, rows * scale)
    new = _people(5, 2)
    assert np.allclose(one.distances(new), other.distances(new * scale))
    assert np.allclose(one.healthy, other.healthy)


def test_a_share_of_healthy_people_reads_as_one() -> None:
    shares = []
    for seed in range(80):
        rows = _people(21, 100 + seed)
        healthy = fit_normality(NAMES, rows[:20])
        shares.append(healthy.share_further(float(healthy.distances(rows[20:])[0])))
    # a healthy newcomer's share is about even on (0, 1]: a fifth of them lies in the last fifth
    assert 0.05 < np.mean(np.array(shares) <= 0.2) < 0.38
    assert 0.35 < np.mean(shares) < 0.7
    far = fit_normality(NAMES, _people(20, 3))
    assert far.share_further(99.0) == pytest.approx(1 / 21)
    assert far.share_further(0.0) == 1.0


def test_too_few_people_and_damaged_files_are_refused() -> None:
    with pytest.raises(ValueError, match="8 people"):
        fit_normality(NAMES, _people(7, 4))
    with pytest.raises(ValueError, match="finite"):
        fit_normality(NAMES, np.full((20, 3), np.nan))
    document = fit_normality(NAMES, _people(20, 5)).document()
    assert Normality.read(document).distance(dict.fromkeys(NAMES, 1.0)) is not None
    with pytest.raises(ValueError, match="together"):
        Normality.read({**document, "centre": [0.0]})
