"""The body wall before the probe: skin, fat and muscle in layers that follow the face, and how the probe touches it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from steatoscope.core.image import Floats, Mask
from steatoscope.imaging.phantoms.us_canvas import Tissue
from steatoscope.imaging.phantoms.us_scanconvert import Values


@dataclass(frozen=True, slots=True)
class BodyWall:
    """Layers in cm: ``skin``, ``fat`` and ``muscle``; ``tilt`` and ``wave`` let their depth vary across the picture.

    ``dark_side`` (-1 or 1) is where the probe touches worst, by ``dark_db`` at the rim.
    """

    skin: float
    fat: float
    muscle: float
    tilt: float
    wave: float
    phase: float
    dark_side: int
    dark_db: float

    @property
    def thickness(self) -> float:
        """Mean thickness in cm."""
        return self.skin + self.fat + self.muscle

    def bottom(self, angle: Values) -> Values:
        """Depth of the liver's capsule in cm at angles in radians."""
        return self.thickness * self._stretch(angle)

    def _stretch(self, angle: Values) -> Values:
        return 1.0 + self.tilt * angle + self.wave * np.sin(5.0 * angle + self.phase)

    def labels(self, depth: Values, angle: Values) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """Layer labels of points at depth (cm) and angle; points below the wall get ``OTHER``."""
        d = depth / self._stretch(angle)
        edges = np.array([self.skin, self.skin + self.fat, self.thickness])
        names = np.array([Tissue.SKIN, Tissue.FAT, Tissue.MUSCLE, Tissue.OTHER], dtype=np.uint8)
        return names[np.searchsorted(edges, d, side="right")]

    def inside(self, depth: Values, angle: Values) -> Mask:
        """Points of the wall."""
        return np.asarray(depth < self.bottom(angle))

    def specular(self, depth: Values, angle: Values, rng: np.random.Generator) -> Floats:
        """Echo amplitude of fascia between and within the layers and of the liver's capsule, on a beam grid."""
        d = depth / self._stretch(angle)
        lines = [(self.skin, 18.0), (self.skin + self.fat, 17.0), (self.thickness, 16.0)]
        septa = rng.uniform(self.skin, self.thickness, 5)
        lines += [(float(place), float(rng.uniform(4.0, 13.0))) for place in septa]
        total = np.zeros(d.shape, dtype=np.float32)
        for place, level in lines:
            patchy = _patches(rng, angle.size)
            near = np.exp(-0.5 * ((d - place - 0.03 * _patches(rng, angle.size)) / 0.035) ** 2)
            total += (near * 10.0 ** ((level + 3.0 * patchy) / 20.0)).astype(np.float32)
        return total

    def contact_db(self, angle: Values, rng: np.random.Generator) -> Values:
        """Loss of each beam in dB where the probe couples unevenly; of mean near 0."""
        rim = np.clip((self.dark_side * angle / np.abs(angle).max() - 0.75) / 0.25, 0.0, 1.0)
        return np.asarray(1.0 * _patches(rng, angle.size) - self.dark_db * rim**2)


def draw_wall(rng: np.random.Generator) -> BodyWall:
    """One person's body wall: 1.2-3.2 cm thick."""
    return BodyWall(
        skin=float(rng.uniform(0.15, 0.25)),
        fat=float(rng.uniform(0.5, 2.0)),
        muscle=float(rng.uniform(0.5, 1.0)),
        tilt=float(rng.uniform(-0.15, 0.15)),
        wave=float(rng.uniform(0.02, 0.06)),
        phase=float(rng.uniform(0.0, 6.3)),
        dark_side=int(rng.choice([-1, 1])),
        dark_db=float(rng.uniform(0.0, 8.0)),
    )


def _patches(rng: np.random.Generator, count: int) -> Values:
    rough = cv2.GaussianBlur(rng.standard_normal((1, count)), (0, 0), sigmaX=14.0, sigmaY=0.1)[0]
    return np.asarray((rough - rough.mean()) / rough.std(), dtype=np.float64)
