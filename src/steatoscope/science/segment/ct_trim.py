"""What does not belong to a liver mask on CT is cut off: a kidney that touches it, and nubs into the wall or hilum."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.compartments import Compartment, largest_depth
from steatoscope.science.segment.morphology import depth_mm, dilated, gaussian_mm, opened, opened_2d
from steatoscope.science.segment.torso import Torso

KIDNEY_ACROSS_MM = (22.0, 105.0)
KIDNEY_ALONG_MM = (-45.0, 40.0)
SMOOTH_MM = 4.0
STEP_HU = 6.0
KIDNEY_STEP_HU = 9.0
MIN_ODD_CM2 = 2.5
SPINE_SIDE = 0.5
KNIFE_MM = 6.0
NUB_MM = 12.0
TIP_MM = 2.0
NUB_SHARE = 0.4
MAX_NUB_CM2 = 10.0


def without_kidney(torso: Torso, core: Compartment, mask: Mask) -> Mask:
    """The mask without a right kidney that has grown into it, on the coarse grid.

    A kidney is a compact area beside the spine whose smoothed attenuation departs from the liver's by about 10 HU and
    that is bounded by the mask's outline rather than by liver on more than half of its rim. Unchanged where there is
    none.
    """
    kidney = _kidney_within(torso, core, mask)
    if kidney is None:
        return mask
    rest = mask & ~dilated(kidney, torso.spacing, KNIFE_MM)
    return _with_core(opened(rest, torso.spacing, KNIFE_MM), core.mask & ~kidney)


def _kidney_within(torso: Torso, core: Compartment, mask: Mask) -> Mask | None:
    dy, dx = torso.millimetres_from_spine()
    beside = (-dx > KIDNEY_ACROSS_MM[0]) & (-dx < KIDNEY_ACROSS_MM[1])
    beside &= (dy > KIDNEY_ALONG_MM[0]) & (dy < KIDNEY_ALONG_MM[1])
    away = np.abs(_level(torso, mask) - core.centre)
    odd = opened(mask & beside & (away > STEP_HU), torso.spacing, 4.0)
    labels, count = ndimage.label(odd)
    parts = [np.asarray(labels == k) for k in range(1, count + 1)]
    kidneys = [part for part in parts if _kidney_like(torso, part, mask, away)]
    return np.asarray(np.any(kidneys, axis=0)) if kidneys else None


def _level(torso: Torso, mask: Mask) -> Floats:
    """Smoothed attenuation within the mask in HU, without the fat around it."""
    inside = mask & (depth_mm(mask, torso.spacing) > 2.0)
    weight = gaussian_mm(inside.astype(np.float32), torso.spacing, SMOOTH_MM)
    total = gaussian_mm(np.where(inside, torso.hu, 0.0).astype(np.float32), torso.spacing, SMOOTH_MM)
    return np.asarray(total / np.maximum(weight, 1e-3), dtype=np.float32)


def _kidney_like(torso: Torso, part: Mask, mask: Mask, away: Floats) -> bool:
    area_cm2 = float(part.sum(axis=(1, 2)).max()) * torso.spacing[1] * torso.spacing[2] / 100.0
    rim = dilated(part, torso.spacing, 7.0) & ~part
    free = float((~mask[rim]).mean())
    return area_cm2 >= MIN_ODD_CM2 and float(np.median(away[part])) > KIDNEY_STEP_HU and free > SPINE_SIDE


def without_nubs(torso: Torso, core: Compartment, mask: Mask) -> Mask:
    """The mask without small parts that are thin against it (at most 24 mm), slice by slice.

    Thin parts of 10 cm2 and more are kept: they may be lobes.
    """
    bulk = opened_2d(mask, torso.spacing, min(NUB_MM, NUB_SHARE * largest_depth(mask, torso)))
    slim = mask & ~dilated(bulk, torso.spacing, TIP_MM)
    cell_cm2 = torso.spacing[1] * torso.spacing[2] / 100.0
    nubs = np.stack([_small(plane, MAX_NUB_CM2 / cell_cm2) for plane in slim])
    nubs[np.array([not plane.any() for plane in bulk])] = False
    return _with_core(mask & ~nubs, core.mask)


def _small(plane: Mask, limit: float) -> Mask:
    """The components of fewer pixels than ``limit``."""
    labels, _ = ndimage.label(plane)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((labels > 0) & (sizes[labels] < limit))


def _with_core(mask: Mask, core: Mask) -> Mask:
    """The components of a mask that hold a part of the core."""
    labels, _ = ndimage.label(mask)
    hit = np.unique(labels[core & mask])
    return np.asarray(np.isin(labels, hit[hit > 0]))
