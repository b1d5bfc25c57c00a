"""Figures of recipe R1: grade, fat percentage and distance from healthy livers, by patient, over repeated folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.baselines import Fold, Learner, group_folds, out_of_fold
from steatoscope.learning.evaluation.byra2018_figures import spearman
from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.science.clinical.grades import LABELS
from steatoscope.science.metrics.classification import (
    accuracy,
    auc,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    weighted_kappa,
)
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals
from steatoscope.science.uncertainty.conformal import conformal_quantile

RESAMPLES: Final = 1000
POSITIVE, MUCH = 5.0, 33.0
LEAST_SPREAD: Final = 1e-3
Values = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Truth:
    """Grade (0-3) and fat percent of each patient, and the folds of every repeat."""

    grade: Rows
    fat: Values
    repeats: tuple[tuple[Fold, ...], ...]

    @classmethod
    def of(cls, grade: Rows, fat: Values, folds: int, repeats: int, seed: int) -> Truth:
        """Stratified folds of patients, drawn anew in each repeat."""
        patients = np.arange(len(fat))
        drawn = tuple(tuple(group_folds(patients, folds, seed + k, grade)) for k in range(repeats))
        return cls(grade, fat, drawn)


@dataclass(frozen=True, eq=False)
class Answer:
    """Out-of-fold answers of a repeat (n,): chosen grade, scores of fat >= 5 % and > 33 % (NaN: none), fat percent."""

    grade: Rows
    any_fat: Values
    much: Values
    percent: Values


def learned(learner: Learner, features: Values, truth: Truth, seed: int) -> list[Answer]:
    """A learner on fixed features, nested by patient: one answer for each repeat."""
    patients = np.arange(len(truth.fat))

    def classed(target: NDArray[Any], folds: Sequence[Fold], place: int) -> Values:
        return out_of_fold(learner, "classification", features, target, patients, folds, seed=seed + place)

    def flagged(flag: NDArray[np.bool_], folds: Sequence[Fold], place: int) -> Values:
        """Scores of a flag (n,), NaN where a training part does not hold both of its values."""
        if any(np.unique(flag[train]).size < 2 for train, _ in folds):
            return np.full(len(flag), np.nan)
        return classed(flag, folds, place)[:, 1]

    found = []
    for place, folds in enumerate(truth.repeats):
        chosen = np.unique(truth.grade)[classed(truth.grade, folds, place).argmax(axis=1)]
        root = out_of_fold(
            learner, "regression", features, np.sqrt(truth.fat), patients, folds, seed=seed + place
        )  # fmt: skip
        any_fat, much = (
            flagged(flag, folds, place) for flag in (truth.fat >= POSITIVE, truth.fat > MUCH)
        )  # fmt: skip
        found.append(Answer(chosen.astype(np.intp), any_fat, much, np.clip(root, 0.0, 10.0) ** 2))
    return found


def row_of(answers: Sequence[Answer], truth: Truth) -> dict[str, Any]:
    """Figures as means over repeats, with 95 % intervals over patients."""
    return _with_spans(lambda rows: _mean_of([_figures(one, truth, rows) for one in answers]), len(truth.fat))


def ranked(scores: Sequence[Values], truth: Truth) -> dict[str, Any]:
    """Figures of what only ranks patients, one array (n,) a repeat."""

    def of(rows: Rows) -> dict[str, float]:
        return _mean_of(
            [
                {
                    "auc": auc(truth.fat[rows] >= POSITIVE, one[rows]),
                    "auc_over_33": auc(truth.fat[rows] > MUCH, one[rows]),
                    "spearman": spearman(one[rows], truth.fat[rows]),
                }
                for one in scores
            ]
        )

    return _with_spans(of, len(truth.fat))


def _with_spans(of: Callable[[Rows], dict[str, float]], count: int) -> dict[str, Any]:
    rows = np.arange(count)
    return with_intervals(of(rows), bootstrap_intervals(of, rows, resamples=RESAMPLES), digits=4)


def _figures(one: Answer, truth: Truth, rows: Rows) -> dict[str, float]:
    fat, counts = truth.fat[rows], confusion_matrix(truth.grade[rows], one.grade[rows], len(LABELS))
    found, wanted = counts.sum(axis=0), counts.sum(axis=1)
    hits, held = np.diag(counts).astype(np.float64), wanted > 0
    error = one.percent[rows] - fat
    return {
        "accuracy_4": accuracy(counts),
        "macro_f1": macro_f1(counts),
        "macro_precision": float((hits / np.maximum(found, 1))[held].mean()),
        "macro_recall": float((hits / np.maximum(wanted, 1))[held].mean()),
        "qwk": weighted_kappa(counts),
        "auc": _auc(fat >= POSITIVE, one.any_fat[rows]),
        "auc_over_33": _auc(fat > MUCH, one.much[rows]),
        "mae_percent": float(np.abs(error).mean()),
        "rmse_percent": float(np.sqrt((error**2).mean())),
        "spearman": spearman(one.percent[rows], fat),
    }


def calibration_row(roots: Values, steatosis: Values, truth: Truth) -> dict[str, Any]:
    """How often the 90 % interval of left-out roots (n,) holds the truth, and how wide it is.

    Each fold's half-width is that of the patients of the other folds; a fold without enough of them counts all of
    0-100 %. ``steatosis`` (n,) are left-out probabilities of any, before calibration.
    """
    roots = np.clip(roots, 0.0, 10.0)
    low, high = np.zeros(len(roots)), np.full(len(roots), 10.0)
    for train, test in truth.repeats[0]:
        half = conformal_quantile(roots[train] - np.sqrt(truth.fat[train]), 0.9)
        low[test], high[test] = np.clip(roots[test] - half, 0.0, 10.0), np.clip(roots[test] + half, 0.0, 10.0)
    inside = (low**2 <= truth.fat) & (truth.fat <= high**2)
    sure = np.clip(steatosis, 0.0, 1.0)

    def of(rows: Rows) -> dict[str, float]:
        return {
            "interval_coverage_90": float(inside[rows].mean()),
            "interval_width": float((high**2 - low**2)[rows].mean()),
            "ece_uncalibrated": expected_calibration_error(sure[rows], truth.grade[rows] > 0),
        }

    return _with_spans(of, len(truth.fat))


def _auc(positive: NDArray[np.bool_], scores: Values) -> float:
    return auc(positive, scores) if np.isfinite(scores).all() else float("nan")


def _mean_of(repeats: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in repeats])) for name in repeats[0]}


def healthy_distance(features: Values, truth: Truth) -> list[Values]:
    """Mean absolute robust z of the features against the healthy patients of the training fold; no fat is learnt."""
    found = []
    for folds in truth.repeats:
        distance = np.full(len(truth.fat), np.nan)
        for train, test in folds:
            distance[test] = np.abs(robust_z(features[test], features[train[truth.grade[train] == 0]])).mean(axis=1)
        found.append(distance)
    return found


def healthy_z(features: Values, truth: Truth, seed: int) -> list[Values]:
    """Robust z of the predicted root of fat against healthy patients of the training fold, themselves predicted out of
    inner folds."""
    found = []
    for folds in truth.repeats:
        z = np.full(len(truth.fat), np.nan)
        for train, test in folds:
            inner = group_folds(train, 3, seed, truth.grade[train] > 0)
            own = _ridge(features[train], truth.fat[train], inner, seed)
            both = np.concatenate([train, test])
            last: Fold = (np.arange(len(train)), np.arange(len(train), len(both)))
            value = _ridge(features[both], truth.fat[both], [last], seed)[len(train) :]
            z[test] = robust_z(value[:, None], own[truth.grade[train] == 0][:, None])[:, 0]
        found.append(z)
    return found


def robust_z(values: Values, healthy: Values) -> Values:
    """Values (n, k) less the healthy median, over 1.4826 times the healthy median absolute deviation.

    0, as unremarkable, where a value is not known or the healthy do not vary.
    """
    middle = np.nanmedian(healthy, axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(healthy - middle), axis=0)
    z = (values - middle) / np.maximum(spread, LEAST_SPREAD)
    return np.where(np.isfinite(values) & (spread > LEAST_SPREAD), z, 0.0).astype(np.float64)


def _ridge(features: Values, fat: Values, folds: Sequence[Fold], seed: int) -> Values:
    return out_of_fold("linear", "regression", features, np.sqrt(fat), np.arange(len(fat)), folds, seed=seed)
