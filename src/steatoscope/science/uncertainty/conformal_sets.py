"""Sets of grades that hold the true one in ``level`` of patients, by split conformal prediction.

``lac`` keeps classes by their own probability and gives the smallest sets on average (Sadinle, J Am Stat Assoc 2019);
``aps`` adds up the likeliest classes and adapts better to hard patients (Romano, NeurIPS 2020); ``raps`` adds a penalty
for every class beyond the first few (Angelopoulos, ICLR 2021). A limit for each true class (Mondrian; Vovk, 2005)
makes the coverage hold grade by grade, at the price of larger sets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steatoscope.science.uncertainty.conformal import conformal_quantile, conformal_rank
from steatoscope.science.uncertainty.exchangeable import check_one_each

Rule = Literal["lac", "aps", "raps"]
Values = NDArray[np.float64]
Sets = NDArray[np.bool_]
RULES: Final[tuple[Rule, ...]] = ("lac", "aps", "raps")
PENALTY: Final = 0.05
FREE_CLASSES: Final = 2
_EPSILON: Final = 1e-12


@dataclass(frozen=True, eq=False)
class GradeSets:
    """Calibrated limits (classes,) of a rule's scores; infinite where a class had too few patients for the level."""

    rule: Rule
    limits: Values
    level: float

    def sets(self, probabilities: ArrayLike, draws: ArrayLike | None = None) -> Sets:
        """Which classes are in the set of each patient, (m, classes), from probabilities (m, classes).

        The likeliest class is always in it. ``draws`` (m,) in 0-1 are as in :func:`set_scores`, to be given exactly
        where they were given for the calibration.
        """
        scores = set_scores(probabilities, self.rule, draws)
        chosen = scores <= self.limits + _EPSILON
        chosen[np.arange(scores.shape[0]), np.asarray(probabilities).argmax(axis=1)] = True
        return np.asarray(chosen, dtype=np.bool_)


def set_scores(probabilities: ArrayLike, rule: Rule = "lac", draws: ArrayLike | None = None) -> Values:
    """How ill each class fits, (n, classes), from probabilities (n, classes) with rows that add up to 1.

    ``draws`` (n,), even in 0-1, randomise ``aps`` and ``raps`` to exact coverage; without them sets are larger, cover
    more, and are the same on every run. Raises ValueError for other shapes or an unknown rule.
    """
    rows = np.asarray(probabilities, dtype=np.float64)
    if rows.ndim != 2 or np.any(rows < -_EPSILON) or not np.allclose(rows.sum(axis=1), 1.0, atol=1e-6):
        raise ValueError("probabilities need shape (n, classes) with rows that add up to 1")
    if rule not in RULES:
        raise ValueError(f"the rule must be one of {', '.join(RULES)}, not {rule!r}")
    if rule == "lac":
        return np.asarray(1.0 - rows)
    order = np.argsort(-rows, axis=1, kind="stable")
    sorted_rows = np.take_along_axis(rows, order, axis=1)
    sums = np.cumsum(sorted_rows, axis=1)
    if draws is not None:
        sums = sums - np.asarray(draws, dtype=np.float64)[:, None] * sorted_rows
    if rule == "raps":
        sums = sums + PENALTY * np.maximum(np.arange(1, rows.shape[1] + 1) - FREE_CLASSES, 0)
    found = np.empty_like(sums)
    np.put_along_axis(found, order, sums, axis=1)
    return found


def calibrate_sets(
    probabilities: ArrayLike,
    truth: ArrayLike,
    patients: ArrayLike,
    *,
    level: float = 0.9,
    rule: Rule = "lac",
    by_class: bool = False,
    draws: ArrayLike | None = None,
) -> GradeSets:
    """Limits from probabilities (n, classes) and true classes (n,) of patients whom the model has not seen.

    ``by_class`` takes a limit for each true class from the patients of that class. Raises E_REPEATED where a patient
    has several rows, ValueError where shapes do not fit.
    """
    scores, classes = set_scores(probabilities, rule, draws), np.asarray(truth, dtype=np.intp)
    if classes.shape != scores.shape[:1]:
        raise ValueError(f"truth needs shape ({scores.shape[0]},), not {classes.shape}")
    check_one_each(patients, classes.size)
    own = scores[np.arange(classes.size), classes]
    count = scores.shape[1]
    if not by_class:
        return GradeSets(rule, np.full(count, _limit(own, level)), level)
    return GradeSets(rule, np.array([_limit(own[classes == k], level) for k in range(count)]), level)


def cross_sets(own: ArrayLike, others: ArrayLike, patients: ArrayLike, *, level: float = 0.9) -> Sets:
    """Sets (m, classes) of m new patients by cross-conformal prediction (CV+; Romano, NeurIPS 2020).

    ``own`` (n,) are scores of the training patients' true classes by the fit that left them out, ``others``
    (n, m, classes) the new patients' scores by the same fits. A class is kept unless more than ``level`` of training
    patients fit better. Covers at least ``2 level - 1``, in practice close to ``level``. Raises E_REPEATED.
    """
    scores, rivals = np.asarray(own, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if rivals.ndim != 3 or rivals.shape[0] != scores.size:
        raise ValueError(f"scores of new patients {rivals.shape} need one layer a training patient ({scores.size})")
    check_one_each(patients, scores.size)
    better = (scores[:, None, None] < rivals - _EPSILON).sum(axis=0)
    return np.asarray(better < conformal_rank(scores.size, level), dtype=np.bool_)


def set_sizes(sets: ArrayLike) -> NDArray[np.intp]:
    """How many classes each set (m, classes) holds, (m,)."""
    return np.asarray(np.asarray(sets, dtype=np.bool_).sum(axis=1), dtype=np.intp)


def sets_hold(sets: ArrayLike, truth: ArrayLike) -> Sets:
    """Whether each set (m, classes) holds the true class of (m,)."""
    chosen, classes = np.asarray(sets, dtype=np.bool_), np.asarray(truth, dtype=np.intp)
    return np.asarray(chosen[np.arange(classes.size), classes], dtype=np.bool_)


def _limit(scores: Values, level: float) -> float:
    """The conformal quantile of scores that may be of either sign."""
    if not scores.size:
        return math.inf
    shift = float(scores.min())
    return conformal_quantile(scores - shift, level) + shift
