"""A drawing board in the patient's plane: organs as labels and smooth interfaces as echo amplitude."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats

Points = NDArray[np.float64]
_SHIFT: Final = 4
_LEFT: Final = -20.0
_TOP: Final = -4.0
_CELL: Final = 0.03
_SIZE: Final = (960, 1334)
_LEAST_FACING: Final = 0.15


class Tissue(IntEnum):
    """Labels of the drawing board and of the layers of the body wall."""

    OTHER = 0
    LIVER = 1
    HEPATIC_VEIN = 2
    PORTAL = 3
    CORTEX = 4
    MEDULLA = 5
    SINUS = 6
    LUNG = 7
    SKIN = 8
    FAT = 9
    MUSCLE = 10


@dataclass(eq=False)
class Canvas:
    """Organs drawn in cm, x to the right and z down from the probe's face; later strokes cover earlier ones.

    ``face_cm`` is the radius of the probe's face: interfaces that face the beam echo more.
    """

    face_cm: float
    labels: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(_SIZE, np.uint8))
    specular: Floats = field(default_factory=lambda: np.zeros(_SIZE, np.float32))

    def region(self, outline: Points, tissue: Tissue) -> None:
        """Fill a closed outline of shape (n, 2)."""
        cv2.fillPoly(self.labels, [_cells(outline)], int(tissue), cv2.LINE_8, _SHIFT)
        cv2.fillPoly(self.specular, [_cells(outline)], 0.0, cv2.LINE_8, _SHIFT)

    def tube(self, path: Points, widths: Points, tissue: Tissue) -> None:
        """A vessel along a path (n, 2) with diameters ``widths`` (n,) in cm."""
        self.region(_tube_outline(path, widths), tissue)

    def interface(self, path: Points, width_cm: float, level_db: float) -> None:
        """A smooth surface along a path (n, 2), ``level_db`` above healthy liver where it faces the beam."""
        cells, thickness = _cells(path), max(1, round(width_cm / _CELL))
        for k in range(len(path) - 1):
            value = 10.0 ** (level_db / 20.0) * _facing(path[k], path[k + 1], self.face_cm)
            cv2.line(self.specular, cells[k], cells[k + 1], value, thickness, cv2.LINE_8, _SHIFT)

    def places(self, x: Points, z: Points) -> tuple[Floats, Floats]:
        """Column and row on the board of positions in cm, as OpenCV's remap takes them."""
        return ((x - _LEFT) / _CELL).astype(np.float32), ((z - _TOP) / _CELL).astype(np.float32)

    def labels_at(self, x: Points, z: Points) -> NDArray[np.uint8]:
        """Labels at positions in cm, of their shape."""
        column, row = self.places(x, z)
        return np.asarray(cv2.remap(self.labels, column, row, cv2.INTER_NEAREST), dtype=np.uint8)

    def specular_at(self, x: Points, z: Points) -> Floats:
        """Echo amplitude of interfaces at positions in cm, relative to healthy liver."""
        column, row = self.places(x, z)
        return np.asarray(cv2.remap(self.specular, column, row, cv2.INTER_LINEAR), dtype=np.float32)


def ellipse(centre: tuple[float, float], axes: tuple[float, float], tilt: float, n: int = 96) -> Points:
    """Outline (n, 2) of an ellipse with half axes in cm, turned by ``tilt`` radians clockwise on the picture."""
    t = np.linspace(0.0, 2.0 * np.pi, n, endpoint=False)
    u, v = axes[0] * np.cos(t), axes[1] * np.sin(t)
    c, s = np.cos(tilt), np.sin(tilt)
    return np.stack([centre[0] + u * c - v * s, centre[1] + u * s + v * c], axis=1)


def smooth_path(corners: Points, *, closed: bool, rounds: int = 4) -> Points:
    """A polyline (n, 2) with its corners cut round after round (Chaikin, 1974)."""
    path = np.asarray(corners, dtype=np.float64)
    for _ in range(rounds):
        ends = np.roll(path, -1, axis=0) if closed else path[1:]
        starts = path if closed else path[:-1]
        cut = np.stack([0.75 * starts + 0.25 * ends, 0.25 * starts + 0.75 * ends], axis=1).reshape(-1, 2)
        path = cut if closed else np.concatenate([path[:1], cut, path[-1:]])
    return path


def _tube_outline(path: Points, widths: Points) -> Points:
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * widths[:, None] / 2.0
    return np.concatenate([path + across, (path - across)[::-1]])


def _cells(points: Points) -> NDArray[np.int32]:
    place = (np.asarray(points) - (_LEFT, _TOP)) / _CELL
    return np.round(place * 2**_SHIFT).astype(np.int32)


def _facing(a: Points, b: Points, face_cm: float) -> float:
    beam = (a + b) / 2.0 + (0.0, face_cm)
    along = b - a
    lengths = float(np.linalg.norm(beam) * np.linalg.norm(along))
    if lengths == 0.0:
        return 0.0
    cosine = abs(float(beam[0] * along[1] - beam[1] * along[0])) / lengths
    return max(_LEAST_FACING, cosine**3)
