"""Agreement of two measurements of the same thing, and of repeats of one.

Bland and Altman (Lancet 1986), Shrout and Fleiss (Psychol Bull 1979), Lin (Biometrics 1989). Values may have any unit;
what is undefined (too few subjects, no spread) is NaN, never a number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Z95: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Differences measured minus reference: mean, SD (n - 1) and limits of agreement at bias +- 1.96 SD."""

    n: int
    bias: float
    sd: float
    limits_low: float
    limits_high: float


def bland_altman(measured: ArrayLike, reference: ArrayLike) -> BlandAltman:
    """Bias and 95 % limits of agreement of paired values of shape (n,). Raises ValueError where they do not pair."""
    values, truth = paired(measured, reference)
    gaps = values - truth
    bias = float(gaps.mean())
    sd = float(gaps.std(ddof=1)) if gaps.size > 1 else math.nan
    return BlandAltman(gaps.size, bias, sd, bias - _Z95 * sd, bias + _Z95 * sd)


def regression_slope(measured: ArrayLike, reference: ArrayLike) -> float:
    """Least-squares slope of measured on reference, shapes (n,); NaN where the reference does not vary."""
    values, truth = paired(measured, reference)
    centred = truth - truth.mean()
    power = float(centred @ centred)
    return float(centred @ values) / power if power > 0.0 else math.nan


def concordance(measured: ArrayLike, reference: ArrayLike) -> float:
    """Lin's concordance correlation coefficient of paired values (n,), with moments over n as in Lin (1989)."""
    values, truth = paired(measured, reference)
    covariance = float(np.mean((values - values.mean()) * (truth - truth.mean())))
    spread = float(values.var() + truth.var() + (values.mean() - truth.mean()) ** 2)
    return 2.0 * covariance / spread if spread > 0.0 else math.nan


def icc_2_1(ratings: ArrayLike) -> float:
    """ICC(2,1): two-way random effects, absolute agreement, one rater; ratings of shape (subjects, raters)."""
    table = _table(ratings)
    n, k = table.shape
    if n < 2:
        return math.nan
    rows, columns, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
    between = k * float(np.sum((rows - mean) ** 2)) / (n - 1)
    raters = n * float(np.sum((columns - mean) ** 2)) / (k - 1)
    rest = table - rows[:, None] - columns[None, :] + mean
    error = float(np.sum(rest**2)) / ((n - 1) * (k - 1))
    total = between + (k - 1) * error + k * (raters - error) / n
    return (between - error) / total if total > 0.0 else math.nan


def repeatability_coefficient(repeats: ArrayLike) -> float:
    """1.96 sqrt(2) times the within-subject SD of repeats (subjects, repeats), in the unit of the values.

    Two measurements of one subject differ by less in 95 % of pairs.
    """
    table = _table(repeats)
    return _Z95 * math.sqrt(2.0 * float(table.var(axis=1, ddof=1).mean()))


def paired(measured: ArrayLike, reference: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both as finite float64 of one shape (n,), n >= 1. Raises ValueError otherwise."""
    values, truth = np.asarray(measured, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if values.ndim != 1 or values.shape != truth.shape or not values.size:
        raise ValueError(f"paired values need one shape (n,), not {values.shape} and {truth.shape}")
    if not (np.isfinite(values).all() and np.isfinite(truth).all()):
        raise ValueError("paired values must be finite")
    return values, truth


def _table(ratings: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 1 or table.shape[1] < 2:
        raise ValueError(f"repeated values need shape (subjects, at least 2), not {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("repeated values must be finite")
    return table
