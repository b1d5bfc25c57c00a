"""Repeatability of a method from repeats of the same subjects, with intervals (Bland and Altman, BMJ 1996)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steatoscope.core.measurement import Interval
from steatoscope.science.metrics.agreement import repeatability_coefficient
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

RC_PER_SD: Final = 1.96 * math.sqrt(2.0)


def repeatability_figures(repeats: ArrayLike, *, seed: int = 0) -> tuple[dict[str, float], dict[str, Interval]]:
    """``wsd`` (within-subject SD) and ``rc`` (coefficient) of repeats (subjects, two or more) in their unit.

    The intervals are 95 % bootstraps over subjects. Raises ValueError for another shape or values that are not finite.
    """
    table = np.asarray(repeats, dtype=np.float64)

    def figures(rows: NDArray[np.intp]) -> dict[str, float]:
        coefficient = repeatability_coefficient(table[rows])
        return {"wsd": coefficient / RC_PER_SD, "rc": coefficient}

    everyone = np.arange(len(table))
    return figures(everyone), bootstrap_intervals(figures, everyone, seed=seed)
