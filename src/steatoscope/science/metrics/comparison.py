"""Two models on the same subjects: is one better, by how much, and how sure is that.

DeLong, DeLong and Clarke-Pearson (Biometrics 1988) by the fast algorithm of Sun and Xu (IEEE Signal Process Lett 2014),
McNemar (Psychometrika 1947) in its exact form, paired bootstrap over patients. Differences are first minus second.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from steatoscope.core.measurement import Interval
from steatoscope.science.uncertainty.bootstrap import Rows, rows_by_patient

_RESAMPLES: Final = 2000
_FEWEST_DEFINED: Final = 0.5


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference with its interval (None: undefined) and two-sided p (NaN: undefined)."""

    value: float
    interval: Interval | None
    p: float


@dataclass(frozen=True, slots=True)
class DeLong:
    """Both areas under the ROC curve, the covariance (2, 2) of their estimates, and the test of their difference."""

    first: float
    second: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    z: float
    difference: Difference


@dataclass(frozen=True, slots=True)
class McNemar:
    """Cases that only the first or only the second had right, and the exact two-sided p."""

    only_first: int
    only_second: int
    p: float


def paired_bootstrap(
    first: Callable[[Rows], float],
    second: Callable[[Rows], float],
    patients: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = _RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Difference of two statistics of row numbers; each resample draws the same patients for both.

    The interval is of percentiles; p is twice the smaller share of resamples on either side of zero (Davison and
    Hinkley, 1997, with one added to both counts). Without two patients, or with fewer than half of the resamples
    defined, both are undefined. Raises ValueError for patients that are not (n,), no resamples, a level outside (0, 1).
    """
    if resamples < 1 or not 0.0 < level < 1.0:
        raise ValueError(f"resamples must be positive and the level in (0, 1), not {resamples} and {level}")
    groups = rows_by_patient(patients)
    whole = np.arange(sum(map(len, groups)), dtype=np.intp)
    value = first(whole) - second(whole)
    if len(groups) < 2:
        return Difference(value, None, math.nan)
    chosen = np.random.default_rng(seed).integers(len(groups), size=(resamples, len(groups)))
    rows = (np.concatenate([groups[k] for k in draw]) for draw in chosen)
    return _summary(value, np.array([first(one) - second(one) for one in rows]), level)


def delong(positive: ArrayLike, first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> DeLong:
    """Paired test of two areas under the ROC curve on the same independent cases (n,).

    ``positive`` is boolean, scores rank cases upwards; one case is one patient. Raises ValueError where shapes differ,
    scores are not finite, or a class has fewer than two cases.
    """
    labels = np.asarray(positive, dtype=np.bool_)
    scores = np.stack([np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)])
    if labels.ndim != 1 or scores.shape[1:] != labels.shape or not np.isfinite(scores).all():
        raise ValueError("labels and finite scores need one shape (n,)")
    if min(labels.sum(), (~labels).sum()) < 2:
        raise ValueError("the test needs two cases of either class")
    hits, misses = _placements(labels, scores)
    areas = hits.mean(axis=1)
    covariance = np.cov(hits) / hits.shape[1] + np.cov(misses) / misses.shape[1]
    variance = float(covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1])
    (a, b), (c, d) = covariance.tolist()
    z, difference = _normal(float(areas[0] - areas[1]), variance, level)
    return DeLong(float(areas[0]), float(areas[1]), ((a, b), (c, d)), z, difference)


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> McNemar:
    """Exact McNemar test of whether two models are right equally often on the same independent cases (n,).

    Raises ValueError where shapes differ.
    """
    one, other = np.asarray(first_right, dtype=np.bool_), np.asarray(second_right, dtype=np.bool_)
    if one.ndim != 1 or one.shape != other.shape:
        raise ValueError(f"answers need one shape (n,), not {one.shape} and {other.shape}")
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    count = only_first + only_second
    p = float(stats.binomtest(only_first, count, 0.5).pvalue) if count else 1.0
    return McNemar(only_first, only_second, p)


def signed_rank(first: ArrayLike, second: ArrayLike) -> float:
    """Two-sided p of Wilcoxon's signed rank test on paired values (n,); 1 where all pairs are equal.

    Raises ValueError where values do not pair.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape or not one.size:
        raise ValueError(f"paired values need one shape (n,), not {one.shape} and {other.shape}")
    gaps = one - other
    return float(stats.wilcoxon(gaps).pvalue) if np.any(gaps != 0.0) else 1.0


def _placements(
    labels: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Structural components of positives (2, m) and negatives (2, n): mid-ranks among all less mid-ranks among own."""
    ranks = stats.rankdata(scores, axis=1)
    own_hits, own_misses = (stats.rankdata(scores[:, part], axis=1) for part in (labels, ~labels))
    hits, misses = own_hits.shape[1], own_misses.shape[1]
    return (ranks[:, labels] - own_hits) / misses, 1.0 - (ranks[:, ~labels] - own_misses) / hits


def _normal(value: float, variance: float, level: float) -> tuple[float, Difference]:
    """z, and the difference with its normal interval; equal score rankings have no variance and no doubt."""
    if variance <= 1e-15:
        same = abs(value) < 1e-12
        return (0.0 if same else math.inf), Difference(value, Interval(value, value, level), 1.0 if same else 0.0)
    spread = math.sqrt(variance)
    width = float(stats.norm.ppf(0.5 + level / 2.0)) * spread
    z = value / spread
    return z, Difference(value, Interval(value - width, value + width, level), float(2.0 * stats.norm.sf(abs(z))))


def _summary(value: float, drawn: NDArray[np.float64], level: float) -> Difference:
    known = drawn[np.isfinite(drawn)]
    if not math.isfinite(value) or known.size < max(1.0, _FEWEST_DEFINED * drawn.size):
        return Difference(value, None, math.nan)
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(known, [tail, 100.0 - tail])
    fewer = min(int((known <= 0.0).sum()), int((known >= 0.0).sum()))
    return Difference(value, Interval(float(low), float(high), level), min(1.0, 2.0 * (fewer + 1) / (known.size + 1)))
