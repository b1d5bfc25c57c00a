"""Where the first ultrasound fat model sees fat: its depth weights put back on the picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.imaging.preprocess.us_polar import PolarGrid, from_polar
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.inference.us_first_features import (
    ANGLES,
    BANDS,
    DEPTHS,
    PolarView,
    band_names,
    central_tissue,
    polar_view,
)

_SMOOTHING = 3.0


def contribution_map(
    frames: NDArray[np.uint8], sector: Sector, tissue: Mask, fit: dict[str, Any], points: float
) -> Floats:
    """Points of fat (rows, columns) that each place adds to the training mean, 0 where the model does not look.

    The mean over a depth band equals that band's effect but for the smoothing; ``points`` turns the model's square
    root into points of fat.
    """
    views = [polar_view(frame, sector, tissue) for frame in frames]
    polar = np.mean([_of_view(view, fit) for view in views], axis=0) * points
    inside = np.mean([central_tissue(view) for view in views], axis=0)
    weight = cv2.GaussianBlur(inside, (0, 0), _SMOOTHING)
    smoothed = cv2.GaussianBlur(polar, (0, 0), _SMOOTHING) / np.maximum(weight, 1e-6)
    picture, _ = from_polar(np.where(inside > 0, smoothed, 0.0), PolarGrid.of(sector, DEPTHS, ANGLES), frames.shape[1:])
    return np.where(sector.mask & np.isfinite(picture), picture, np.float32(0.0))


def _of_view(view: PolarView, fit: dict[str, Any]) -> NDArray[np.float64]:
    level = view.grey - float(view.grey[view.tissue].mean()) if view.tissue.any() else np.zeros_like(view.grey)
    found = np.zeros_like(level)
    weights = dict(zip(fit["features"], zip(fit["weights"], fit["means"], fit["spreads"], strict=True), strict=True))
    for name, low, high in zip(band_names(), BANDS, BANDS[1:], strict=False):
        if name in weights:
            weight, mean, spread = weights[name]
            rows = (view.share >= low) & (view.share < high)
            found[rows] = weight * (level[rows] - mean) / spread
    return np.where(central_tissue(view), found, 0.0)
