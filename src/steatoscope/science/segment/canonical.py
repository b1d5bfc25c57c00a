"""Canonical orientation and a coarse working grid, with the exact way back.

Organ finding works on arrays whose slices run feet to head, rows front to back and columns from the patient's right to
the left, at about 3 mm. A :class:`Frame` remembers how it got there and returns masks to the stored order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Floats, Mask

Triple = tuple[float, float, float]
Axes = tuple[int, int, int]
Flips = tuple[bool, bool, bool]


@dataclass(frozen=True)
class Frame:
    """From stored (slice, row, column) to canonical (feet-head, front-back, right-left) and to a coarse grid.

    ``order`` gives for each canonical axis the stored axis, ``flips`` whether it runs backwards. ``spacing`` is in mm
    along the canonical axes at full resolution, ``factors`` how many full voxels one coarse voxel averages.
    """

    order: Axes
    flips: Flips
    spacing: Triple
    factors: Axes = (1, 1, 1)

    @property
    def coarse_spacing(self) -> Triple:
        """Voxel size of the coarse grid in mm."""
        a, b, c = (s * f for s, f in zip(self.spacing, self.factors, strict=True))
        return a, b, c

    def rescaled(self, scale: float) -> Frame:
        """The same frame with all lengths multiplied by ``scale``."""
        a, b, c = (s * scale for s in self.spacing)
        return replace(self, spacing=(a, b, c))

    def with_target(self, target_mm: float) -> Frame:
        """The same frame with averaging factors that bring the coarse spacing near ``target_mm``."""
        a, b, c = (max(1, round(target_mm / s)) for s in self.spacing)
        return replace(self, factors=(a, b, c))

    def forward(self, stored: NDArray[np.generic]) -> NDArray[np.generic]:
        """A canonical view of a stored array."""
        view = np.transpose(stored, self.order)
        return view[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]

    def back(self, canonical: Mask) -> Mask:
        """The stored order of a canonical mask."""
        view = canonical[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]
        return np.ascontiguousarray(np.transpose(view, np.argsort(self.order)))

    def coarse(self, canonical: NDArray[np.float32]) -> Floats:
        """Block means of a canonical array; the last block repeats the edge where the size does not divide."""
        if self.factors == (1, 1, 1):
            return np.ascontiguousarray(canonical, dtype=np.float32)
        pads = [(0, -size % factor) for size, factor in zip(canonical.shape, self.factors, strict=True)]
        full = np.pad(canonical, pads, mode="edge") if any(after for _, after in pads) else canonical
        shape = [part for size, f in zip(full.shape, self.factors, strict=True) for part in (size // f, f)]
        return np.asarray(full.reshape(shape).mean(axis=(1, 3, 5), dtype=np.float32), dtype=np.float32)

    def fine(self, coarse: Mask, shape: tuple[int, ...]) -> Mask:
        """A coarse mask interpolated to the canonical full-resolution ``shape``."""
        if self.factors == (1, 1, 1):
            return coarse.copy()
        smooth = ndimage.zoom(
            coarse.astype(np.float32), self.factors, order=1, mode="nearest", grid_mode=True, prefilter=False
        )
        return np.asarray(smooth[tuple(slice(0, size) for size in shape)] > 0.5)


def frame_of(geometry: Geometry) -> Frame:
    """The frame of a geometry at full resolution: the closest axis permutation, oblique volumes included.

    Where the geometry is unknown the usual radiological display is assumed (rows front to back, the patient's right on
    the image's left, slices feet to head).
    """
    if not geometry.known:
        return Frame((0, 1, 2), (False, False, False), geometry.spacing)
    directions = geometry.affine[:3, :3] / np.linalg.norm(geometry.affine[:3, :3], axis=0)
    by_array = directions[:, ::-1]  # columns now in array order: slice, row, column
    rows = by_array[::-1]  # rows now in canonical order: head (S), back (P), left (L)
    order = _best_order(np.abs(rows))
    flips = tuple(bool(rows[axis, order[axis]] < 0) for axis in range(3))
    spacing = geometry.spacing
    return Frame(order, (flips[0], flips[1], flips[2]), (spacing[order[0]], spacing[order[1]], spacing[order[2]]))


def _best_order(weights: NDArray[np.float64]) -> Axes:
    orders: tuple[Axes, ...] = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    return max(orders, key=lambda order: float(sum(weights[axis, order[axis]] for axis in range(3))))
