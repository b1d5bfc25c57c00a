"""Sector geometry and scan conversion between beams and picture.

With the radius R0 of the probe's face, depth d from the face and angle theta from straight down:
``x = (R0 + d) sin(theta)``, ``z = (R0 + d) cos(theta) - R0``. A phased array is the case of a small R0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask

Probe = Literal["curvilinear", "sector"]
Values = NDArray[np.float64]

# Convex abdominal probe: 128 elements at 0.508 mm on a face of 49.57 mm; phased array: as seen on a cardiac scanner.
_FACE_CM: Final = {"curvilinear": 4.957, "sector": 0.1}
_HALF_ANGLE: Final = {"curvilinear": 127 * 0.0508 / 4.957 / 2.0, "sector": float(np.radians(52.5))}
_MARGIN: Final = 0.012


def from_beams(d: Values, theta: Values, face: float) -> tuple[Values, Values]:
    """Position (x, z) of points at depth ``d`` and angle ``theta`` (radians), all lengths in the unit of ``face``."""
    return (face + d) * np.sin(theta), (face + d) * np.cos(theta) - face


def to_beams(x: Values, z: Values, face: float) -> tuple[Values, Values]:
    """Depth and angle (radians) of points (x, z); the inverse of :func:`from_beams`."""
    return np.hypot(x, z + face) - face, np.arctan2(x, z + face)


@dataclass(frozen=True, slots=True)
class ScanGeometry:
    """Where a sector lies in a picture of ``size`` (rows, columns): apex (x, y) in pixels, lengths in cm, radians."""

    probe: Probe
    size: tuple[int, int]
    apex: tuple[float, float]
    px_per_cm: float
    face_cm: float
    depth_cm: float
    half_angle: float

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Pixel size (row, column) in mm."""
        return 10.0 / self.px_per_cm, 10.0 / self.px_per_cm

    def positions(self) -> tuple[Values, Values]:
        """Position (x, z) in cm of every pixel, z downwards from the middle of the probe's face."""
        y, x = np.indices(self.size, dtype=np.float64)
        return (x - self.apex[0]) / self.px_per_cm, (y - self.apex[1]) / self.px_per_cm - self.face_cm

    def beams(self) -> tuple[Values, Values]:
        """Depth (cm) and angle (radians) of every pixel."""
        x, z = self.positions()
        return to_beams(x, z, self.face_cm)

    def mask(self) -> Mask:
        """Pixels of the sector."""
        depth, angle = self.beams()
        return (depth >= 0.0) & (depth <= self.depth_cm) & (np.abs(angle) <= self.half_angle)

    def document(self) -> dict[str, Any]:
        """JSON-ready geometry, in pixels and radians."""
        return {
            "probe": self.probe,
            "apex_px": [self.apex[0], self.apex[1]],
            "inner_radius_px": self.face_cm * self.px_per_cm,
            "outer_radius_px": (self.face_cm + self.depth_cm) * self.px_per_cm,
            "angle_left_rad": -self.half_angle,
            "angle_right_rad": self.half_angle,
            "pixel_mm": list(self.pixel_mm),
        }


def scan_geometry(probe: Probe, size: tuple[int, int], depth_cm: float) -> ScanGeometry:
    """The largest upright sector of a probe and depth that fits into a picture of ``size`` (rows, columns)."""
    face, half = _FACE_CM[probe], _HALF_ANGLE[probe]
    top = face * float(np.cos(half))
    height, width = face + depth_cm - top, 2.0 * (face + depth_cm) * float(np.sin(half))
    rows, columns = size
    room = 1.0 - 2.0 * _MARGIN
    scale = min(rows * room / height, columns * room / width)
    apex = ((columns - 1) / 2.0, _MARGIN * rows - top * scale)
    return ScanGeometry(probe, size, apex, float(scale), face, depth_cm, half)


@lru_cache(maxsize=8)
def _lookup(geometry: ScanGeometry, shape: tuple[int, int]) -> tuple[Floats, Floats, Mask]:
    depth, angle = geometry.beams()
    sample = depth / geometry.depth_cm * (shape[0] - 1)
    beam = (angle / geometry.half_angle + 1.0) / 2.0 * (shape[1] - 1)
    return beam.astype(np.float32), sample.astype(np.float32), geometry.mask()


def scan_convert(polar: Floats, geometry: ScanGeometry) -> Floats:
    """A picture (rows, columns) from beams (samples, beams) that span the geometry's depth and angle; 0 outside."""
    beam, sample, mask = _lookup(geometry, (polar.shape[0], polar.shape[1]))
    picture = cv2.remap(polar, beam, sample, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.where(mask, picture, np.float32(0.0)).astype(np.float32)
