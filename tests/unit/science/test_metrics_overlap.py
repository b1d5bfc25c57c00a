"""Overlap against counts by hand and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from steatoscope.science.metrics.overlap import Overlap, overlap


def test_shifted_squares_by_hand() -> None:
    one, other = np.zeros((10, 10), dtype=bool), np.zeros((10, 10), dtype=bool)
    one[2:6, 2:6] = True
    other[3:8, 2:6] = True
    found = overlap(one, other)
    assert (found.both, found.only_predicted, found.only_reference) == (12, 4, 8)
    assert found.dice == pytest.approx(24 / 36)
    assert found.iou == pytest.approx(12 / 24)
    assert found.precision == pytest.approx(0.75)
    assert found.recall == pytest.approx(0.6)
    assert found.volume_difference == pytest.approx(-0.2)


@pytest.mark.parametrize("seed", range(5))
def test_random_volumes_as_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.uniform(size=(2, 4, 9, 7)) < rng.uniform(0.1, 0.9, (2, 1, 1, 1))
    found, flat = overlap(one, other), (other.ravel(), one.ravel())
    assert found.dice == pytest.approx(f1_score(*flat))
    assert found.iou == pytest.approx(jaccard_score(*flat))
    assert found.precision == pytest.approx(precision_score(*flat))
    assert found.recall == pytest.approx(recall_score(*flat))


def test_empty_masks_are_undefined_not_zero() -> None:
    assert Overlap(0, 0, 0).dice == Overlap(0, 0, 0).iou == 1.0
    assert Overlap(0, 0, 5).dice == 0.0
    assert math.isnan(Overlap(0, 0, 5).precision)
    assert math.isnan(Overlap(0, 5, 0).recall)
    assert math.isnan(Overlap(0, 5, 0).volume_difference)


def test_grey_or_misfit_masks_are_refused() -> None:
    mask = np.ones((4, 4), dtype=bool)
    with pytest.raises(ValueError, match="shape"):
        overlap(mask, mask[:3])
    with pytest.raises(ValueError, match="boolean"):
        overlap(mask, np.full((4, 4), 255, dtype=np.uint8))
