"""The near and far arcs of an ultrasound sector, and the straight cuts of its display window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.imaging.preprocess.us_edges import EdgePair
from steatoscope.imaging.preprocess.us_foreground import Foreground

_BINS = 80
_INNER_TOLERANCE, _OUTER_TOLERANCE = 2.5, 4.0
_RUN = 18
_EDGE_CONTRAST = 12.0
_DARK_END = 0.35


@dataclass(frozen=True, slots=True)
class Arcs:
    """Radii (pixels) of the probe's face and of the far end; shares (0-1) of directions that agree with each."""

    inner: float
    outer: float
    farthest: float
    inner_share: float
    outer_share: float


@dataclass(frozen=True, slots=True)
class Window:
    """Straight cuts of the picture in pixels, None where there is none."""

    left: float | None = None
    right: float | None = None
    top: float | None = None
    bottom: float | None = None

    def mask(self, shape: tuple[int, ...]) -> Mask:
        """Pixels within the cuts, of shape (rows, columns)."""
        y, x = np.indices(shape[:2])
        inside = np.ones(shape[:2], dtype=bool)
        inside &= x >= (-1 if self.left is None else self.left)
        inside &= x <= (shape[1] if self.right is None else self.right)
        inside &= y >= (-1 if self.top is None else self.top)
        inside &= y <= (shape[0] if self.bottom is None else self.bottom)
        return inside


def arcs(pair: EdgePair, front: Foreground) -> Arcs:
    """The dominant near and far radius about the apex of a pair of edges."""
    near = _by_direction(pair, front.outline.columns, front.outline.top, nearest=True)
    far = _by_direction(pair, front.outline.columns, front.outline.bottom, nearest=False)
    if near.size == 0 or far.size == 0:
        return Arcs(0.0, 0.0, 0.0, 0.0, 0.0)
    inner, inner_count = _dominant(near, -1.0, _INNER_TOLERANCE)
    outer, outer_count = _dominant(far, 1.0, _OUTER_TOLERANCE)
    return Arcs(inner, outer, float(np.percentile(far, 98)), inner_count / _BINS, outer_count / _BINS)


def faint_end(pair: EdgePair, bounds: Arcs, smoothed: Floats, level: float) -> float:
    """The far radius (pixels), moved out to scattered echoes where the far end lies mostly in the dark.

    Only echoes away from the edges and at most 15 % deeper count: body marks and text stand in the corners.
    """
    if bounds.outer_share >= _DARK_END:
        return bounds.outer
    y, x = np.nonzero(smoothed > level)
    radius, angle = np.hypot(x - pair.apex[0], y - pair.apex[1]), np.arctan2(x - pair.apex[0], y - pair.apex[1])
    left, right = pair.angles
    place = (angle - left) / (right - left)
    beyond = (radius > bounds.outer) & (radius < 1.15 * bounds.outer) & (place > 0.1) & (place < 0.9)
    directions = np.unique((place[beyond] * _BINS).astype(int)).size
    return float(np.percentile(radius[beyond], 98)) if directions >= 3 and beyond.sum() >= 40 else bounds.outer


def straight_cuts(front: Foreground, smoothed: Floats, outer: float) -> Window:
    """Cuts of the display window: long exact runs of the outline at its extremes, where the tissue ends sharply."""
    bottom = front.outline.bottom
    lowest = float(bottom.max())
    arc_run = 2.0 * np.sqrt(2.0 * outer * 3.0)
    flat = float((np.abs(bottom - lowest) <= 1.5).sum()) > 1.6 * arc_run
    return Window(
        left=_side_cut(front, smoothed, front.outline.left, -1),
        right=_side_cut(front, smoothed, front.outline.right, 1),
        bottom=lowest if flat else None,
    )


def _side_cut(front: Foreground, smoothed: Floats, x: NDArray[np.float64], side: int) -> float | None:
    extreme = float((side * x).max() * side)
    run = np.abs(x - extreme) <= 1.0
    if run.sum() < _RUN:
        return None
    if extreme <= 3 or extreme >= smoothed.shape[1] - 4:
        return extreme
    columns = (extreme - side * np.array([3, 4, 5])).astype(int)
    inside = smoothed[front.outline.rows[run].astype(int)][:, columns].mean(axis=1)
    outside = smoothed[front.outline.rows[run].astype(int), int(extreme + 3 * side)]
    return extreme if float(np.median(inside - outside)) > _EDGE_CONTRAST else None


def _by_direction(
    pair: EdgePair, x: NDArray[np.float64], y: NDArray[np.float64], *, nearest: bool
) -> NDArray[np.float64]:
    left, right = pair.angles
    radius, angle = np.hypot(x - pair.apex[0], y - pair.apex[1]), np.arctan2(x - pair.apex[0], y - pair.apex[1])
    inside = (angle >= left) & (angle <= right)
    place = np.clip(((angle[inside] - left) / (right - left) * _BINS).astype(int), 0, _BINS - 1)
    values = np.full(_BINS, np.inf if nearest else -np.inf)
    (np.minimum if nearest else np.maximum).at(values, place, radius[inside])
    return np.asarray(values[np.isfinite(values)], dtype=np.float64)


def _dominant(values: NDArray[np.float64], sign: float, tolerance: float) -> tuple[float, int]:
    offsets = values[None] - values[:, None]
    on = (np.abs(offsets) <= tolerance).sum(axis=1)
    beyond = (sign * offsets > tolerance + 1.0).sum(axis=1)
    k = int(np.argmax(on - beyond))
    chosen = np.abs(values - values[k]) <= tolerance
    return float(np.median(values[chosen])), int(chosen.sum())
