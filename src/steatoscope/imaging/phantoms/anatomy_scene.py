"""The shapes behind the simulated upper abdomen: who the person is, and where each tissue lies.

Coordinates are LPS in mm with the origin in the middle of the field of view, as in ``anatomy``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.image import Mask

Field = NDArray[np.float32]
Point = tuple[float, float, float]

TISSUES: Final = (
    "air",
    "table",
    "fat",
    "muscle",
    "bone",
    "marrow",
    "lung",
    "heart",
    "stomach",
    "gas",
    "bowel",
    "pancreas",
    "bile",
    "spleen",
    "kidney",
    "sinus",
    "liver",
    "portal",
    "hepatic_veins",
    "cava",
    "aorta",
    "lesions",
)


@dataclass(frozen=True, slots=True)
class Build:
    """What varies from person to person: half-widths of the trunk, skin fat, and shifts of organs, all in mm."""

    half_width: float
    half_depth: float
    skin_fat: float
    liver_tip: float
    dome: float
    left_lobe: float
    spleen_scale: float
    sway: tuple[float, float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Build:
        """A random adult that fits a field of view of 350 mm."""
        return cls(
            half_width=float(rng.uniform(142.0, 162.0)),
            half_depth=float(rng.uniform(100.0, 116.0)),
            skin_fat=float(rng.uniform(10.0, 22.0)),
            liver_tip=float(rng.uniform(-92.0, -70.0)),
            dome=float(rng.uniform(76.0, 88.0)),
            left_lobe=float(rng.uniform(25.0, 60.0)),
            spleen_scale=float(rng.uniform(0.88, 1.12)),
            sway=(float(rng.normal(0.0, 3.0)), float(rng.normal(0.0, 3.0)), float(rng.normal(0.0, 4.0))),
        )


class Scene:
    """Paints tissue after tissue over the grid; later ones cover earlier ones where they may."""

    def __init__(
        self, x: Field, y: Field, z: Field, build: Build, rng: np.random.Generator, shape: tuple[int, int, int]
    ) -> None:
        self.x, self.y, self.z, self.build, self.rng = x, y, z, build, rng
        self.labels = np.zeros(shape, dtype=np.uint8)
        self.wall_depth = self._depth_below_skin() - build.skin_fat
        self.liver = np.zeros(shape, dtype=bool)

    def paint(self, tissue: str, where: Mask) -> None:
        """Give a tissue to some voxels."""
        self.labels[np.broadcast_to(where, self.labels.shape)] = TISSUES.index(tissue)

    def _depth_below_skin(self) -> Field:
        """Approximate distance in mm below the skin, negative outside: an oval trunk, flatter at the back."""
        b = self.build
        depth = np.where(self.y > 0.0, b.half_depth * 0.92, b.half_depth)
        radius = ((np.abs(self.x) / b.half_width) ** 2.3 + (np.abs(self.y) / depth) ** 2.3) ** (1.0 / 2.3)
        level = (1.0 - radius) * 0.5 * (b.half_width + b.half_depth)
        return np.asarray(level, dtype=np.float32)

    def ellipsoid(self, centre: Point, axes: Point, tilt: float = 0.0) -> Mask:
        """Voxels in an ellipsoid; ``tilt`` leans its upper end towards the patient's left, in mm of x per mm of z."""
        dx = self.x - centre[0] - tilt * (self.z - centre[2])
        inside = (dx / axes[0]) ** 2 + ((self.y - centre[1]) / axes[1]) ** 2 + ((self.z - centre[2]) / axes[2]) ** 2
        return np.asarray(inside <= 1.0, dtype=bool)

    def tube(self, start: Point, end: Point, radius: float, end_radius: float | None = None) -> Mask:
        """Voxels in a straight tube that may taper, with round ends."""
        a = start
        way = (end[0] - a[0], end[1] - a[1], end[2] - a[2])
        length = sum(step * step for step in way)
        t = ((self.x - a[0]) * way[0] + (self.y - a[1]) * way[1] + (self.z - a[2]) * way[2]) / length
        t = np.clip(t, 0.0, 1.0)
        apart = (
            (self.x - a[0] - t * way[0]) ** 2 + (self.y - a[1] - t * way[1]) ** 2 + (self.z - a[2] - t * way[2]) ** 2
        )
        width = radius + t * ((radius if end_radius is None else end_radius) - radius)
        return np.asarray(apart <= width**2, dtype=bool)

    def trunk(self) -> None:
        """Couch, skin fat, wall, back muscles, spine and ribs."""
        depth = self.wall_depth
        self.paint("table", np.abs(self.y - self.build.half_depth * 0.92 - 14.0 + (self.x / 90.0) ** 2) < 4.0)
        self.paint("fat", depth > -self.build.skin_fat)
        self.paint("muscle", (depth > 0.0) & (depth < 11.0))
        self.paint("fat", depth >= 11.0)
        for side in (-1.0, 1.0):
            self.paint("muscle", self.ellipsoid((side * 36.0, 72.0, 0.0), (32.0, 19.0, 900.0)) & (depth > 0.0))
            self.paint("muscle", self.ellipsoid((side * 38.0, 46.0, -90.0), (16.0, 18.0, 60.0)))
        self.paint("bone", self.ellipsoid((0.0, 48.0, 0.0), (23.0, 18.0, 900.0)))
        self.paint("marrow", self.ellipsoid((0.0, 48.0, 0.0), (20.0, 15.0, 900.0)))
        self.paint("bone", self.tube((0.0, 66.0, -200.0), (0.0, 66.0, 200.0), 13.0))
        self.paint("muscle", self.tube((0.0, 70.0, -200.0), (0.0, 70.0, 200.0), 8.0))
        self._ribs()

    def _ribs(self) -> None:
        """Ribs run downwards from back to front within the wall."""
        angle = np.arctan2(self.x, self.y)
        height = self.z + 55.0 * (1.0 - np.cos(angle / 1.25)) + 8.0
        band = np.abs((height + 400.0) % 30.0 - 15.0) < 6.5
        wall = (self.wall_depth > 1.5) & (self.wall_depth < 9.5)
        lateral = (np.abs(angle) > 0.35) & (self.z > -55.0 + 35.0 * np.abs(angle))
        self.paint("bone", wall & band & lateral)
        core = (self.wall_depth > 4.0) & (self.wall_depth < 7.5) & (np.abs((height + 400.0) % 30.0 - 15.0) < 4.0)
        self.paint("marrow", core & lateral)

    def _diaphragm(self, centre_x: float, top: float) -> Field:
        return top - ((self.x - centre_x) / 88.0) ** 2 * 45.0 - ((self.y - 0.0) / 85.0) ** 2 * 32.0

    def chest(self) -> None:
        """Lungs above the two domes of the diaphragm, and the heart."""
        cavity = self.wall_depth > 11.0
        right = (self.x < -12.0) & (self.z > self._diaphragm(-62.0, self.build.dome))
        left = (self.x > 12.0) & (self.z > self._diaphragm(72.0, self.build.dome - 12.0))
        near_spine = (np.abs(self.x) < 30.0) & (self.y > 20.0)
        self.paint("lung", cavity & (right | left) & ~near_spine)
        self.paint("heart", self.ellipsoid((22.0, -42.0, self.build.dome + 24.0), (52.0, 40.0, 34.0)) & cavity)

    def gut(self) -> None:
        """Stomach with gas, pancreas, and some bowel."""
        cavity = (self.wall_depth > 13.0) & (self.labels == TISSUES.index("fat"))
        stomach = self.ellipsoid((62.0, -28.0, 28.0), (40.0, 40.0, 42.0), tilt=0.3) & cavity
        self.paint("stomach", stomach)
        self.paint("gas", stomach & self.ellipsoid((60.0, -52.0, 28.0), (28.0, 10.0, 30.0)))
        self.paint("pancreas", self.tube((-15.0, -2.0, -22.0), (70.0, 18.0, 8.0), 10.0, 8.0) & cavity)
        for _ in range(14):
            place = (self.rng.uniform(-60.0, 100.0), self.rng.uniform(-70.0, 5.0), self.rng.uniform(-110.0, -45.0))
            self.paint("bowel", self.ellipsoid(place, (24.0, 17.0, 17.0)) & cavity)
            if self.rng.random() < 0.4:
                self.paint("gas", self.ellipsoid((place[0], place[1] - 6.0, place[2]), (11.0, 6.0, 9.0)) & cavity)

    def organs(self) -> None:
        """Liver, spleen, kidneys in their fat, and gall bladder."""
        cavity = self.wall_depth > 12.0
        free = cavity & ~np.isin(self.labels, [TISSUES.index(name) for name in ("bone", "marrow", "lung", "heart")])
        sx, sy, sz = self.build.sway
        self.liver = self._liver_shape() & free
        self.paint("liver", self.liver)
        size = self.build.spleen_scale
        edge = self.build.half_width - self.build.skin_fat
        spleen = self.ellipsoid((edge - 36.0, 38.0 + sy, 18.0 + sz), (30.0 * size, 45.0 * size, 54.0 * size), tilt=-0.1)
        self.paint(
            "spleen", spleen & (self.wall_depth > 14.0) & (self.z < self._diaphragm(72.0, self.build.dome - 15.0))
        )
        for side, low in ((-1.0, -58.0), (1.0, -46.0)):
            centre = (side * 62.0 + sx, 42.0 + sy, low + sz)
            self.paint("fat", self.ellipsoid(centre, (31.0, 34.0, 58.0), tilt=-0.12 * side) & free)
            self.paint("kidney", self.ellipsoid(centre, (25.0, 27.0, 52.0), tilt=-0.12 * side) & free)
            self.paint("sinus", self.ellipsoid((centre[0] - side * 8.0, *centre[1:]), (9.0, 8.0, 24.0)))
        self.liver &= self.labels == TISSUES.index("liver")
        bile = self.ellipsoid((-48.0, -42.0, self.build.liver_tip + 38.0), (14.0, 17.0, 26.0))
        self.paint("bile", bile & cavity)
        self.liver &= ~bile

    def _liver_shape(self) -> Mask:
        """Right lobe under the dome down to its tip; the under-surface rises to a flat left lobe in front."""
        b = self.build
        wobble = 4.0 * self._smooth_noise(30.0)
        under = b.liver_tip + 0.55 * (self.x + 120.0) + 0.10 * np.maximum(self.y, -40.0) + wobble
        back = np.clip(88.0 - 2.0 * (self.x + 52.0), -14.0 - 0.35 * (self.x + 10.0), 88.0) + wobble
        tip = b.left_lobe + wobble - self.x - 0.25 * np.maximum(self.y + 60.0, 0.0)
        over = np.maximum(self._diaphragm(-62.0, b.dome) - 4.0, self._diaphragm(15.0, b.dome - 24.0))
        over = np.minimum(over, b.dome - 10.0 - 0.5 * (self.x + 20.0))
        return np.asarray((self.z > under) & (self.z < over) & (self.y < back) & (tip > 0.0), dtype=bool)

    def _smooth_noise(self, scale_mm: float) -> Field:
        """Unit-variance noise that is smooth over ``scale_mm``."""
        steps = [
            max(float(np.diff(axis.ravel())[0]) if axis.size > 1 else 1.0, 1e-6) for axis in (self.z, self.y, self.x)
        ]
        noise = ndimage.gaussian_filter(
            self.rng.standard_normal(self.labels.shape, dtype=np.float32), [scale_mm / s for s in steps]
        )
        return np.asarray(noise / max(float(noise.std()), 1e-12), dtype=np.float32)

    def vessels(self) -> None:
        """Portal and hepatic veins, cava and aorta."""
        b = self.build
        porta = (-28.0, 0.0, -2.0)
        portal = self.tube((12.0, 8.0, -25.0), porta, 7.0)
        portal |= self.tube(porta, (-95.0, 22.0, 5.0), 6.0, 3.0) | self.tube(porta, (-85.0, -35.0, 15.0), 5.0, 2.5)
        portal |= self.tube(porta, (10.0, -45.0, 30.0), 5.0, 2.5)
        trunk = (-22.0, 22.0, b.dome - 22.0)
        veins = self.tube(trunk, (-115.0, 30.0, 8.0), 5.5, 2.5) | self.tube(trunk, (-70.0, -40.0, 22.0), 5.5, 2.5)
        veins |= self.tube(trunk, (5.0, -50.0, 40.0), 5.0, 2.5)
        self.paint("portal", portal & (self.liver | (self.labels == TISSUES.index("fat"))) & (self.wall_depth > 14.0))
        self.paint("hepatic_veins", veins & self.liver)
        self.paint("cava", self.tube((-20.0, 22.0, -200.0), (-20.0, 20.0, b.dome + 5.0), 11.5))
        self.paint("aorta", self.tube((10.0, 22.0, -200.0), (6.0, 24.0, 200.0), 10.5))

    def lesions(self, count: int) -> None:
        """Round lesions of 12 to 30 mm with their centres 12 mm or more inside the liver."""
        if count == 0:
            return
        steps = [float(np.diff(axis.ravel())[0]) if axis.size > 1 else 1.0 for axis in (self.z, self.y, self.x)]
        deep = np.argwhere(ndimage.distance_transform_edt(self.liver, sampling=steps) > 12.0)
        if deep.size == 0:
            return
        for k, i, j in deep[self.rng.choice(len(deep), size=count, replace=len(deep) < count)]:
            radius = float(self.rng.uniform(6.0, 15.0))
            centre = (float(self.x.ravel()[j]), float(self.y.ravel()[i]), float(self.z.ravel()[k]))
            self.paint("lesions", self.ellipsoid(centre, (radius, radius, radius)) & self.liver)
