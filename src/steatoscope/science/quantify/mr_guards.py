"""When a fat-water fit may not be believed: criteria as pure functions that return codes.

Limits after the quality rules of the project's clinical reference: noise and iron as consensus values, echo times by
the conditioning of the water-fat basis.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import QualityCode, warning
from steatoscope.science.quantify.mr_model import DEFAULT_SPECTRUM, fat_basis

MIN_ECHOES: Final = 3
MIN_FIRST_ECHO_SNR: Final = 10.0
SWAP_MEDIAN_PERCENT: Final = 60.0
SWAP_DISPUTED_SHARE: Final = 0.01
SWAP_COST_MARGIN: Final = 0.02
_MIN_SEPARATION: Final = 0.1
_ROUNDING_S: Final = 1e-4
_FIELD_RANGE_T: Final = (0.2, 8.0)


def separation(echo_times_s: NDArray[np.float64], field_t: float, spectrum: str = DEFAULT_SPECTRUM) -> float:
    """How far the echoes tell fat from water: 1 where their signals are orthogonal, 0 where they are alike."""
    c = fat_basis(echo_times_s, field_t, spectrum)
    return float(1.0 - np.abs(c.sum()) ** 2 / (c.size * np.sum(np.abs(c) ** 2)))


def echo_time_code(echo_times_s: NDArray[np.float64], field_t: float, spectrum: str = DEFAULT_SPECTRUM) -> str | None:
    """``E_TE`` where the echo times or the field strength do not allow a fit, else None.

    At least three rising, positive times, a plausible field, and echoes in which fat and water differ.
    """
    low, high = _FIELD_RANGE_T
    times = np.asarray(echo_times_s, dtype=np.float64)
    if times.size < MIN_ECHOES or not np.isfinite(times).all() or times[0] <= 0 or np.diff(times).min() <= 0:
        return "E_TE"
    if not low <= field_t <= high or times[-1] > 1.0:
        return "E_TE"
    return "E_TE" if separation(times, field_t, spectrum) < _MIN_SEPARATION else None


def rounding_warning(echo_times_s: NDArray[np.float64]) -> QualityCode | None:
    """``W_TE`` where spacings differ by exactly one rounding unit of 0.1 ms, as times rounded for display do."""
    units = np.asarray(echo_times_s, dtype=np.float64) / _ROUNDING_S
    rounded = bool(np.all(np.abs(units - np.rint(units)) < 1e-3))
    gaps = np.diff(np.rint(units))
    if rounded and gaps.size and gaps.max() - gaps.min() == 1:
        return warning("W_TE", "Echo spacings differ by one unit of 0.1 ms.")
    return None


def noise_code(first_echo_snr: float | None) -> str | None:
    """``E_NOISE`` where the first echo's SNR in the liver is below 10; None where it is enough or unknown."""
    return "E_NOISE" if first_echo_snr is not None and first_echo_snr < MIN_FIRST_ECHO_SNR else None


def swap_code(median_percent: float, disputed_share: float, cost_ratio: float | None = None) -> str | None:
    """``E_SWAP`` where water and fat may be exchanged in the liver, else None.

    That is: a median fat fraction above 60 %, more than 1 % of voxels exchanged by a nearly as good solution, or (for
    magnitude fits) the two solutions' summed residuals within 2 % (``cost_ratio`` is the better over the worse).
    """
    near = cost_ratio is not None and cost_ratio > 1.0 - SWAP_COST_MARGIN
    over = median_percent > SWAP_MEDIAN_PERCENT
    return "E_SWAP" if over or near or disputed_share > SWAP_DISPUTED_SHARE else None
