"""Keeps of an MR liver mask what has the liver's own fat level: stomach, muscle, vessels and heart go."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import ndimage

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.canonical import Triple
from steatoscope.science.segment.morphology import closed, depth_mm, filled_2d, largest, opened

CORE_SHARE: Final = 0.25
TOLERANCE_POINTS: Final = 2.5
TOLERANCE_SDS: Final = 3.0
OPENING_MM: Final = 4.0
_WINDOW: Final = (1, 3, 3)


def of_one_fat_level(mask: Mask, fat: Floats, spacing: Triple) -> tuple[Mask, float]:
    """The part of a mask (slices, rows, columns) whose local fat (percent) equals that of its depth, and its share.

    The level is the median of the deepest quarter of the mask, the tolerance the larger of 2.5 points and three robust
    standard deviations there. The mask comes back unchanged where the depth has no fat value, or where hardly
    anything would stay.
    """
    smooth = _smoothed(fat, mask)
    depth = depth_mm(mask, spacing)
    core = mask & np.isfinite(smooth) & (depth >= np.quantile(depth[mask], 1.0 - CORE_SHARE))
    if not core.any():
        return mask, 1.0
    level = float(np.median(smooth[core]))
    spread = 1.4826 * float(np.median(np.abs(smooth[core] - level)))
    alike = mask & (np.abs(smooth - level) <= max(TOLERANCE_POINTS, TOLERANCE_SDS * spread))
    kept = largest(opened(alike, spacing, OPENING_MM))
    if kept is None or kept.sum() < 0.2 * mask.sum():
        return mask, 1.0
    whole = filled_2d(closed(kept, spacing, OPENING_MM)) & mask
    return whole, float(whole.sum() / mask.sum())


def _smoothed(fat: Floats, mask: Mask) -> Floats:
    """Local mean of the fat within the mask; NaN outside it."""
    known = mask & np.isfinite(fat)
    weight = ndimage.uniform_filter(known.astype(np.float32), _WINDOW)
    total = ndimage.uniform_filter(np.where(known, fat, 0.0).astype(np.float32), _WINDOW)
    return np.where(known, total / np.maximum(weight, 1e-6), np.nan).astype(np.float32)
