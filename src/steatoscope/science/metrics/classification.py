"""Scores of classes and probabilities: discrimination, agreement of graders, calibration.

What is undefined (one class only, no cases) is NaN, never a number.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Weights = Literal["none", "linear", "quadratic"]
_POWER: Final[dict[Weights, int]] = {"linear": 1, "quadratic": 2}


def auc(positive: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve of scores (n,) for boolean labels (n,); ties count half (Mann and Whitney, 1947)."""
    labels, values = np.asarray(positive, dtype=np.bool_), np.asarray(scores, dtype=np.float64)
    _check_pair(labels, values)
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite")
    hits, misses = int(labels.sum()), int((~labels).sum())
    if not hits or not misses:
        return math.nan
    ranks = stats.rankdata(values)
    return float((ranks[labels].sum() - hits * (hits + 1) / 2.0) / (hits * misses))


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.intp]:
    """Counts of shape (classes, classes), truth in rows; labels are 0 ... classes - 1. Raises ValueError otherwise."""
    rows, columns = np.asarray(truth, dtype=np.intp), np.asarray(predicted, dtype=np.intp)
    _check_pair(rows, columns)
    if rows.size and not 0 <= min(rows.min(), columns.min()) <= max(rows.max(), columns.max()) < classes:
        raise ValueError(f"labels must lie in 0 to {classes - 1}")
    return np.bincount(rows * classes + columns, minlength=classes * classes).reshape(classes, classes)


def macro_f1(counts: NDArray[np.intp]) -> float:
    """Mean F1 of the classes of a confusion matrix that occur in truth or prediction; a class never hit scores 0."""
    hits, totals = np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1)
    present = totals > 0
    return float(np.mean(2.0 * hits[present] / totals[present])) if present.any() else math.nan


def accuracy(counts: NDArray[np.intp]) -> float:
    """Share of cases on the diagonal of a confusion matrix."""
    return float(np.trace(counts) / counts.sum()) if counts.sum() else math.nan


def weighted_kappa(counts: NDArray[np.intp], weights: Weights = "quadratic") -> float:
    """Cohen's kappa of a confusion matrix, disagreement weighted by the distance of classes (Cohen, 1968)."""
    size, total = counts.shape[0], float(counts.sum())
    if not total:
        return math.nan
    gap = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    cost = (gap > 0).astype(np.float64) if weights == "none" else gap.astype(np.float64) ** _POWER[weights]
    chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    expected = float((cost * chance).sum())
    return 1.0 - float((cost * counts).sum()) / expected if expected > 0.0 else math.nan


def fleiss_kappa(votes: ArrayLike) -> float:
    """Agreement of several raters: votes of shape (subjects, classes), the same number in each row (Fleiss, 1971).

    Raises ValueError where rows differ in their number of votes or have fewer than two.
    """
    table = np.asarray(votes, dtype=np.float64)
    raters = table.sum(axis=1) if table.ndim == 2 else np.zeros(0)
    if not raters.size or raters[0] < 2 or np.any(raters != raters[0]):
        raise ValueError("each subject needs the same number of votes, at least two")
    each = raters[0]
    agreement = float(np.mean((np.sum(table**2, axis=1) - each) / (each * (each - 1.0))))
    chance = float(np.sum((table.sum(axis=0) / table.sum()) ** 2))
    return (agreement - chance) / (1.0 - chance) if chance < 1.0 else math.nan


def expected_calibration_error(probability: ArrayLike, happened: ArrayLike, *, bins: int = 10) -> float:
    """Mean gap of probability and frequency over bins of equal width, weighted by cases (Naeini, AAAI 2015).

    ``probability`` (n,) lies in 0-1 and belongs to the boolean ``happened`` (n,); for several classes give the
    probability of the chosen class and whether it was right. Raises ValueError for anything else.
    """
    values, events = np.asarray(probability, dtype=np.float64), np.asarray(happened, dtype=np.bool_)
    _check_pair(values, events)
    if bins < 1 or not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError("probabilities must lie in 0-1 and bins be positive")
    if not values.size:
        return math.nan
    place = np.minimum((values * bins).astype(np.intp), bins - 1)
    gaps = np.bincount(place, weights=values - events, minlength=bins)
    return float(np.abs(gaps).sum() / values.size)


def _check_pair(one: NDArray[np.generic], other: NDArray[np.generic]) -> None:
    if one.ndim != 1 or one.shape != other.shape:
        raise ValueError(f"values need one shape (n,), not {one.shape} and {other.shape}")
