"""Percentile bootstrap over patients: images of one patient are alike, so patients are drawn, not images.

Efron and Tibshirani (1993), Field and Welsh (J R Stat Soc B 2007) for the cluster form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steatoscope.core.measurement import Interval

Rows = NDArray[np.intp]
_FEWEST_DEFINED: Final = 0.5


def bootstrap_interval(
    statistic: Callable[[Rows], float],
    patients: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval | None:
    """Percentile interval of one ``statistic`` of row numbers; see :func:`bootstrap_intervals`."""
    spans = bootstrap_intervals(
        lambda rows: {"statistic": statistic(rows)}, patients, level=level, resamples=resamples, seed=seed
    )
    return spans.get("statistic")


def bootstrap_intervals(
    statistics: Callable[[Rows], Mapping[str, float]],
    patients: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Percentile intervals of named statistics, a function of row numbers, over patients drawn with replacement.

    ``patients`` (n,) names the patient of each row; all rows of a drawn patient come along, as often as it is drawn.
    Resamples where a statistic is not finite (an AUC without positives) do not count. A name is absent where there are
    fewer than two patients or fewer than half of its resamples count. The same seed gives the same intervals. Raises
    ValueError for no resamples or a level outside (0, 1).
    """
    if resamples < 1 or not 0.0 < level < 1.0:
        raise ValueError(f"resamples must be positive and the level in (0, 1), not {resamples} and {level}")
    groups = rows_by_patient(patients)
    if len(groups) < 2:
        return {}
    chosen = np.random.default_rng(seed).integers(len(groups), size=(resamples, len(groups)))
    drawn = [statistics(np.concatenate([groups[k] for k in draw])) for draw in chosen]
    spans = {name: _percentile(np.array([one[name] for one in drawn]), level) for name in drawn[0]}
    return {name: span for name, span in spans.items() if span is not None}


def rows_by_patient(patients: ArrayLike) -> list[Rows]:
    """The row numbers of each patient, patients in sorted order."""
    names = np.asarray(patients)
    if names.ndim != 1:
        raise ValueError(f"patients need shape (n,), not {names.shape}")
    if not names.size:
        return []
    _, index = np.unique(names, return_inverse=True)
    return np.split(np.argsort(index, kind="stable"), np.cumsum(np.bincount(index))[:-1])


def _percentile(values: NDArray[np.float64], level: float) -> Interval | None:
    known = values[np.isfinite(values)]
    if known.size < max(1.0, _FEWEST_DEFINED * values.size):
        return None
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(known, [tail, 100.0 - tail])
    return Interval(float(low), float(high), level)
