"""Classification scores against scikit-learn, published examples and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from steatoscope.science.metrics.classification import (
    Weights,
    accuracy,
    auc,
    confusion_matrix,
    expected_calibration_error,
    fleiss_kappa,
    macro_f1,
    weighted_kappa,
)

# Fleiss (1971), the widely printed example of ten subjects, fourteen raters, five classes: kappa 0.210
VOTES = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


@pytest.mark.parametrize("digits", [0, 1, 6])
def test_auc_with_ties(digits: int) -> None:
    rng = np.random.default_rng(digits)
    labels = rng.random(80) < 0.3
    scores = np.round(rng.normal(labels.astype(float), 1.0), digits)
    assert auc(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores))


def test_auc_in_closed_form() -> None:
    assert auc([True, False], [1.0, 1.0]) == 0.5
    assert auc([True, True, False], [3.0, 1.0, 2.0]) == 0.5
    assert math.isnan(auc([True, True], [1.0, 2.0]))
    with pytest.raises(ValueError, match="finite"):
        auc([True, False], [math.nan, 1.0])


def test_confusion_and_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 4, 120)
    found = np.clip(truth + rng.integers(-1, 2, 120), 0, 3)
    counts = confusion_matrix(truth, found, 4)
    assert np.array_equal(counts, metrics.confusion_matrix(truth, found))
    assert macro_f1(counts) == pytest.approx(metrics.f1_score(truth, found, average="macro"))
    assert accuracy(counts) == pytest.approx(metrics.accuracy_score(truth, found))
    pairs: list[tuple[Weights, str | None]] = [("none", None), ("linear", "linear"), ("quadratic", "quadratic")]
    for ours, theirs in pairs:
        expected = metrics.cohen_kappa_score(truth, found, weights=theirs)
        assert weighted_kappa(counts, ours) == pytest.approx(expected)


def test_a_class_that_never_occurs_does_not_count() -> None:
    truth, found = [0, 0, 2, 2], [0, 2, 2, 2]
    expected = metrics.f1_score(truth, found, average="macro")
    assert macro_f1(confusion_matrix(truth, found, 4)) == pytest.approx(expected)


def test_undefined_scores() -> None:
    empty = confusion_matrix([], [], 3)
    assert empty.shape == (3, 3)
    assert all(math.isnan(value) for value in (macro_f1(empty), accuracy(empty), weighted_kappa(empty)))
    assert math.isnan(weighted_kappa(confusion_matrix([1, 1], [1, 1], 3)))


@pytest.mark.parametrize(("truth", "found"), [([0, 3], [0, 1]), ([0, -1], [0, 1]), ([0], [0, 1])])
def test_labels_must_fit(truth: list[int], found: list[int]) -> None:
    with pytest.raises(ValueError, match=r"labels|shape"):
        confusion_matrix(truth, found, 3)


def test_fleiss_kappa() -> None:
    assert fleiss_kappa(VOTES) == pytest.approx(0.210, abs=5e-4)
    assert fleiss_kappa([[3, 0], [0, 3]]) == 1.0
    assert math.isnan(fleiss_kappa([[3, 0], [3, 0]]))
    with pytest.raises(ValueError, match="votes"):
        fleiss_kappa([[2, 0], [1, 2]])


def test_calibration_error_in_closed_form() -> None:
    probability = [0.05, 0.15, 0.15, 0.95, 1.0]
    happened = [False, True, False, True, False]
    gaps = (0.05 + abs(0.30 - 1) + abs(1.95 - 1)) / 5
    assert expected_calibration_error(probability, happened) == pytest.approx(gaps)
    assert math.isnan(expected_calibration_error([], []))
    with pytest.raises(ValueError, match="0-1"):
        expected_calibration_error([1.2], [True])


def test_calibration_error_tells_honest_from_overconfident() -> None:
    rng = np.random.default_rng(3)
    probability = rng.random(20000)
    happened = rng.random(20000) < probability
    bold = np.where(probability > 0.5, 0.99, 0.01)
    assert expected_calibration_error(probability, happened) < 0.02
    assert expected_calibration_error(bold, happened) > 0.2
