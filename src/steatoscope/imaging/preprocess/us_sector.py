"""The scan sector of an ultrasound picture, found from its pixels.

The edges are straight lines that cross in the apex, the face of the probe and the far end are arcs about it (clinical
reference, section 4.4). The picture may be cut by its frame or by a display window; text, ECG traces, ticks and grey
bars outside the sector stay outside the mask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Clip, Floats, Mask
from steatoscope.imaging.preprocess.us_bounds import Window, arcs, faint_end, straight_cuts
from steatoscope.imaging.preprocess.us_edges import EdgePair, edge_pairs
from steatoscope.imaging.preprocess.us_foreground import Foreground, filled, foregrounds, inset, smooth

Kind = Literal["curvilinear", "sector", "linear", "other"]

_WORKING_SIDE = 640.0
_FRAMES_USED = 32
_ARC_WEIGHT, _ABOVE_FILL = 0.5, 1.05
_SHARP, _PAINTED_RIM, _PAINTED_AGREEMENT = 0.97, 3, 0.8
_LEAST_COVERED, _LEAST_AGREEMENT = 0.8, 0.3
_LINEAR_FILL = 0.93
_FAR_APEX = 1e5


@dataclass(frozen=True, eq=False)
class Sector:
    """The part of an ultrasound picture that shows tissue.

    ``mask`` has the picture's shape (rows, columns). ``apex`` (x, y), ``inner_radius`` and ``outer_radius`` are in
    pixels, angles in radians from straight down, positive to the right. A linear probe has its apex 100,000 pixels
    above the picture, so that depth along the beam and the polar grid mean the same for every kind. ``confidence``
    (0-1) is the share of the outline that the shape explains.
    """

    mask: Mask
    apex: tuple[float, float]
    inner_radius: float
    outer_radius: float
    angle_left: float
    angle_right: float
    kind: Kind
    confidence: float

    def polar(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Radius (pixels) and angle (radians) of every pixel about the apex, each of the mask's shape."""
        return polar_coordinates(self.mask.shape, self.apex)


def polar_coordinates(
    shape: tuple[int, ...], apex: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Radius (pixels) and angle (radians from straight down) of every pixel of a picture about an apex (x, y)."""
    y, x = np.indices(shape[:2], dtype=np.float64)
    return np.hypot(x - apex[0], y - apex[1]), np.arctan2(x - apex[0], y - apex[1])


def find_sector(clip: Clip) -> Sector | None:
    """The scan sector of a clip, from the mean of its frames; one frame is enough.

    ``clip.region`` limits the search where the header names one. None where nothing looks like a sector. The same
    pixels always give the same sector.
    """
    picture = _composite(clip)
    scale = _WORKING_SIDE / max(picture.shape)
    scale = 1.0 if 0.8 <= scale <= 1.25 else scale
    smoothed = smooth(picture if scale == 1.0 else _resized(picture, scale))
    fronts = foregrounds(smoothed)
    candidates = [(_explained(pair, front), front, pair) for front in fronts for pair in edge_pairs(front.outline)]
    best = max(candidates, key=lambda item: item[0], default=None)
    sector = None if best is None else _build(best[1], best[2], smoothed, fronts[0])
    sector = sector or _straight(fronts)
    return None if sector is None else _rescaled(sector, scale, picture.shape)


def _explained(pair: EdgePair, front: Foreground) -> float:
    bounds = arcs(pair, front)
    score = pair.score + _ARC_WEIGHT * front.outline.rows.size * (bounds.inner_share + bounds.outer_share)
    return score * (_ABOVE_FILL if front.above_fill else 1.0)


def _build(front: Foreground, pair: EdgePair, smoothed: Floats, lowest: Foreground) -> Sector | None:
    bounds = arcs(pair, front)
    window = straight_cuts(front, smoothed, bounds.outer)
    radius, angle = polar_coordinates(smoothed.shape, pair.apex)
    left, right = pair.angles
    faint = faint_end(pair, bounds, smoothed, lowest.level)
    outer = max(bounds.outer, bounds.farthest) if window.bottom is not None else faint
    mask = (radius >= bounds.inner) & (radius <= outer) & (angle >= left) & (angle <= right) & window.mask(radius.shape)
    whole = filled(front.component)
    covered, agreement = _overlap(mask, whole)
    if covered < _LEAST_COVERED or agreement < _LEAST_AGREEMENT:
        return None
    mask = inset(mask, 1)
    painted = filled(lowest.component)
    if lowest.sharp > _SHARP and _overlap(mask, painted)[1] > _PAINTED_AGREEMENT:
        mask &= inset(painted, _PAINTED_RIM)
    on_edges = (pair.on_left + pair.on_right) / (2.0 * front.outline.rows.size)
    confidence = 0.5 * agreement + 0.5 * min(1.0, on_edges + 0.25 * bounds.inner_share)
    kind: Kind = "sector" if bounds.inner < 0.12 * outer else "curvilinear"
    return Sector(mask, pair.apex, bounds.inner, outer, left, right, kind, float(confidence))


def _overlap(mask: Mask, whole: Mask) -> tuple[float, float]:
    common = float((mask & whole).sum())
    return common / max(float(whole.sum()), 1.0), common / max(float((mask | whole).sum()), 1.0)


def _straight(fronts: list[Foreground]) -> Sector | None:
    for front in fronts:
        rows, columns = front.outline.rows, front.outline.columns
        x0, x1, y0, y1 = columns[0], columns[-1], rows[0], rows[-1]
        box = (x1 - x0 + 1) * (y1 - y0 + 1)
        share = float(filled(front.component).sum() / box)
        if share < _LINEAR_FILL:
            continue
        mask = Window(x0, x1, y0, y1).mask(front.component.shape)
        half = (x1 - x0) / 2.0 / _FAR_APEX
        kind: Kind = "other" if mask.mean() > 0.97 else "linear"
        apex = (float(x0 + x1) / 2.0, float(y0) - _FAR_APEX)
        return Sector(mask, apex, _FAR_APEX, _FAR_APEX + float(y1 - y0), -half, half, kind, share)
    return None


def _composite(clip: Clip) -> Floats:
    count = clip.frames.shape[0]
    chosen = np.unique(np.linspace(0, count - 1, min(count, _FRAMES_USED)).round().astype(int))
    picture = clip.frames[chosen].mean(axis=0, dtype=np.float32)
    if clip.region is None:
        return np.asarray(picture, dtype=np.float32)
    x0, y0, x1, y1 = clip.region
    inside = np.zeros(picture.shape, dtype=bool)
    inside[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1] = True
    return np.asarray(np.where(inside, picture, 0.0) if inside.mean() > 0.1 else picture, dtype=np.float32)


def _resized(picture: Floats, scale: float) -> Floats:
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=method), dtype=np.float32)


def _rescaled(sector: Sector, scale: float, shape: tuple[int, ...]) -> Sector:
    if sector.mask.shape == shape:
        return sector
    mask = cv2.resize(sector.mask.astype(np.uint8), (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST) > 0
    # pixel centres: x_full + 0.5 = (x_small + 0.5) / scale
    apex = tuple((value + 0.5) / scale - 0.5 for value in sector.apex)
    return replace(
        sector,
        mask=np.asarray(mask),
        apex=(apex[0], apex[1]),
        inner_radius=sector.inner_radius / scale,
        outer_radius=sector.outer_radius / scale,
    )
