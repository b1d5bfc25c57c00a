"""The aorta on CT: a round, even disc in front of the spine that continues from slice to slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.canonical import Triple
from steatoscope.science.segment.morphology import closed, depth_mm, dilated, disc_mean, gaussian_mm

RADII_MM = (8.0, 10.0, 12.0, 14.0)
CANDIDATES = 10
VERTEBRA_HU = 85.0
VERTEBRA_RADII_MM = (9.0, 11.0, 13.0, 15.0)
VERTEBRA_HEIGHT_MM = 62.0
JUMP_MM = 6.0
MIN_SCORE = 0.25


@dataclass(frozen=True, eq=False)
class Tube:
    """The aorta's mask on the grid it was looked for, the median HU of its discs, and a score (0-1)."""

    mask: Mask
    hu: float
    score: float


@dataclass(frozen=True)
class _Spot:
    score: float
    row: int
    col: int
    radius: float
    hu: float


def find_aorta(raw: Floats, spacing: Triple, spine: NDArray[np.float64]) -> Tube | None:
    """The aorta on a canonical array in HU of shape (slices, rows, columns), spacing in mm.

    ``spine`` (slices, 2) is the vertebra's row and column in each slice. None where no disc is convincing.
    """
    hu = gaussian_mm(np.clip(raw, -200.0, 500.0), (1e9, spacing[1], spacing[2]), 1.2)
    bodies = [vertebra(hu[k], spine[k], spacing) for k in range(len(hu))]
    spots = [_spots(hu[k], spacing, spine[k], bodies[k]) for k in range(len(hu))]
    path = _path(spots, spacing)
    kept = [spot for spot in path if spot is not None and spot.score > MIN_SCORE]
    if not kept:
        return None
    mask = np.zeros(hu.shape, dtype=bool)
    for k, spot in enumerate(path):
        if spot is not None and spot.score > MIN_SCORE:
            _stamp(mask[k], spot, spacing)
    score = float(np.mean([spot.score for spot in kept]))
    return Tube(mask, float(np.median([spot.hu for spot in kept])), min(1.0, score))


def vertebra(plane: Floats, spine: NDArray[np.float64], spacing: Triple) -> Mask:
    """The vertebral body or intervertebral disc of one slice: the bulk brighter than muscle next to the spine point.

    Openings of rising width part it from a bright aorta in front, until its height is a vertebra's.
    """
    none: Mask = np.zeros(plane.shape, dtype=bool)
    solid = np.asarray(ndimage.binary_fill_holes(closed((plane > VERTEBRA_HU)[None], spacing, 3.0)[0]))
    depth = depth_mm(solid[None], spacing)[0]
    rows, cols = np.indices(plane.shape)
    away = np.hypot((rows - spine[0] + 10.0 / spacing[1]) * spacing[1], (cols - spine[1]) * 1.6 * spacing[2])
    for radius in VERTEBRA_RADII_MM:
        labels, count = ndimage.label(depth > radius)
        if count == 0:
            return none
        nearest = ndimage.minimum(away, labels, np.arange(1, count + 1))
        if nearest.min() > 28.0:
            return none
        core = np.asarray(labels == int(np.argmin(nearest)) + 1)
        height = float(np.ptp(np.flatnonzero(core.any(axis=1)))) * spacing[1] + 2.0 * radius
        if height <= VERTEBRA_HEIGHT_MM:
            return np.asarray(dilated(core[None], spacing, radius + 1.0)[0])
    return none


def _front_mm(body: Mask, spine: NDArray[np.float64], spacing: Triple) -> float:
    """Distance from the spine point to the front of the vertebra, held within what vertebrae allow."""
    col = round(float(spine[1]))
    half = max(1, round(8.0 / spacing[2]))
    rows = np.flatnonzero(body[:, max(col - half, 0) : col + half + 1].any(axis=1))
    reach = (float(spine[0]) - float(rows.min())) * spacing[1] if rows.size else 25.0
    return float(np.clip(reach, 12.0, 50.0))


def _spots(plane: Floats, spacing: Triple, spine: NDArray[np.float64], body: Mask) -> list[_Spot]:
    """The best discs of one slice outside the vertebra, at most one in each neighbourhood."""
    front_mm = _front_mm(body, spine, spacing)
    top = max(0, round(float(spine[0]) - (front_mm + 65.0) / spacing[1]))
    left = max(0, round(float(spine[1]) - 50.0 / spacing[2]))
    window = plane[top : round(float(spine[0]) + 25.0 / spacing[1]), left : round(float(spine[1]) + 70.0 / spacing[2])]
    if min(window.shape) < 10:
        return []
    prior = _place(window.shape, (top, left), spacing, spine, front_mm)
    prior[body[top : top + window.shape[0], left : left + window.shape[1]]] = 0.0
    found: list[_Spot] = []
    for radius in RADII_MM:
        score, mean = _disc_score(window, spacing, radius)
        score = np.where(prior > 0.05, score * prior, 0.0)
        found += _peaks(score, mean, radius, spacing, (top, left))
    return sorted(found, key=lambda spot: -spot.score)[:CANDIDATES]


def _place(
    shape: tuple[int, ...], origin: tuple[int, int], spacing: Triple, spine: NDArray[np.float64], front_mm: float
) -> NDArray[np.float64]:
    rows, cols = np.indices(shape)
    dy = (rows + origin[0] - spine[0]) * spacing[1] + front_mm
    dx = (cols + origin[1] - spine[1]) * spacing[2]
    ahead = np.where(dy < -10.0, (dy + 10.0) / 30.0, (dy + 10.0) / 10.0)
    return np.asarray(np.exp(-0.5 * (((dx - 12.0) / 16.0) ** 2 + ahead**2)))


def _disc_score(window: Floats, spacing: Triple, radius: float) -> tuple[NDArray[np.float64], Floats]:
    """How much a disc is even inside and different outside, 0-1 and a little more for bright vessels; and its mean."""
    flat = window[None]
    mean = disc_mean(flat, spacing, radius - 2.0)[0]
    spread = np.sqrt(np.maximum(disc_mean(flat**2, spacing, radius - 2.0)[0] - mean**2, 0.0))
    share = _ring_share(window, mean, spacing, radius)
    even = np.exp(-0.5 * (spread / np.maximum(10.0, 0.07 * np.abs(mean))) ** 2)
    tissue = (mean > 10.0) & (mean < 480.0)
    bright = 1.0 + 0.4 * np.clip((mean - 70.0) / 80.0, 0.0, 1.0)
    return np.where(tissue, share * even * bright, 0.0), mean


def _ring_share(window: Floats, mean: Floats, spacing: Triple, radius: float) -> NDArray[np.float64]:
    """Share of the ring around each disc that leaves the disc's mean by 15 HU (half a point) or 40 HU (a point)."""
    ry, rx = (int(np.ceil((radius + 4.0) / s)) for s in spacing[1:])
    padded = np.pad(window, ((ry, ry), (rx, rx)), mode="edge")
    total = np.zeros(window.shape)
    count = 0
    for dy in range(-ry, ry + 1):
        for dx in range(-rx, rx + 1):
            if radius + 1.0 < np.hypot(dy * spacing[1], dx * spacing[2]) <= radius + 4.0:
                part = padded[ry + dy : ry + dy + window.shape[0], rx + dx : rx + dx + window.shape[1]]
                away = np.abs(part - mean)
                total += 0.5 * (away > 15.0) + 0.5 * (away > 40.0)
                count += 1
    return total / max(count, 1)


def _peaks(
    score: NDArray[np.float64], mean: Floats, radius: float, spacing: Triple, origin: tuple[int, int]
) -> list[_Spot]:
    size = [max(3, round(8.0 / s)) for s in spacing[1:]]
    top = (score == ndimage.maximum_filter(score, size=size)) & (score > 0.1)
    return [
        _Spot(float(score[r, c]), int(r) + origin[0], int(c) + origin[1], radius, float(mean[r, c]))
        for r, c in zip(*np.nonzero(top), strict=True)
    ]


def _path(spots: list[list[_Spot]], spacing: Triple) -> list[_Spot | None]:
    """The chain of discs, one a slice, with the highest sum of scores less the cost of jumps."""
    best: list[list[tuple[float, int]]] = []
    last: list[_Spot] = []
    for here in spots:
        row: list[tuple[float, int]] = []
        for spot in here:
            options = [(best[-1][k][0] - _jump(old, spot, spacing), k) for k, old in enumerate(last)] if last else []
            base, link = max(options, default=(0.0, -1))
            row.append((spot.score + max(base, 0.0), link if base > 0.0 else -1))
        best.append(row)
        last = here
    return _trace(best, spots)


def _jump(a: _Spot, b: _Spot, spacing: Triple) -> float:
    step = float(np.hypot((a.row - b.row) * spacing[1], (a.col - b.col) * spacing[2]))
    return (step / JUMP_MM) ** 2 * 0.2 + abs(a.hu - b.hu) / 100.0


def _trace(best: list[list[tuple[float, int]]], spots: list[list[_Spot]]) -> list[_Spot | None]:
    path: list[_Spot | None] = [None] * len(best)
    link = -1
    for k in range(len(best) - 1, -1, -1):
        if not best[k]:
            link = -1
            continue
        choice = link if link >= 0 else int(np.argmax([value for value, _ in best[k]]))
        path[k] = spots[k][choice]
        link = best[k][choice][1]
    return path


def _stamp(plane: Mask, spot: _Spot, spacing: Triple) -> None:
    rows, cols = np.indices(plane.shape)
    distance = np.hypot((rows - spot.row) * spacing[1], (cols - spot.col) * spacing[2])
    plane |= distance <= spot.radius
