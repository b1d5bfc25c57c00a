"""T1 bias of spoiled gradient-echo fat fractions: fat recovers faster than water and so looks more abundant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from steatoscope.core.errors import QualityCode, warning

_WATER_T1_MS: Final = {1.5: 586.0, 3.0: 809.0}
_FAT_T1_MS: Final = {1.5: 343.0, 3.0: 382.0}
_MIDDLE_T: Final = 2.2
WARN_FACTOR: Final = 1.10
REFUSE_FACTOR: Final = 1.30


@dataclass(frozen=True, slots=True)
class T1Bias:
    """The factor ``k = S_fat / S_water`` at equal density, with the T1 values (ms) behind it."""

    factor: float
    water_t1_ms: float
    fat_t1_ms: float

    @property
    def low_grades_allowed(self) -> bool:
        """Whether the correction is small enough to tell the lowest grades apart (k <= 1.3)."""
        return self.factor <= REFUSE_FACTOR

    def note(self) -> QualityCode | None:
        """``W_T1`` above a factor of 1.10, with the factor in its words."""
        return warning("W_T1", f"Factor {self.factor:.3f}.") if self.factor > WARN_FACTOR else None


def spoiled_signal(repetition_ms: float, flip_deg: float, t1_ms: float) -> float:
    """Relative signal of a spoiled gradient echo, ``sin a (1 - E) / (1 - E cos a)`` with ``E = exp(-TR / T1)``."""
    angle = np.deg2rad(flip_deg)
    recovery = np.exp(-repetition_ms / t1_ms)
    return float(np.sin(angle) * (1 - recovery) / (1 - recovery * np.cos(angle)))


def t1_bias(repetition_ms: float, flip_deg: float, field_t: float) -> T1Bias:
    """The T1 bias for liver water and fat at the nearer of 1.5 and 3 T (T1 after de Bazelaire, Radiology 2004)."""
    field = 1.5 if field_t < _MIDDLE_T else 3.0
    water, fat = _WATER_T1_MS[field], _FAT_T1_MS[field]
    factor = spoiled_signal(repetition_ms, flip_deg, fat) / spoiled_signal(repetition_ms, flip_deg, water)
    return T1Bias(factor, water, fat)


def apparent_fraction(true_percent: float, factor: float) -> float:
    """The fat percentage seen with a T1 bias of ``factor``."""
    fat = factor * true_percent
    return 100.0 * fat / (fat + 100.0 - true_percent)


def corrected_fraction(apparent_percent: float, factor: float) -> float:
    """The fat percentage after dividing fat by ``factor``: the inverse of :func:`apparent_fraction`."""
    fat = apparent_percent / factor
    return 100.0 * fat / (fat + 100.0 - apparent_percent)
