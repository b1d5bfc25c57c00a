"""Between the picture and the beam: polar resampling, its inverse, and resampling to a physical scale.

Depth runs along the beam from the probe's face, the angle from straight down (clinical reference, section 4.4). Every
step is a registered transform, so a record of it can be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.transforms import Array, TransformRecord, apply, transform
from steatoscope.imaging.preprocess.us_sector import Sector

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PolarGrid:
    """A grid of ``depths`` x ``angles`` beams about an apex (x, y), all lengths in pixels, angles in radians.

    Row i lies at ``inner + (i + 0.5) * step`` with ``step = (outer - inner) / depths``; columns likewise.
    """

    apex: tuple[float, float]
    inner: float
    outer: float
    angle_left: float
    angle_right: float
    depths: int
    angles: int

    @classmethod
    def of(cls, sector: Sector, depths: int = 180, angles: int = 105) -> PolarGrid:
        """The grid that covers a sector."""
        return cls(
            sector.apex,
            sector.inner_radius,
            sector.outer_radius,
            sector.angle_left,
            sector.angle_right,
            depths,
            angles,
        )

    @property
    def radii(self) -> Values:
        """Radius of every row (pixels)."""
        rows = np.arange(self.depths, dtype=np.float64) + 0.5
        return np.asarray(self.inner + rows * (self.outer - self.inner) / self.depths, dtype=np.float64)

    @property
    def directions(self) -> Values:
        """Angle of every column (radians)."""
        step = (self.angle_right - self.angle_left) / self.angles
        return np.asarray(self.angle_left + (np.arange(self.angles, dtype=np.float64) + 0.5) * step, dtype=np.float64)

    def parameters(self) -> dict[str, Any]:
        """The grid as JSON-ready parameters of the transforms."""
        return {
            "apex": [float(value) for value in self.apex],
            "inner": float(self.inner),
            "outer": float(self.outer),
            "angle_left": float(self.angle_left),
            "angle_right": float(self.angle_right),
            "depths": self.depths,
            "angles": self.angles,
        }


def beam_to_plane(face_radius: float, depth: Values | float, angle: Values | float) -> tuple[Values, Values]:
    """Place (x, z) of a depth along a beam, from the centre of the face of a curved probe, z downwards.

    ``x = (R0 + d) sin(a)``, ``z = (R0 + d) cos(a) - R0`` in the unit of ``face_radius``, angles in radians.
    """
    reach = face_radius + np.asarray(depth, dtype=np.float64)
    return reach * np.sin(angle), reach * np.cos(angle) - face_radius


def plane_to_beam(face_radius: float, x: Values | float, z: Values | float) -> tuple[Values, Values]:
    """Depth along the beam and angle (radians) of a place (x, z): the inverse of :func:`beam_to_plane`."""
    across, down = np.asarray(x, dtype=np.float64), np.asarray(z, dtype=np.float64) + face_radius
    return np.hypot(across, down) - face_radius, np.arctan2(across, down)


def to_polar(image: Array, grid: PolarGrid) -> tuple[Array, TransformRecord]:
    """Resample a picture (rows, columns) to (depths, angles) float32, zero outside the picture; and its record."""
    return apply("us.to_polar", image, **grid.parameters())


def from_polar(polar: Array, grid: PolarGrid, shape: tuple[int, int]) -> tuple[Array, TransformRecord]:
    """Map (depths, angles) back to a picture of a shape, float32, zero outside the sector; and its record."""
    return apply("us.from_polar", polar, **grid.parameters(), rows=shape[0], columns=shape[1])


def to_physical(image: Array, pixel_mm: tuple[float, float] | None, target_mm: float) -> tuple[Array, TransformRecord]:
    """Resample a picture to square pixels of ``target_mm``, float32, and the record of it.

    Raises E_SCALE where the pixel size is unknown or not positive.
    """
    if pixel_mm is None or min(pixel_mm) <= 0 or target_mm <= 0:
        raise SteatoscopeError("E_SCALE", cause="The pixel size of the ultrasound image is unknown.")
    rows = max(1, round(image.shape[0] * pixel_mm[0] / target_mm))
    columns = max(1, round(image.shape[1] * pixel_mm[1] / target_mm))
    return apply("us.resize", image, rows=rows, columns=columns)


def _grid(parameters: dict[str, Any]) -> PolarGrid:
    apex = parameters.pop("apex")
    return PolarGrid(apex=(float(apex[0]), float(apex[1])), **parameters)


@transform("us.to_polar")
def _to_polar(image: Array, **parameters: Any) -> Array:
    grid = _grid(dict(parameters))
    radius, angle = np.meshgrid(grid.radii, grid.directions, indexing="ij")
    x, y = grid.apex[0] + radius * np.sin(angle), grid.apex[1] + radius * np.cos(angle)
    return _sampled(image, x, y, cv2.BORDER_CONSTANT)


@transform("us.from_polar")
def _from_polar(polar: Array, *, rows: int, columns: int, **parameters: Any) -> Array:
    grid = _grid(dict(parameters))
    y, x = np.indices((rows, columns), dtype=np.float64)
    radius, angle = np.hypot(x - grid.apex[0], y - grid.apex[1]), np.arctan2(x - grid.apex[0], y - grid.apex[1])
    row = (radius - grid.inner) / (grid.outer - grid.inner) * grid.depths - 0.5
    column = (angle - grid.angle_left) / (grid.angle_right - grid.angle_left) * grid.angles - 0.5
    inside = (row >= -0.5) & (row <= grid.depths - 0.5) & (column >= -0.5) & (column <= grid.angles - 0.5)
    return np.where(inside, _sampled(polar, column, row, cv2.BORDER_REPLICATE), np.float32(0.0))


@transform("us.resize")
def _resize(image: Array, *, rows: int, columns: int) -> Array:
    shrinks = rows * columns < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image.astype(np.float32), (columns, rows), interpolation=method), dtype=np.float32)


def _sampled(image: Array, x: Values, y: Values, border: int) -> NDArray[np.float32]:
    source = np.ascontiguousarray(image, dtype=np.float32)
    values = cv2.remap(
        source, x.astype(np.float32), y.astype(np.float32), interpolation=cv2.INTER_LINEAR, borderMode=border
    )
    return np.asarray(values, dtype=np.float32)
