"""Which CT slices can hold abdominal organs: no head, no thigh, no pelvis."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from steatoscope.core.image import Mask
from steatoscope.science.segment.torso import Torso

MIN_SPINE_BONE = 0.12
MIN_SPINE_DEPTH = 0.56
WIDTH_MM = (210.0, 650.0)
HIP_HU = 180.0
CORTEX_HU = 350.0
HIP_CM2 = (2.5, 5.0)
HIP_REACH_MM = (40.0, 165.0)


def trunk_slices(torso: Torso) -> Mask:
    """Slices of an adult's trunk above the pelvis: a spine in place, wider than a head or thigh, no hip bones."""
    width = np.array([_width(plane) for plane in torso.body]) * torso.spacing[2]
    trunk = (torso.spine_bone >= MIN_SPINE_BONE) & (width >= WIDTH_MM[0]) & (width <= WIDTH_MM[1])
    return np.asarray(trunk & _spine_behind(torso) & ~pelvic_slices(torso))


def _spine_behind(torso: Torso) -> Mask:
    """Whether the bone taken for the spine lies in the back half; a thigh's bone lies in the middle."""
    behind = np.zeros(len(torso.body), dtype=bool)
    for index, plane in enumerate(torso.body):
        rows = np.flatnonzero(plane.any(axis=1))
        if rows.size:
            behind[index] = torso.spine[index, 0] - rows[0] >= MIN_SPINE_DEPTH * (rows[-1] - rows[0])
    return behind


def _width(plane: Mask) -> int:
    columns = np.flatnonzero(plane.any(axis=0))
    return int(columns[-1] - columns[0]) + 1 if columns.size else 0


def pelvic_slices(torso: Torso) -> Mask:
    """Slices with broad bone on both sides of the spine (ilium, hip), and all slices below those."""
    _, dx = torso.millimetres_from_spine()
    hips = np.zeros(len(torso.hu), dtype=bool)
    for index in range(len(hips)):
        sides = sorted(_broadest_bone(torso, index, side * dx[index]) for side in (-1.0, 1.0))
        hips[index] = sides[0] >= HIP_CM2[0] and sides[1] >= HIP_CM2[1]
    if len(hips) >= 3:
        hips = ndimage.median_filter(hips, size=3, mode="nearest")
    return np.asarray(np.cumsum(hips[::-1])[::-1] > 0)


def _broadest_bone(torso: Torso, index: int, away: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    """Area in cm2 of the broadest piece of bone beside the spine that has a cortex (kidneys with contrast do not)."""
    reach = (away > HIP_REACH_MM[0]) & (away < HIP_REACH_MM[1])
    bone = (torso.raw[index] > HIP_HU) & torso.body[index] & reach
    labels, count = ndimage.label(ndimage.binary_fill_holes(ndimage.binary_closing(bone)))
    best = 0.0
    for piece in range(1, count + 1):
        inside = labels == piece
        if float(np.percentile(torso.raw[index][inside], 95.0)) > CORTEX_HU:
            best = max(best, float(inside.sum()) * torso.spacing[1] * torso.spacing[2] / 100.0)
    return best
