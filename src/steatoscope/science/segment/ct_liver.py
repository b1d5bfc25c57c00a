"""The liver on CT: the largest homogeneous compartment where a liver may lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.compartments import Compartment, cores, grown, soft_tissue
from steatoscope.science.segment.ct_slices import trunk_slices
from steatoscope.science.segment.ct_trim import without_kidney, without_nubs
from steatoscope.science.segment.morphology import depth_mm, dilated
from steatoscope.science.segment.torso import Torso

MIN_AREA_CM2 = 8.0
MIN_VOLUME_ML = 20.0
LIVER_HU = (-30.0, 200.0)
FATTY_HU = 20.0
FATTY_AREA_CM2 = 45.0
MAX_SHARE = 0.6
WALL_MM = 32.0
SINGLE_CONFIDENCE = 0.8
CUT_CONFIDENCE = 0.8


@dataclass(frozen=True, eq=False)
class Organ:
    """An organ on the coarse grid: mask, attenuation of its core in HU, spread in HU, confidence 0-1."""

    mask: Mask
    centre: float
    spread: float
    confidence: float


def liver_prior(torso: Torso) -> Floats:
    """Weight 0-1 of each voxel's position: high on the right, falling to zero left of the spine and behind it."""
    across = np.clip((0.3 - torso.u) / 0.6, 0.0, 1.0)
    usable = torso.inner & trunk_slices(torso)[:, None, None]
    return np.asarray(np.where(usable, across * _before(torso, 0.15), 0.0), dtype=np.float32)


def liver_space(torso: Torso, other: Mask | None = None) -> Mask:
    """Where liver may lie at all: not behind the spine, not in the left flank, not in ``other``."""
    left = (torso.u > 0.75) | ((torso.u > 0.25) & (torso.v > -0.3))
    space = torso.inner & (_before(torso, 0.3) > 0.0) & ~left & ~torso.air & trunk_slices(torso)[:, None, None]
    return space if other is None else space & ~other


def _before(torso: Torso, margin: float) -> Floats:
    limit = margin + 1.2 * np.clip(-torso.u - 0.25, 0.0, 1.0)
    return np.asarray(np.clip((limit - torso.v) / 0.15, 0.0, 1.0), dtype=np.float32)


def find_liver(torso: Torso, vessel: Mask | None = None) -> Organ | None:
    """The liver on the coarse grid, or None where nothing has a liver's place, size and evenness.

    ``vessel`` (the aorta) is kept out of the mask; a kidney and thin nubs that have grown into it are cut off. The
    confidence is at most 0.8 on single slices and lower by a fifth where a kidney was cut off.
    """
    prior = liver_prior(torso)
    radius = 7.0 if torso.single else 9.0
    depth = depth_mm(torso.inner, torso.spacing)
    for core in cores(torso, soft_tissue(torso), prior, radius)[:3]:
        if not LIVER_HU[0] <= core.centre <= LIVER_HU[1]:
            continue
        whole = grown(torso, core, liver_space(torso, vessel), 5.0)
        parted = without_kidney(torso, core, whole)
        mask = without_nubs(torso, core, parted)
        if _plausible(torso, core, mask, depth):
            sure = _confidence(torso, core, mask) * (CUT_CONFIDENCE if parted is not whole else 1.0)
            return Organ(mask, core.centre, core.spread, sure)
    return None


def _plausible(torso: Torso, core: Compartment, mask: Mask, depth: Floats) -> bool:
    """Large enough, reaching from the right wall into the cavity, and even."""
    if not mask.any() or not core.mask.any():
        return False
    areas = mask.sum(axis=(1, 2))
    area_cm2 = float(areas.max()) * torso.spacing[1] * torso.spacing[2] / 100.0
    big = area_cm2 >= MIN_AREA_CM2 and (torso.single or mask.sum() * torso.voxel_ml >= MIN_VOLUME_ML)
    if core.centre < FATTY_HU:  # bowel and bladder look like a very fatty liver, which is never small
        big = big and area_cm2 >= FATTY_AREA_CM2
    if float(areas.sum()) > MAX_SHARE * float(torso.inner[areas > 0].sum()):
        return False
    huge = area_cm2 >= 60.0 or mask.sum() * torso.voxel_ml >= 250.0
    at_wall = huge or float(depth[mask].min()) <= WALL_MM or _dome(torso, mask)
    into = float(depth[core.mask].max()) >= 20.0
    right = float(torso.u[mask].mean()) < (0.1 if huge else -0.1)
    return big and at_wall and into and right and core.spread <= 10.0


def _dome(torso: Torso, mask: Mask) -> bool:
    """Whether lung surrounds much of the mask, as it does the top of the liver."""
    rim = dilated(mask, torso.spacing, 6.0) & ~mask
    return float(torso.air[rim].mean()) >= 0.4


def _confidence(torso: Torso, core: Compartment, mask: Mask) -> float:
    """Grows with volume (area on single slices, which never give certainty), evenness and place."""
    size = mask.sum() * torso.voxel_ml / (30.0 * torso.spacing[0] / 10.0 if torso.single else 300.0)
    even = float(np.clip((12.0 - core.spread) / 8.0, 0.2, 1.0))
    place = float(np.clip((0.1 - torso.u[mask].mean()) / 0.4, 0.2, 1.0))
    return float(np.clip(min(size, 1.0) ** 0.5 * even * place, 0.05, SINGLE_CONFIDENCE if torso.single else 1.0))
