"""Classification metrics against scikit-learn and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix, f1_score, roc_auc_score

from steatoscope.science.metrics.classification import (
    accuracy,
    auc,
    confusion,
    expected_calibration_error,
    macro_f1,
    weighted_kappa,
)


@pytest.mark.parametrize("seed", range(5))
def test_auc_with_ties_as_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outcome = rng.integers(2, size=60)
    score = np.round(rng.normal(size=60) + 0.7 * outcome, 1)
    assert auc(score, outcome) == pytest.approx(roc_auc_score(outcome, score))


def test_auc_by_hand_and_undefined() -> None:
    assert auc([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1]) == pytest.approx(0.75)
    assert auc([1.0, 1.0], [0, 1]) == 0.5
    assert auc([1.0, 2.0], [True, False]) == 0.0
    assert math.isnan(auc([1.0, 2.0], [1, 1]))


@pytest.mark.parametrize("seed", range(5))
def test_four_grades_as_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(4, size=80)
    found = np.clip(truth + rng.integers(-1, 2, size=80), 0, 3)
    table = confusion(found, truth, 4)
    assert np.array_equal(table, confusion_matrix(truth, found, labels=range(4)))
    assert accuracy(table) == pytest.approx(float((truth == found).mean()))
    assert macro_f1(table) == pytest.approx(f1_score(truth, found, average="macro"))
    assert weighted_kappa(table) == pytest.approx(cohen_kappa_score(truth, found, weights="quadratic"))
    assert weighted_kappa(table, "linear") == pytest.approx(cohen_kappa_score(truth, found, weights="linear"))


def test_classes_that_do_not_occur() -> None:
    table = confusion([1, 1, 2], [1, 2, 2], 4)
    assert macro_f1(table) == pytest.approx(2 / 3)
    single = confusion([2, 2], [2, 2], 4)
    assert macro_f1(single) == 1.0
    assert math.isnan(weighted_kappa(single))
    nothing = confusion([], [], 4)
    assert math.isnan(accuracy(nothing))
    assert math.isnan(macro_f1(nothing))
    assert math.isnan(weighted_kappa(nothing))


def test_calibration_error_by_hand() -> None:
    # bins of (0, 0.5] and (0.5, 1]: |0.3 - 0.5| * 2/4 and |0.8 - 1| * 2/4
    assert expected_calibration_error([0.1, 0.5, 0.7, 0.9], [0, 1, 1, 1], bins=2) == pytest.approx(0.2)
    assert expected_calibration_error([0.0, 1.0], [0, 1]) == 0.0
    assert expected_calibration_error([1.0, 1.0], [0, 1]) == pytest.approx(0.5)


def test_calibrated_probabilities_have_a_small_error() -> None:
    rng = np.random.default_rng(0)
    stated = rng.uniform(size=40_000)
    happened = rng.uniform(size=stated.size) < stated
    assert expected_calibration_error(stated, happened) < 0.015
    assert expected_calibration_error(stated, rng.uniform(size=stated.size) < stated**2) > 0.12


def test_wrong_values_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        auc([1.0], [0, 1])
    with pytest.raises(ValueError, match="finite"):
        auc([1.0, math.nan], [0, 1])
    with pytest.raises(ValueError, match="outcomes"):
        auc([1.0, 2.0], [0, 2])
    with pytest.raises(ValueError, match="class numbers"):
        confusion([0, 4], [0, 1], 4)
    with pytest.raises(ValueError, match="one shape"):
        confusion([0, 1, 2], [0, 1], 4)
    with pytest.raises(ValueError, match="0-1"):
        expected_calibration_error([1.2], [1])
