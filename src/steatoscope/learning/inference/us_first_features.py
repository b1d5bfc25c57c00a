"""Classical features of the first ultrasound fat model: brightness against depth, contrast and speckle.

Everything is relative to the sector's mean grey: gain moves it and, in the training set, moves it against the fat.
Depths are shares of the way from the probe's face to the far end, so that no pixel size is needed. Fat attenuates the
beam: a fatty liver is bright near the probe, dark far from it, and brighter than the renal cortex (clinical
reference, sections 1.7 and 4.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask
from steatoscope.imaging.preprocess.us_polar import PolarGrid, to_polar
from steatoscope.imaging.preprocess.us_sector import Sector

DEPTHS, ANGLES = 180, 105
BANDS = (0.06, 0.14, 0.22, 0.30, 0.38, 0.47, 0.61, 0.80, 0.98)
CENTRAL = 0.8
SLOPES = {"slope_near": (0.22, 0.61), "slope_far": (0.33, 0.97), "slope_all": (0.22, 0.97)}
TEXTURE_DEPTHS = (0.30, 0.55)
CONTRAST_DEPTHS = (0.35, 0.80)

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PolarView:
    """Grey of a frame on the polar grid (depths, angles), which samples are tissue, and the depth shares (0-1)."""

    grey: Values
    tissue: NDArray[np.bool_]
    share: Values


def features(frames: NDArray[np.uint8], sector: Sector, tissue: Mask) -> dict[str, float]:
    """Mean over frames (n, rows, columns) of the features, by name; NaN where a feature has no tissue."""
    rows = [_of_view(polar_view(frame, sector, tissue)) for frame in frames]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def polar_view(frame: NDArray[np.uint8], sector: Sector, tissue: Mask) -> PolarView:
    """One frame (rows, columns) on the model's grid."""
    grid = PolarGrid.of(sector, DEPTHS, ANGLES)
    grey, _ = to_polar(frame, grid)
    inside, _ = to_polar(tissue.astype(np.float32), grid)
    share = (grid.radii - grid.inner) / (grid.outer - grid.inner)
    return PolarView(grey.astype(np.float64), inside > 0.99, share)


def band_names() -> list[str]:
    """Names of the depth bands, near to far."""
    return [f"band_{round(100 * a):02d}_{round(100 * b):02d}" for a, b in pairwise(BANDS)]


def _of_view(view: PolarView) -> dict[str, float]:
    level = view.grey - _mean(view.grey, view.tissue)
    return _bands(level, view) | _slopes(level, view) | _contrast(level, view) | _texture(view)


def central_tissue(view: PolarView) -> NDArray[np.bool_]:
    """Tissue samples (depths, angles) of the central beams."""
    place = np.abs(np.linspace(-1.0, 1.0, view.grey.shape[1])) <= CENTRAL
    return np.asarray(view.tissue & place[None])


def _bands(level: Values, view: PolarView) -> dict[str, float]:
    centre = central_tissue(view)
    chosen = [(view.share >= a) & (view.share < b) for a, b in pairwise(BANDS)]
    return {name: _mean(level, centre & rows[:, None]) for name, rows in zip(band_names(), chosen, strict=True)}


def _slopes(level: Values, view: PolarView) -> dict[str, float]:
    counts = view.tissue.sum(axis=1)
    profile = np.where(view.tissue, level, 0.0).sum(axis=1) / np.maximum(counts, 1)

    def leading(low: float, high: float, degree: int) -> float:
        rows = (view.share >= low) & (view.share < high) & (counts > 5)
        return float(np.polyfit(view.share[rows], profile[rows], degree)[0]) if rows.sum() > 5 else float("nan")

    found = {name: leading(low, high, 1) for name, (low, high) in SLOPES.items()}
    return found | {"curvature": leading(*SLOPES["slope_all"], 2)}


def _contrast(level: Values, view: PolarView) -> dict[str, float]:
    rows = (view.share >= CONTRAST_DEPTHS[0]) & (view.share < CONTRAST_DEPTHS[1])
    region = view.tissue & rows[:, None]
    weight = cv2.GaussianBlur(view.tissue.astype(np.float64), (0, 0), 3.0)
    smoothed = cv2.GaussianBlur(np.where(view.tissue, level, 0.0), (0, 0), 3.0) / np.maximum(weight, 1e-6)
    values = smoothed[region]
    if values.size < 50:
        return dict.fromkeys(("contrast_low", "contrast_high", "contrast_spread", "left_right"), float("nan"))
    low, high = np.percentile(values, [5, 97])
    left = np.arange(level.shape[1])[None] < level.shape[1] // 2
    return {
        "contrast_low": float(low),
        "contrast_high": float(high),
        "contrast_spread": float(values.std()),
        "left_right": _mean(level, region & left) - _mean(level, region & ~left),
    }


def _texture(view: PolarView) -> dict[str, float]:
    rows = (view.share >= TEXTURE_DEPTHS[0]) & (view.share < TEXTURE_DEPTHS[1])
    region = central_tissue(view) & rows[:, None]
    if region.sum() < 200:
        return dict.fromkeys(("speckle_sd", "speckle_axial", "speckle_lateral", "speckle_skew"), float("nan"))
    residual = view.grey - cv2.GaussianBlur(view.grey, (0, 0), 4.0)
    values = residual[region]
    spread = float(values.std()) + 1e-6
    axial, lateral = region[1:] & region[:-1], region[:, 1:] & region[:, :-1]
    return {
        "speckle_sd": spread,
        "speckle_axial": float((residual[1:] * residual[:-1])[axial].mean()) / spread**2,
        "speckle_lateral": float((residual[:, 1:] * residual[:, :-1])[lateral].mean()) / spread**2,
        "speckle_skew": float((values**3).mean()) / spread**3,
    }


def _mean(values: Values, where: NDArray[np.bool_]) -> float:
    return float(values[where].mean()) if where.any() else float("nan")
