"""Overlap of masks: closed forms, scikit-learn, and empty masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from steatoscope.science.metrics.overlap import dice, overlap


def test_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, found = rng.random((4, 9, 7)) < 0.4, rng.random((4, 9, 7)) < 0.5
    result = overlap(found, truth)
    assert result.dice == pytest.approx(f1_score(truth.ravel(), found.ravel()))
    assert result.iou == pytest.approx(jaccard_score(truth.ravel(), found.ravel()))
    assert result.precision == pytest.approx(precision_score(truth.ravel(), found.ravel()))
    assert result.recall == pytest.approx(recall_score(truth.ravel(), found.ravel()))
    assert dice(found, truth) == result.dice


def test_volume_difference_is_relative_to_the_reference() -> None:
    truth, found = np.zeros(10, dtype=bool), np.zeros(10, dtype=bool)
    truth[:4], found[:3] = True, True
    result = overlap(found, truth)
    assert result.volume_difference == -0.25
    assert result.ravd_percent == 25.0


def test_empty_masks() -> None:
    nothing, something = np.zeros((3, 3), dtype=bool), np.eye(3, dtype=bool)
    assert overlap(nothing, nothing).dice == overlap(nothing, nothing).iou == 1.0
    assert math.isnan(overlap(nothing, nothing).recall)
    assert math.isnan(overlap(nothing, nothing).ravd_percent)
    missed = overlap(nothing, something)
    assert (missed.dice, missed.recall, missed.volume_difference) == (0.0, 0.0, -1.0)
    assert math.isnan(missed.precision)
    assert math.isnan(overlap(something, nothing).volume_difference)


def test_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match="shape"):
        overlap(np.ones((2, 2), dtype=bool), np.ones((4,), dtype=bool))
