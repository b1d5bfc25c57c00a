"""Brightness features of one frame: by depth, and of liver against cortex and surroundings.

All values are grey levels against the sector's mean, so that gain cancels. ``plain`` features see the picture as it is;
``level`` features see it without its straight-line trend in depth, so that a tilt of the time-gain compensation cancels
too: they keep the differences at one depth and the curvature of the depth profile, and lose its slope.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.us_steatosis_boxes import (
    FrameMaps,
    box_means,
    cell_places,
    hepatorenal_index,
    soft_mean,
)
from steatoscope.learning.inference.us_steatosis_deep import levelled
from steatoscope.learning.inference.us_steatosis_view import APEX, COLUMNS, RADIUS, ROWS

BANDS = (0.06, 0.14, 0.22, 0.30, 0.38, 0.47, 0.61, 0.80, 0.98)
WIDE, BEAM, FREE, RING = np.radians(45.0), np.radians(10.0), np.radians(45.0), 14.0
FAR_FIELD = 0.78
NEAR_KIDNEY_PX, NEAR_LIVER_PX, FINE_SIGMA, SPECKLE_SIGMA = 55.0, 70.0, 5.0, 4.0
HALF = 2
_LEAST_PIXELS = 10

Values = NDArray[np.float64]


def canvas_polar(step: int = 1) -> tuple[Values, Values]:
    """Radius (canvas pixels) and angle (radians) about the apex at every ``step``-th pixel's block of the canvas."""
    y, x = np.indices((ROWS // step, COLUMNS // step), dtype=np.float64) * step + (step - 1) / 2.0
    return np.hypot(x - APEX[0], y - APEX[1]), np.arctan2(x - APEX[0], y - APEX[1])


def halved(image: Values, tissue: Mask) -> tuple[Values, Mask]:
    """The canvas over 2 x 2 pixels: mean of their tissue (217, 318), and where at least three are tissue."""
    blocks = (ROWS // HALF, HALF, COLUMNS // HALF, HALF)
    weight = tissue.reshape(blocks).sum(axis=(1, 3))
    total = np.where(tissue, image, 0.0).reshape(blocks).sum(axis=(1, 3))
    return total / np.maximum(weight, 1), np.asarray(weight >= 3)


@dataclass(frozen=True, eq=False)
class Shown:
    """One way to see a frame: grey (217, 318) against the tissue's mean, smoothed, and averaged in boxes (72, 104)."""

    level: Values
    smooth: Values
    boxes: Values
    share: Values
    spread: float


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame at half resolution, plain and levelled, with the beam's coordinates; speckle at full resolution."""

    shown: dict[str, Shown]
    tissue: Mask
    radius: Values
    angle: Values
    speckle: dict[str, float]


def prepared(grey: Values, tissue: Mask) -> Frame:
    """A frame from its grey and tissue on the canvas (434, 636)."""
    small, inside = halved(grey, tissue)
    radius, angle = polar(HALF)
    images = {"plain": small, "level": levelled(small, inside, radius)}
    shown = {kind: _shown(image, inside) for kind, image in images.items()}
    return Frame(shown, inside, radius, angle, _speckle(grey, tissue))


def _shown(image: Values, tissue: Mask) -> Shown:
    level = image - _mean(image, tissue)
    spread = float(image[tissue].std()) if tissue.any() else float("nan")
    return Shown(level, _smooth(level, tissue, FINE_SIGMA / HALF), *box_means(level, tissue), spread)


def view_features(frame: Frame) -> dict[str, float]:
    """Features that need no liver or kidney: depth bands, slopes, spread and speckle of the wide central sector."""
    wide, radius = frame.tissue & (np.abs(frame.angle) <= WIDE), frame.radius
    found: dict[str, float] = {}
    for kind, shown in frame.shown.items():
        found |= {f"{kind}_{name}": value for name, value in _bands(shown.level, wide, radius, "band").items()}
        found |= {f"{kind}_{name}": value for name, value in _contrast(shown.smooth, wide, radius).items()}
    level = frame.shown["plain"].level
    return found | _slopes(level, wide, radius) | frame.speckle


def liver_features(frame: Frame, maps: FrameMaps) -> dict[str, float]:
    """Features under the liver's heat map: its brightness, ring at one depth, beams through it, and what lies deep."""
    depth, aim = place(maps.liver)
    tissue, radius, wide = frame.tissue, frame.radius, np.abs(frame.angle) <= WIDE
    beams = tissue & (np.abs(frame.angle - aim) <= BEAM)
    ring = tissue & (np.abs(radius - depth) <= RING) & wide
    far = tissue & (radius >= FAR_FIELD * RADIUS) & wide
    near = _around(frame, maps.liver, NEAR_LIVER_PX)
    away = tissue & free_beams(frame.angle, aim, place(maps.kidney)[1])
    found = {"liver_depth": depth / RADIUS, "plain_slope_free": _slope_of(frame, away)}
    for kind, shown in frame.shown.items():
        liver = soft_mean(shown.boxes, shown.share, maps.liver)
        found |= {f"{kind}_{name}": value for name, value in _bands(shown.level, beams, radius, "beam").items()}
        found |= {f"{kind}_{name}": value for name, value in _bands(shown.level, away, radius, "free").items()}
        found |= {
            f"{kind}_free_far_liver": _mean(shown.level, away & (radius >= FAR_FIELD * RADIUS)) - liver,
            f"{kind}_liver": liver,
            f"{kind}_liver_ring": liver - _mean(shown.level, ring),
            f"{kind}_far_liver": _mean(shown.level, far) - liver,
            f"{kind}_far_high": _quantile(shown.smooth, far, 98) - liver,
            f"{kind}_liver_spread": float(shown.smooth[near].std()) if near.sum() >= _LEAST_PIXELS else float("nan"),
        }
    return found


def free_beams(angle: Values, aim: float, kidney: float) -> Mask:
    """Beams (rows, columns) on the liver's side away from the kidney: parenchyma with nothing bright behind it."""
    side = 1.0 if aim >= kidney else -1.0
    return np.asarray((side * (angle - aim) >= BEAM) & (side * (angle - aim) <= FREE) & (np.abs(angle) <= WIDE))


def _slope_of(frame: Frame, where: Mask) -> float:
    part = where & (frame.radius >= 0.28 * RADIUS) & (frame.radius < 0.85 * RADIUS)
    enough = part.sum() >= _LEAST_PIXELS
    return slope(frame.radius[part] / RADIUS, frame.shown["plain"].level[part]) if enough else float("nan")


def kidney_features(frame: Frame, maps: FrameMaps) -> dict[str, float]:
    """Features that need the kidney: liver minus cortex, the sinus and the darkest cortex against both."""
    depth, _ = place(maps.kidney)
    near = _around(frame, maps.kidney, NEAR_KIDNEY_PX)
    ring = frame.tissue & (np.abs(frame.radius - depth) <= RING) & (np.abs(frame.angle) <= WIDE)
    found: dict[str, float] = {}
    for kind, shown in frame.shown.items():
        liver = soft_mean(shown.boxes, shown.share, maps.liver)
        kidney = soft_mean(shown.boxes, shown.share, maps.kidney)
        sinus, darkest = _quantile(shown.smooth, near, 97), _quantile(shown.smooth, near, 5)
        found |= {
            f"{kind}_difference": liver - kidney,
            f"{kind}_difference_sd": (liver - kidney) / max(shown.spread, 1.0),
            f"{kind}_kidney": kidney,
            f"{kind}_kidney_ring": kidney - _mean(shown.level, ring),
            f"{kind}_sinus_kidney": sinus - kidney,
            f"{kind}_sinus_liver": sinus - liver,
            f"{kind}_darkest_liver": darkest - liver,
        }
    return found


def soft_index(frame: Frame, maps: FrameMaps, mean: float) -> float:
    """Hepatorenal index under the heat maps; ``mean`` is the tissue's mean grey, which the pictures lack."""
    shown = frame.shown["plain"]
    liver, kidney = (soft_mean(shown.boxes, shown.share, heat) + mean for heat in (maps.liver, maps.kidney))
    return hepatorenal_index(liver, kidney)


def place(heat: Floats) -> tuple[float, float]:
    """Mean radius (pixels) and angle (radians) under a heat map (72, 104)."""
    radius, angle = cell_places()
    total = max(float(heat.sum()), 1e-12)
    return float((heat * radius).sum() / total), float((heat * angle).sum() / total)


def _bands(level: Values, where: Mask, radius: Values, word: str) -> dict[str, float]:
    share = radius / RADIUS
    found = {}
    for low, high in itertools.pairwise(BANDS):
        name = f"{word}_{round(100 * low):02d}_{round(100 * high):02d}"
        found[name] = _mean(level, where & (share >= low) & (share < high))
    return found


def _around(frame: Frame, heat: Floats, pixels: float) -> Mask:
    depth, aim = place(heat)
    away = np.sqrt(np.maximum(frame.radius**2 + depth**2 - 2.0 * frame.radius * depth * np.cos(frame.angle - aim), 0.0))
    return np.asarray(frame.tissue & (away <= pixels))


def _slopes(level: Values, where: Mask, radius: Values) -> dict[str, float]:
    found = {}
    for name, low, high in (("near", 0.22, 0.61), ("far", 0.33, 0.97), ("all", 0.22, 0.97)):
        part = where & (radius >= low * RADIUS) & (radius < high * RADIUS)
        found[f"plain_slope_{name}"] = slope(radius[part] / RADIUS, level[part]) if part.any() else float("nan")
    found["level_bend"] = found["plain_slope_far"] - found["plain_slope_near"]
    return found


def slope(x: Values, y: Values) -> float:
    """Least-squares slope of y on x, shapes (n,)."""
    centred = x - x.mean()
    return float((centred * y).sum() / max(float((centred**2).sum()), 1e-9))


def _contrast(smooth: Values, where: Mask, radius: Values) -> dict[str, float]:
    part = where & (radius >= 0.35 * RADIUS) & (radius < 0.80 * RADIUS)
    values = smooth[part] if part.sum() >= _LEAST_PIXELS else np.full(1, np.nan)
    low, high = np.percentile(values, [5, 97])
    return {"contrast_low": float(low), "contrast_high": float(high), "contrast_spread": float(values.std())}


def _speckle(grey: Values, tissue: Mask) -> dict[str, float]:
    radius, angle = polar(1)
    wide = tissue & (np.abs(angle) <= WIDE)
    part = wide & (radius >= 0.30 * RADIUS) & (radius < 0.55 * RADIUS)
    rest = grey - _smooth(grey, wide, SPECKLE_SIGMA)
    values = rest[part] if part.sum() >= _LEAST_PIXELS else np.full(1, np.nan)
    sd = float(values.std()) + 1e-6
    pairs = part[1:] & part[:-1]
    axial = float((rest[1:] * rest[:-1])[pairs].mean()) / sd**2 if pairs.any() else float("nan")
    return {"speckle_sd": sd, "speckle_axial": axial, "speckle_skew": float((values**3).mean()) / sd**3}


@lru_cache(maxsize=2)
def polar(step: int) -> tuple[Values, Values]:
    """:func:`canvas_polar`, made once."""
    return canvas_polar(step)


def _smooth(image: Values, where: Mask, sigma: float) -> Values:
    weight = cv2.GaussianBlur(where.astype(np.float64), (0, 0), sigma)
    return np.asarray(cv2.GaussianBlur(np.where(where, image, 0.0), (0, 0), sigma) / np.maximum(weight, 1e-3))


def _mean(values: Values, where: Mask) -> float:
    return float(values[where].mean()) if int(where.sum()) >= _LEAST_PIXELS else float("nan")


def _quantile(values: Values, where: Mask, percent: float) -> float:
    return float(np.percentile(values[where], percent)) if int(where.sum()) >= _LEAST_PIXELS else float("nan")
