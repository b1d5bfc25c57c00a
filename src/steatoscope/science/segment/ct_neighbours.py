"""Spleen and kidneys on CT, and how much bright tissue there is: what tells the contrast phase."""

from __future__ import annotations

import numpy as np

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.compartments import Compartment, cores, grown, soft_tissue
from steatoscope.science.segment.ct_liver import Organ
from steatoscope.science.segment.ct_slices import trunk_slices
from steatoscope.science.segment.morphology import depth_mm, dilated
from steatoscope.science.segment.torso import Torso

SPLEEN_HU = (20.0, 220.0)
KIDNEY_HU = (5.0, 380.0)
BRIGHT_HU = 95.0
MIN_SPLEEN_CM2 = 5.0
MIN_SPLEEN_ML = 12.0
SPLEEN_FRONT = -0.35
GAS_MM = 9.0
MAX_GAS = 0.15
MIN_KIDNEY_SCORE = 0.1


def find_spleen(torso: Torso, taken: Mask) -> Organ | None:
    """The spleen on the coarse grid: an even compartment at the left posterior wall, outside ``taken``.

    None where it lies in front or under gas, as the fluid in a stomach does.
    """
    across = np.clip((torso.u - 0.4) / 0.35, 0.0, 1.0)
    front = np.clip((torso.v + 0.55) / 0.2, 0.0, 1.0)
    back = np.clip((0.15 + 1.2 * np.clip(torso.u - 0.25, 0.0, 1.0) - torso.v) / 0.15, 0.0, 1.0)
    free = torso.inner & ~taken & trunk_slices(torso)[:, None, None]
    prior = np.where(free, across * front * back, 0.0).astype(np.float32)
    space = free & ~torso.air & (torso.u > 0.2) & (torso.v > -0.7) & ((torso.v < 0.4) | (torso.u > 0.4))
    depth = depth_mm(torso.inner, torso.spacing)
    for core in cores(torso, soft_tissue(torso) & free, prior, 6.0)[:3]:
        mask = grown(torso, core, space, 4.0)
        if SPLEEN_HU[0] <= core.centre <= SPLEEN_HU[1] and _spleen_like(torso, core, mask, depth):
            area = float(mask.sum(axis=(1, 2)).max()) * torso.spacing[1] * torso.spacing[2] / 100.0
            return Organ(mask, core.centre, core.spread, float(np.clip(area / 25.0, 0.1, 1.0)))
    return None


def _spleen_like(torso: Torso, core: Compartment, mask: Mask, depth: Floats) -> bool:
    if not mask.any():
        return False
    area_cm2 = float(mask.sum(axis=(1, 2)).max()) * torso.spacing[1] * torso.spacing[2] / 100.0
    big = area_cm2 >= MIN_SPLEEN_CM2 and (torso.single or mask.sum() * torso.voxel_ml >= MIN_SPLEEN_ML)
    at_wall = float(np.percentile(depth[mask], 5.0)) <= 30.0
    thick = float(depth[core.mask].max()) >= 14.0
    return big and at_wall and thick and core.spread <= 9.0 and _lateral(torso, core) and not _stomach(torso, mask)


def _stomach(torso: Torso, mask: Mask) -> bool:
    """Whether a mask lies in the front, or gas lies close above its front edge: fluid with a level, not a spleen."""
    above = np.zeros_like(mask)
    for step in range(1, max(1, round(GAS_MM / torso.spacing[1])) + 1):
        above[:, step:] |= torso.air[:, :-step]
    edge = mask.copy()
    edge[:, 1:] &= ~mask[:, :-1]
    return float(torso.v[mask].mean()) < SPLEEN_FRONT or float(above[edge].mean()) > MAX_GAS


def _lateral(torso: Torso, core: Compartment) -> bool:
    """Whether a core lies farther to the left of the spine than the left kidney does."""
    _, dx = torso.millimetres_from_spine()
    return float(dx[core.mask].mean()) > 60.0 and float(torso.u[core.mask].mean()) > 0.53


def find_kidneys(torso: Torso, taken: Mask, liver: Mask) -> Organ | None:
    """Kidneys on the coarse grid, beside the spine, outside ``taken``, from the liver's top to 30 mm below it.

    ``centre`` is their 70th percentile in HU, so that an enhanced cortex shows.
    """
    dy, dx = torso.millimetres_from_spine()
    free = torso.inner & ~dilated(taken, torso.spacing, 2.0) & ~torso.air & trunk_slices(torso)[:, None, None]
    free &= _near_liver(torso, liver)[:, None, None]
    free &= (depth_mm(torso.inner, torso.spacing) > 16.0) & (dy > -75.0) & (dy < 30.0)
    solid = free & (torso.hu > KIDNEY_HU[0]) & (torso.hu < KIDNEY_HU[1])
    place = np.exp(-0.5 * (((np.abs(dx) - 62.0) / 14.0) ** 2 + ((dy + 12.0) / 22.0) ** 2)).astype(np.float32)
    sides = [_kidney(torso, solid & (side * dx > 28.0) & (side * dx < 105.0), place) for side in (-1.0, 1.0)]
    found = [side for side in sides if side is not None]
    if not found:
        return None
    mask = np.any([part for part, _ in found], axis=0)
    values = np.concatenate([torso.hu[core] for _, core in found])
    spread = float(1.4826 * np.median(np.abs(values - np.median(values))))
    confidence = float(np.clip(mask.sum() * torso.voxel_ml / (8.0 if torso.single else 100.0), 0.1, 1.0))
    return Organ(mask, float(np.percentile(values, 70.0)), spread, confidence)


def _near_liver(torso: Torso, liver: Mask) -> Mask:
    """Slices from 30 mm below the liver to its top; all where no liver was found."""
    rows = np.flatnonzero(liver.any(axis=(1, 2)))
    index = np.arange(len(liver))
    if rows.size == 0:
        return np.ones(len(liver), dtype=bool)
    return np.asarray((index >= rows.min() - 30.0 / torso.spacing[0]) & (index <= rows.max()))


def _kidney(torso: Torso, solid: Mask, place: Floats) -> tuple[Mask, Mask] | None:
    """One kidney and its core: the best placed even piece that fat or another attenuation sets apart."""
    for core in cores(torso, solid, np.where(solid, place, 0.0).astype(np.float32), 5.0)[:4]:
        near = solid & (np.abs(torso.hu - core.centre) < 40.0)
        piece = dilated(core.mask, torso.spacing, 7.0) & near
        placed = float(place[core.mask].mean()) > 0.35 and core.score >= MIN_KIDNEY_SCORE
        if placed and _apart(torso, piece):
            return piece, dilated(core.mask, torso.spacing, 3.0) & near
    return None


def _apart(torso: Torso, piece: Mask) -> bool:
    """Whether fat or another attenuation surrounds most of a piece, and its size is a kidney's."""
    rim = dilated(piece, torso.spacing, 5.0) & ~piece
    level = float(np.median(torso.hu[piece]))
    share = float((np.abs(torso.hu[rim] - level) > 15.0).mean())
    areas = piece.sum(axis=(1, 2)) * torso.spacing[1] * torso.spacing[2] / 100.0
    bony = float(np.percentile(torso.raw[rim], 90.0)) > 250.0
    return share > 0.6 and not bony and 4.0 <= float(areas.max()) <= 60.0


def bright_share(torso: Torso) -> float | None:
    """Share of soft tissue in the cavity, away from bone, that is brighter than any unenhanced organ (95 HU).

    Dense bowel contrast counts too, so this is evidence beside the organs' own attenuation, not in place of it.
    """
    dy, dx = torso.millimetres_from_spine()
    bony = (np.abs(dx) < 35.0) & (dy > -25.0)
    hard = dilated(torso.raw > 400.0, torso.spacing, 9.0)
    space = torso.inner & ~bony & ~hard & (depth_mm(torso.inner, torso.spacing) > 18.0)
    soft = space & (torso.hu > -20.0) & (torso.hu < 380.0) & trunk_slices(torso)[:, None, None]
    return float((torso.hu[soft] > BRIGHT_HU).mean()) if soft.sum() >= 100 else None
