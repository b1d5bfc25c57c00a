"""Bodies without a liver, as fields of tissue on a grid: for foreign CT and MR of the benchmark ``refusal``.

A body is an integer map (slices, rows, columns) of :data:`TISSUES`; CT gives each its HU, MR its signal and fat.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from steatoscope.core.geometry import Geometry

Body = NDArray[np.uint8]
Floats = NDArray[np.float32]
Line = NDArray[np.float64]
Rng = np.random.Generator

AIR, WATER, FAT, SOFT, LUNG, BONE, BRAIN, PLASTIC, DENSE = range(9)
TISSUES: Final = ("air", "water", "fat", "soft", "lung", "bone", "brain", "plastic", "dense")
HU: Final = (-1000.0, 0.0, -100.0, 50.0, -850.0, 700.0, 36.0, 120.0, 60.0)
SHAPE: Final = (8, 128, 128)
SPACING_MM: Final = (6.0, 3.0, 3.0)


def grid() -> Geometry:
    """The grid of all of them: 8 slices of 6 mm, 128 x 128 pixels of 3 mm."""
    return Geometry.from_spacing(SPACING_MM)


def _axes() -> tuple[Line, Line, Line]:
    """Millimetres from the middle along slices, rows and columns, ready to broadcast."""
    z, y, x = (
        np.asarray((np.arange(count) - (count - 1) / 2.0) * step, dtype=np.float64)
        for count, step in zip(SHAPE, SPACING_MM, strict=True)
    )
    return z[:, None, None], y[None, :, None], x[None, None, :]


def _ellipsoid(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> NDArray[np.bool_]:
    parts = [((axis - c) / r) ** 2 for axis, c, r in zip(_axes(), centre, radii, strict=True)]
    return np.asarray(np.broadcast_to(parts[0] + parts[1] + parts[2] <= 1.0, SHAPE))


def _tube(centre: tuple[float, float], radii: tuple[float, float]) -> NDArray[np.bool_]:
    _, y, x = _axes()
    inside = ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 <= 1.0
    return np.asarray(np.broadcast_to(inside, SHAPE))


def water_cylinder(rng: Rng) -> Body:
    """A cylinder of water in a plastic wall."""
    body = np.full(SHAPE, AIR, np.uint8)
    radius = rng.uniform(80.0, 160.0)
    body[_tube((0.0, 0.0), (radius, radius))] = PLASTIC
    body[_tube((0.0, 0.0), (radius - 6.0, radius - 6.0))] = WATER
    return body


def vials(rng: Rng) -> Body:
    """A quality-control object: a cylinder of water with vials of soft, fatty and dense content."""
    body = water_cylinder(rng)
    count = int(rng.integers(5, 11))
    for k in range(count):
        angle = 2.0 * np.pi * k / count
        place = 55.0 * float(np.sin(angle)), 55.0 * float(np.cos(angle))
        radius = float(rng.uniform(9.0, 16.0))
        body[_tube(place, (radius, radius))] = int(rng.choice([FAT, SOFT, DENSE, PLASTIC]))
    return body


def ellipses(rng: Rng) -> Body:
    """Ellipsoids of any tissue at any place in an ellipse of soft tissue."""
    body = np.full(SHAPE, AIR, np.uint8)
    body[_tube((0.0, 0.0), (rng.uniform(90, 130), rng.uniform(120, 170)))] = SOFT
    for _ in range(int(rng.integers(5, 14))):
        centre = float(rng.uniform(-30, 30)), float(rng.uniform(-90, 90)), float(rng.uniform(-120, 120))
        radii = float(rng.uniform(15, 60)), float(rng.uniform(12, 40)), float(rng.uniform(12, 40))
        body[_ellipsoid(centre, radii)] = int(rng.choice([WATER, FAT, LUNG, BONE, PLASTIC, AIR]))
    return body


def head(rng: Rng) -> Body:
    """A head: skin, skull, brain and ventricles."""
    body = np.full(SHAPE, AIR, np.uint8)
    size = float(rng.uniform(0.9, 1.1))
    tall, deep, wide = 200.0, 95.0 * size, 75.0 * size
    for tissue, less in ((SOFT, 0.0), (BONE, 6.0), (BRAIN, 13.0)):
        body[_ellipsoid((0.0, 0.0, 0.0), (tall - less, deep - less, wide - less))] = tissue
    for side in (-1.0, 1.0):
        body[_ellipsoid((0.0, -5.0, 12.0 * side), (30.0, 30.0, 8.0))] = WATER
    return body


def thorax(rng: Rng) -> Body:
    """A chest: wall, two lungs, heart, spine and aorta."""
    body = np.full(SHAPE, AIR, np.uint8)
    deep, wide = float(rng.uniform(100, 125)), float(rng.uniform(150, 180))
    body[_tube((0.0, 0.0), (deep, wide))] = FAT
    body[_tube((0.0, 0.0), (deep - 14.0, wide - 14.0))] = SOFT
    for side in (-1.0, 1.0):
        body[_tube((-5.0, 75.0 * side), (deep - 32.0, 62.0))] = LUNG
    body[_tube((-25.0, 20.0), (float(rng.uniform(30, 42)), float(rng.uniform(40, 55))))] = SOFT
    body[_tube((deep - 40.0, 0.0), (20.0, 18.0))] = BONE
    body[_tube((deep - 62.0, 14.0), (11.0, 11.0))] = SOFT
    return body


def pelvis(rng: Rng) -> Body:
    """A pelvis: wall, two hips, bladder and bowel with air."""
    body = np.full(SHAPE, AIR, np.uint8)
    deep, wide = float(rng.uniform(105, 130)), float(rng.uniform(160, 185))
    body[_tube((0.0, 0.0), (deep, wide))] = FAT
    body[_tube((5.0, 0.0), (deep - 25.0, wide - 25.0))] = SOFT
    for side in (-1.0, 1.0):
        body[_tube((15.0, 105.0 * side), (38.0, 22.0))] = BONE
    body[_tube((75.0, 0.0), (16.0, 26.0))] = BONE
    body[_tube((-25.0, 0.0), (float(rng.uniform(28, 40)), float(rng.uniform(35, 50))))] = WATER
    for _ in range(4):
        body[_tube((float(rng.uniform(10, 45)), float(rng.uniform(-60, 60))), (10.0, 12.0))] = AIR
    return body


def thighs(rng: Rng) -> Body:
    """Two thighs: fat, muscle and a bone each."""
    body = np.full(SHAPE, AIR, np.uint8)
    radius = float(rng.uniform(70, 88))
    for side in (-1.0, 1.0):
        for tissue, size in ((FAT, radius), (SOFT, radius - 14.0), (BONE, 14.0)):
            body[_tube((0.0, 92.0 * side), (size, size))] = tissue
    return body


BODIES: Final[dict[str, Callable[[Rng], Body]]] = {
    "water cylinder": water_cylinder,
    "vials": vials,
    "random ellipsoids": ellipses,
    "head": head,
    "thorax": thorax,
    "pelvis": pelvis,
    "thighs": thighs,
}


def as_hu(body: Body, rng: Rng) -> Floats:
    """A body as CT in HU with noise of SD 8-15."""
    clean = np.asarray(HU, dtype=np.float32)[body]
    noise = gaussian_filter(rng.normal(size=SHAPE), (0.0, 0.7, 0.7))
    return np.asarray(clean + noise / noise.std() * rng.uniform(8.0, 15.0), dtype=np.float32)
