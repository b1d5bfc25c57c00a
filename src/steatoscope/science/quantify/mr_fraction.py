"""Fat fractions from water and fat, and what the noise makes of them.

With magnitudes a fat fraction of zero reads as positive; magnitude discrimination (Liu, MRM 2007) removes that floor
where water and fat are in phase, and must not be used where they are not.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Complexes = NDArray[np.complex64]
F32 = NDArray[np.float32]
MAX_PHASE_FOR_DISCRIMINATION_DEG: Final = 3.0


def magnitude_fraction(water: Complexes, fat: Complexes) -> F32:
    """``100 |F| / (|W| + |F|)`` in percent, same shape; NaN where both vanish."""
    w, f = np.abs(water), np.abs(fat)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.float32(100.0) * f / (w + f), dtype=np.float32)


def discriminated_fraction(water: Complexes, fat: Complexes) -> F32:
    """Fat fraction in percent by magnitude discrimination, same shape; noise may take it outside 0 to 100.

    ``|F| / |W + F|`` where fat dominates, else ``1 - |W| / |W + F|``; NaN where ``W + F`` vanishes.
    """
    w, f, both = np.abs(water), np.abs(fat), np.abs(water + fat)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(f > w, f / both, 1.0 - w / both)
    return np.asarray(100.0 * np.where(both > 0, share, np.nan), dtype=np.float32)


def water_fat_phase_deg(water: Complexes, fat: Complexes) -> float:
    """The phase of water relative to fat over all voxels, ``arg sum(W conj F)`` in degrees; 0 where one is absent."""
    total = np.vdot(fat.ravel(), water.ravel())
    return float(np.degrees(np.angle(total))) if total != 0 else 0.0


def fat_fraction(water: Complexes, fat: Complexes) -> tuple[F32, float, bool]:
    """Fat fraction in percent by the rule of phases, the phase of water to fat (deg), and whether it discriminated.

    Discrimination needs water and fat in phase within 3 degrees; else magnitudes are used.
    """
    phase = water_fat_phase_deg(water, fat)
    if abs(phase) <= MAX_PHASE_FOR_DISCRIMINATION_DEG:
        return discriminated_fraction(water, fat), phase, True
    return magnitude_fraction(water, fat), phase, False
