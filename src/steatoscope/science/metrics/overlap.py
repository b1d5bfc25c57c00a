"""Overlap of two masks of one shape, in 2-D or 3-D (Taha and Hanbury, BMC Med Imaging 2015).

Two empty masks agree: Dice and IoU are 1. Other ratios without a denominator are NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Overlap:
    """Overlap of a mask with a reference: all 0-1, but ``volume_difference``, (mask - reference) / reference."""

    dice: float
    iou: float
    precision: float
    recall: float
    volume_difference: float

    @property
    def ravd_percent(self) -> float:
        """Relative absolute volume difference in percent (CHAOS challenge, Kavur, Med Image Anal 2021)."""
        return 100.0 * abs(self.volume_difference)


def overlap(mask: NDArray[np.bool_], reference: NDArray[np.bool_]) -> Overlap:
    """Compare a mask with a reference of the same shape. Raises ValueError for differing shapes."""
    found, truth = boolean_pair(mask, reference)
    both = int(np.count_nonzero(found & truth))
    size, wanted = int(np.count_nonzero(found)), int(np.count_nonzero(truth))
    return Overlap(
        dice=_ratio(2 * both, size + wanted, empty=1.0),
        iou=_ratio(both, size + wanted - both, empty=1.0),
        precision=_ratio(both, size),
        recall=_ratio(both, wanted),
        volume_difference=_ratio(size - wanted, wanted),
    )


def dice(mask: NDArray[np.bool_], reference: NDArray[np.bool_]) -> float:
    """Dice coefficient, 0-1. Raises ValueError for differing shapes."""
    return overlap(mask, reference).dice


def boolean_pair(mask: NDArray[np.bool_], reference: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Both masks as booleans of one shape; all non-zero counts. Raises ValueError for differing shapes."""
    found, truth = np.asarray(mask, dtype=np.bool_), np.asarray(reference, dtype=np.bool_)
    if found.shape != truth.shape:
        raise ValueError(f"masks differ in shape: {found.shape} and {truth.shape}")
    return found, truth


def _ratio(part: int, whole: int, *, empty: float = math.nan) -> float:
    return part / whole if whole else empty
