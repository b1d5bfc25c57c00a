"""Points of ROC curves."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
