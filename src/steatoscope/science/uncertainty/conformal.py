"""Distribution-free intervals from residuals of patients that the model has not seen.

Split conformal (Lei, J Am Stat Assoc 2018) covers at least ``level`` where patients are exchangeable; jackknife+ and
its fold form CV+ (Barber, Ann Stat 2021) cover at least ``2 level - 1``, in practice close to ``level``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steatoscope.science.uncertainty.exchangeable import check_one_each

Values = NDArray[np.float64]


def conformal_quantile(residuals: ArrayLike, level: float = 0.9, patients: ArrayLike | None = None) -> float:
    """The ``ceil((n + 1) level)``-th smallest of absolute residuals (n,), one a patient; infinite where n is too small.

    ``patients`` (n,) name the rows: one who has several raises SteatoscopeError ``E_REPEATED``. Raises ValueError for
    a level outside (0, 1) or residuals that are not finite.
    """
    ordered = np.sort(np.abs(_finite(residuals, level)))
    if patients is not None:
        check_one_each(patients, ordered.size)
    rank = conformal_rank(ordered.size, level)
    return float(ordered[rank - 1]) if rank <= ordered.size else math.inf


def split_interval(
    predictions: ArrayLike, residuals: ArrayLike, level: float = 0.9, patients: ArrayLike | None = None
) -> tuple[Values, Values]:
    """Bounds (m,) around predictions (m,) from residuals (n,) of a calibration set, one a patient of ``patients``."""
    centre = np.asarray(predictions, dtype=np.float64)
    half = conformal_quantile(residuals, level, patients)
    return centre - half, centre + half


def group_quantiles(
    residuals: ArrayLike, groups: ArrayLike, level: float = 0.9, patients: ArrayLike | None = None
) -> dict[int, float]:
    """The conformal quantile of each group (n,) of patients by itself (Mondrian; Vovk, 2005), infinite in small ones.

    Groups must be known of a new patient too: the predicted grade, a scanner; never the truth. Raises as
    :func:`conformal_quantile`.
    """
    values, names = _finite(residuals, level), np.asarray(groups, dtype=np.intp)
    if names.shape != values.shape:
        raise ValueError(f"groups need shape {values.shape}, not {names.shape}")
    if patients is not None:
        check_one_each(patients, values.size)
    return {int(name): conformal_quantile(values[names == name], level) for name in np.unique(names)}


def jackknife_plus_interval(
    predictions: ArrayLike, residuals: ArrayLike, level: float = 0.9, patients: ArrayLike | None = None
) -> tuple[Values, Values]:
    """Bounds (m,) from leave-one-out fits.

    ``predictions`` (n, m): of the m new patients by the fit that left out training patient i (or i's fold, CV+);
    ``residuals`` (n,): of that patient i by the same fit. Bounds are infinite where n is too small for the level.
    Raises ValueError where the shapes do not fit, E_REPEATED where one of ``patients`` (n,) has several rows.
    """
    fits = np.asarray(predictions, dtype=np.float64)
    gaps = np.abs(_finite(residuals, level))
    if fits.ndim != 2 or fits.shape[0] != gaps.size:
        raise ValueError(f"predictions {fits.shape} need one row a residual ({gaps.size})")
    if patients is not None:
        check_one_each(patients, gaps.size)
    rank = conformal_rank(gaps.size, level)
    if rank > gaps.size:
        endless = np.full(fits.shape[1], math.inf)
        return -endless, endless
    low = -np.sort(-(fits - gaps[:, None]), axis=0)[rank - 1]
    high = np.sort(fits + gaps[:, None], axis=0)[rank - 1]
    return low, high


def coverage(low: ArrayLike, high: ArrayLike, truth: ArrayLike) -> float:
    """Share of truths (n,) within their bounds (n,); NaN without any."""
    inside = (np.asarray(truth) >= np.asarray(low)) & (np.asarray(truth) <= np.asarray(high))
    return float(inside.mean()) if inside.size else math.nan


def conformal_rank(n: int, level: float) -> int:
    """``ceil((n + 1) level)``, which is above ``n`` where n is too small for the level."""
    # 0.9 x 10 must give 9, not 10, though floating point makes it slightly more
    return max(1, math.ceil((n + 1) * level - 1e-9))


def _finite(residuals: ArrayLike, level: float) -> Values:
    values = np.asarray(residuals, dtype=np.float64)
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie in (0, 1), not {level}")
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("residuals must be finite, of shape (n,)")
    return values
