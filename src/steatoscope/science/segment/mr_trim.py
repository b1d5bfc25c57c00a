"""What does not belong to a liver mask on MR is cut off: tissue of another fat content or signal, and thin layers.

The level is taken from the most interior part of the mask on the right, where nothing else is as thick as a liver.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.canonical import Triple
from steatoscope.science.segment.morphology import closed, depth_mm, dilated, eroded, filled_2d, gaussian_mm
from steatoscope.science.segment.torso import Torso

CORE_SHARE = 0.5
MIN_CORE_VOXELS = 30
SMOOTH_MM = 4.0
FAT_POINTS = 3.0
SIGNAL_UNITS = 12.0
ROBUST_WIDTHS = 4.0
THIN_MM = 6.0
HOLE_MM = 4.0


@dataclass(frozen=True, slots=True)
class Level:
    """The middle of a core and how far from it tissue still counts as the same."""

    middle: float
    reach: float

    def near(self, values: Floats) -> Mask:
        """Where the values lie within reach of the middle."""
        return np.asarray(np.abs(values - self.middle) <= self.reach)


def trimmed(trunk: Torso, mask: Mask, fat: Floats | None) -> Mask:
    """The part of ``mask`` (coarse grid) that has the fat (percent) and signal of its core and hangs thickly with it.

    The mask is returned as it is where it holds too little on the right to tell a level.
    """
    core = _interior(trunk, mask)
    if core.sum() < MIN_CORE_VOXELS:
        return mask
    same = mask.copy()
    least_of = ((trunk.hu, SIGNAL_UNITS),) if fat is None else ((fat, FAT_POINTS), (trunk.hu, SIGNAL_UNITS))
    for values, least in least_of:
        smooth = smooth_within(values, mask, trunk.spacing, SMOOTH_MM)
        level = core_level(smooth[core], least)
        same &= level.near(smooth)
    return _thick(trunk, same, core & same, mask)


def core_level(values: Floats, least: float) -> Level:
    """The mode-like middle of a core's values (median of the half sample nearest to it) and its reach."""
    ordered = np.sort(values)
    half = max(len(ordered) // 2, 1)
    widths = ordered[half:] - ordered[: len(ordered) - half]
    start = int(np.argmin(widths)) if widths.size else 0
    middle = float(np.median(ordered[start : start + half + 1]))
    near = ordered[np.abs(ordered - middle) <= 3.0 * least]
    spread = 1.4826 * float(np.median(np.abs(near - middle)))
    return Level(middle, max(least, ROBUST_WIDTHS * spread))


def _interior(trunk: Torso, mask: Mask) -> Mask:
    """The voxels of the mask on the right and before the spine that lie deepest within it."""
    right = mask & (trunk.u < -0.1) & (trunk.v < 0.1)
    depth = depth_mm(right, trunk.spacing)
    return np.asarray(depth > CORE_SHARE * float(depth.max(initial=0.0)))


def smooth_within(values: Floats, mask: Mask, spacing: Triple, sigma_mm: float) -> Floats:
    """A Gaussian mean over the voxels of the mask alone, in plane; zero far from it."""
    plane = (1e9, spacing[1], spacing[2])
    weight = gaussian_mm(mask.astype(np.float32), plane, sigma_mm)
    total = gaussian_mm(np.where(mask, values, 0.0).astype(np.float32), plane, sigma_mm)
    return np.asarray(total / np.maximum(weight, 1e-3), dtype=np.float32)


def _thick(trunk: Torso, same: Mask, core: Mask, mask: Mask) -> Mask:
    """What hangs with the core after an opening that cuts thin layers and bridges; holes and vessels are filled."""
    even = closed(same, trunk.spacing, HOLE_MM) & mask
    bulk = eroded(even, trunk.spacing, THIN_MM)
    labels, _ = ndimage.label(bulk)
    counts = np.bincount(labels[core & bulk], minlength=1)
    counts[0] = 0
    if not counts.any():
        return np.zeros_like(mask)
    whole = dilated(labels == int(np.argmax(counts)), trunk.spacing, THIN_MM + 1.0) & even
    return filled_2d(whole)
