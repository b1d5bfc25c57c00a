"""Points of ROC and reliability curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Cases of one range of probability: how many, their mean probability and the share in which the event happened."""

    count: int
    probability: float
    frequency: float


def roc_points(positive: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False and true positive rates from (0, 0) to (1, 1), one point a distinct score, for labels and scores (n,).

    The area under them by the trapezium rule is the AUC with ties counted half (Fawcett, Pattern Recogn Lett 2006).
    Raises ValueError where shapes differ, a score is not finite, or one class is missing.
    """
    labels, values = np.asarray(positive, dtype=np.bool_), np.asarray(scores, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != values.shape or not np.isfinite(values).all():
        raise ValueError("labels and finite scores need one shape (n,)")
    if not labels.any() or labels.all():
        raise ValueError("a ROC curve needs both classes")
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(labels[order])
    last = np.flatnonzero(np.append(np.diff(values[order]) != 0.0, True))
    true_rate = hits[last] / hits[-1]
    false_rate = (last + 1 - hits[last]) / (labels.size - hits[-1])
    return np.concatenate([[0.0], false_rate]), np.concatenate([[0.0], true_rate])


def reliability_bins(probability: ArrayLike, happened: ArrayLike, *, bins: int = 10) -> list[ReliabilityBin]:
    """Bins of equal width over 0-1 that hold cases, in rising order, for probabilities and events (n,).

    Their gaps weighted by count give :func:`steatoscope.science.metrics.classification.expected_calibration_error`.
    Raises ValueError where shapes differ or a probability lies outside 0-1.
    """
    values, events = np.asarray(probability, dtype=np.float64), np.asarray(happened, dtype=np.bool_)
    if values.ndim != 1 or values.shape != events.shape or not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError("probabilities (n,) in 0-1 and events need one shape")
    place = np.minimum((values * bins).astype(np.intp), bins - 1)
    members = [place == k for k in range(bins)]
    return [ReliabilityBin(int(m.sum()), float(values[m].mean()), float(events[m].mean())) for m in members if m.any()]
