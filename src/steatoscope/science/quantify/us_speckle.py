"""Speckle statistics of B-mode: the envelope behind log compression, Nakagami's m, SNR.

Fully developed speckle has a Rayleigh envelope: mean over SD 1.913058, SD 5.570043 dB, Nakagami m of 1; fewer or
clustered scatterers lower m, a coherent part raises it. Statistics of pictures rest on an assumed dynamic range and
suffer from clipping and smoothing by the scanner: relative features of one preset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.image import Mask

Values = NDArray[np.float64]

RAYLEIGH_SNR: Final = float(np.sqrt(np.pi / (4.0 - np.pi)))
RAYLEIGH_SD_DB: Final = float(10.0 / np.log(10.0) * np.pi / np.sqrt(6.0))
ASSUMED_DYNAMIC_RANGE_DB: Final = 60.0
_LEAST_FILLED: Final = 1.0 - 1e-9
_MOST_CLIPPED: Final = 0.1
_SPREAD: Final = 1.0 + 1e-6


@dataclass(frozen=True, slots=True)
class SpeckleStatistics:
    """Medians over windows: Nakagami m with its quartiles, envelope SNR, SD in dB; and the number of windows."""

    nakagami_m: float
    nakagami_iqr: tuple[float, float]
    snr: float
    sd_db: float
    windows: int


def envelope(grey: NDArray[np.generic], dynamic_range_db: float = ASSUMED_DYNAMIC_RANGE_DB) -> Values:
    """Echo amplitude (1 at white) behind grey levels 0-255: ``10 ** ((grey / 255 DR - DR) / 20)``."""
    level = np.asarray(grey, dtype=np.float64) / 255.0 * dynamic_range_db - dynamic_range_db
    return np.asarray(10.0 ** (level / 20.0), dtype=np.float64)


def nakagami(amplitude: Values) -> tuple[float, float]:
    """Nakagami's m and omega of amplitudes by moments: ``E[A^2]^2 / Var(A^2)`` and ``E[A^2]``.

    Raises :class:`ValueError` for amplitudes without spread.
    """
    power = np.asarray(amplitude, dtype=np.float64).ravel() ** 2
    spread = float(power.var())
    if spread <= 0.0:
        raise ValueError("amplitudes without spread have no Nakagami parameter")
    omega = float(power.mean())
    return omega**2 / spread, omega


def envelope_snr(amplitude: Values) -> float:
    """Mean over SD of amplitudes; 1.913 for Rayleigh speckle. Raises :class:`ValueError` where there is no spread."""
    spread = float(np.std(amplitude))
    if spread <= 0.0:
        raise ValueError("amplitudes without spread have no SNR")
    return float(np.mean(amplitude)) / spread


def speckle_statistics(
    frame: NDArray[np.uint8], mask: Mask, side: int, dynamic_range_db: float = ASSUMED_DYNAMIC_RANGE_DB
) -> SpeckleStatistics | None:
    """Speckle of a frame (rows, columns) in square windows of ``side`` pixels that lie in the mask.

    Windows with over 10 % black or white pixels do not count. ``side`` should be three pulse lengths or more, and small
    against the fall of grey with depth. None where no window is left.
    """
    amplitude = envelope(frame, dynamic_range_db)
    step = max(1, side // 2)
    pick = (slice(side // 2, None, step),) * 2
    filled = _box(mask, side)[pick]
    clipped = _box((frame <= 1) | (frame >= 254), side)[pick]
    a1, a2, a4 = (_box(amplitude**power, side)[pick] for power in (1, 2, 4))
    level = np.log10(np.maximum(amplitude, 1e-12)) * 20.0
    db_variance = (_box(level**2, side) - _box(level, side) ** 2)[pick]
    keep = (filled >= _LEAST_FILLED) & (clipped <= _MOST_CLIPPED) & (a4 > a2**2 * _SPREAD) & (a2 > a1**2 * _SPREAD)
    if not keep.any():
        return None
    m = a2[keep] ** 2 / (a4 - a2**2)[keep]
    snr = a1[keep] / np.sqrt((a2 - a1**2)[keep])
    low, middle, high = (float(v) for v in np.percentile(m, [25, 50, 75]))
    sd = float(np.sqrt(np.median(np.maximum(db_variance[keep], 0.0))))
    return SpeckleStatistics(middle, (low, high), float(np.median(snr)), sd, int(keep.sum()))


def _box(values: NDArray[np.generic], side: int) -> Values:
    return np.asarray(ndimage.uniform_filter(np.asarray(values, dtype=np.float64), side, mode="constant"))
