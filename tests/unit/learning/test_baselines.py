"""Baselines and controls: out-of-fold predictions that never see their own group, and features that read their part."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.learning.evaluation.baselines import group_folds, out_of_fold
from steatoscope.learning.evaluation.baselines_features import (
    CONTROLS,
    control_features,
    intensity_features,
    texture_features,
)
from steatoscope.science.metrics.classification import auc

pytest.importorskip("sklearn")

RNG = np.random.default_rng(1)
GROUPS = np.repeat(np.arange(12), 4)


def _groupwise() -> tuple[np.ndarray, np.ndarray]:
    """Features that name the group and tell nothing else; a class drawn by group."""
    signature = RNG.normal(size=(12, 5))[GROUPS]
    return signature + RNG.normal(scale=0.01, size=(48, 5)), (np.arange(12) % 2)[GROUPS]


@pytest.mark.parametrize("learner", ["svm", "forest", "linear"])
def test_a_real_signal_is_found(learner: str) -> None:
    features, target = _groupwise()
    features[:, 0] = 3.0 * target + RNG.normal(scale=0.5, size=48)
    features[::7, 1] = np.nan
    folds = group_folds(GROUPS, 3, 0, target)
    scores = out_of_fold(learner, "classification", features, target, GROUPS, folds)  # type: ignore[arg-type]
    assert auc(target == 1, scores[:, 1]) > 0.9


def test_what_only_names_the_group_is_worth_nothing() -> None:
    """A leak would give an AUC near 1 here, because every image repeats its group's signature."""
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(60), 3)
    features = rng.normal(size=(60, 4))[groups]
    target = rng.integers(2, size=60)[groups]
    folds = group_folds(groups, 5, 0, target)
    scores = out_of_fold("linear", "classification", features, target, groups, folds)
    assert abs(auc(target == 1, scores[:, 1]) - 0.5) < 0.2


def test_regression_follows_a_line() -> None:
    fat = np.linspace(0, 60, 12)[GROUPS]
    features = np.column_stack([fat + RNG.normal(scale=1.0, size=48), RNG.normal(size=48)])
    for learner in ("svm", "linear"):
        found = out_of_fold(learner, "regression", features, fat, GROUPS, group_folds(GROUPS, 3, 0))  # type: ignore[arg-type]
        assert np.abs(found - fat).mean() < 6.0


def test_three_classes_and_one_that_a_training_part_lacks() -> None:
    target = np.array([0, 1, 2])[np.arange(12) % 3][GROUPS]
    features = np.eye(3)[target] + RNG.normal(scale=0.1, size=(48, 3))
    train, test = np.flatnonzero((target < 2) & (GROUPS < 9)), np.flatnonzero(GROUPS >= 9)
    for learner in ("svm", "forest"):
        scores = out_of_fold(learner, "classification", features, target, GROUPS, [(train, test)])  # type: ignore[arg-type]
        assert np.isnan(scores[train]).all()
        assert set(scores[test].argmax(axis=1)) <= {0, 1}


def test_leaks_are_refused() -> None:
    rows = np.arange(48)
    with pytest.raises(ValueError, match="training and in the test"):
        out_of_fold("linear", "regression", np.zeros((48, 1)), np.zeros(48), GROUPS, [(rows, rows)])
    with pytest.raises(ValueError, match="folds"):
        group_folds([1, 1, 2], 3, 0)
    for train, test in group_folds(GROUPS, 4, 0):
        assert not np.intersect1d(GROUPS[train], GROUPS[test]).size


def _picture() -> tuple[np.ndarray, np.ndarray]:
    image = RNG.integers(0, 255, size=(120, 160)).astype(np.uint8)
    sector = np.zeros(image.shape, dtype=np.bool_)
    sector[20:110, 30:130] = True
    return image, sector


def test_controls_read_no_tissue_but_its_mean() -> None:
    image, sector = _picture()
    changed = np.where(sector, RNG.permuted(image), image).astype(np.uint8)
    before, after = control_features(image, sector), control_features(changed, sector)
    for name in CONTROLS[:3]:
        np.testing.assert_array_equal(before[name], after[name])
    assert before["control: mean grey"][0] == pytest.approx(image[sector].mean())
    np.testing.assert_array_equal(before["control: image size"], [120, 160, 0.75])


def test_outside_features_see_what_is_burned_in() -> None:
    image, sector = _picture()
    marked = image.copy()
    marked[:10, :10] = 255
    name = CONTROLS[0]
    assert not np.array_equal(control_features(image, sector)[name], control_features(marked, sector)[name])


def test_tissue_features_ignore_the_rest_and_are_finite() -> None:
    image, sector = _picture()
    other = np.where(sector, image, 0).astype(np.uint8)
    for read in (texture_features, intensity_features):
        found = read(image, sector)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(read(other, sector), found)
        empty = read(image, np.zeros_like(sector))
        assert empty.shape == found.shape
        assert np.isnan(empty).all()
    assert np.isfinite(control_features(image, np.zeros_like(sector))["control: sector geometry"]).all()
