"""Two-point and three-point Dixon: signal fat fractions from in-phase and opposed-phase magnitudes.

Not a PDFF: no correction of T1, R2* (two points) or the fat spectrum, and ambiguous above 50 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steatoscope.science.quantify.mr_model import GYROMAGNETIC_MHZ_PER_T

MAIN_PEAK_PPM: Final = 3.4
_PHASE_TOLERANCE: Final = 0.15

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DixonEchoes:
    """Which echoes are opposed and in phase; ``second_in_phase`` allows the R2* correction."""

    opposed: int
    in_phase: int
    second_in_phase: int | None


def opposed_time_s(field_t: float) -> float:
    """The first opposed-phase time of a single peak at 3.4 ppm, in seconds; the in-phase time is twice as long."""
    return 1.0 / (2.0 * MAIN_PEAK_PPM * GYROMAGNETIC_MHZ_PER_T * field_t)


def dixon_echoes(echo_times_s: ArrayLike, field_t: float) -> DixonEchoes | None:
    """The first opposed-phase echo and the first in-phase echo after or before it, or None where either is missing.

    An echo counts as opposed or in phase within 15 % of a half cycle.
    """
    halves = np.asarray(echo_times_s, dtype=np.float64) / opposed_time_s(field_t)
    whole = np.rint(halves)
    near = (np.abs(halves - whole) <= _PHASE_TOLERANCE * np.maximum(1.0, 1.0)) & (whole > 0)
    opposed = np.flatnonzero(near & (whole % 2 == 1))
    in_phase = np.flatnonzero(near & (whole % 2 == 0))
    if opposed.size == 0 or in_phase.size == 0:
        return None
    return DixonEchoes(int(opposed[0]), int(in_phase[0]), int(in_phase[1]) if in_phase.size > 1 else None)


def two_point_fraction(in_phase: ArrayLike, opposed: ArrayLike) -> Values:
    """``(IP - OP) / (2 IP)`` in percent from magnitudes of any shape; NaN where IP is not positive.

    Negative values mean that R2* outweighs the fat: not interpretable.
    """
    ip, op = np.asarray(in_phase, dtype=np.float64), np.asarray(opposed, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(ip > 0, 100.0 * (ip - op) / (2.0 * ip), np.nan)


def three_point_fraction(
    first_in_phase: ArrayLike, opposed: ArrayLike, second_in_phase: ArrayLike, times_s: tuple[float, float, float]
) -> tuple[Values, Values]:
    """Fat percent and R2* (1/s) with the decay taken from two in-phase echoes.

    ``times_s`` holds the times of the first in-phase, opposed and second in-phase echo, in seconds.
    """
    ip1, op, ip2 = (np.asarray(item, dtype=np.float64) for item in (first_in_phase, opposed, second_in_phase))
    t_in, t_opposed, t_second = times_s
    with np.errstate(invalid="ignore", divide="ignore"):
        r2star = np.log(ip1 / ip2) / (t_second - t_in)
        corrected = op * np.exp(-r2star * (t_in - t_opposed))
    return two_point_fraction(ip1, corrected), np.asarray(r2star, dtype=np.float64)
