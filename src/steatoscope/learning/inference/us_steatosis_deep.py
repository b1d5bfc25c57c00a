"""Frozen network features of liver and kidney: maps of EfficientNet-lite0 averaged under the localiser's heat maps."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.us_steatosis_view import CROP

MEAN, SPREAD = 90.0, 32.0
MIDDLE_CHANNELS, DEEP_CHANNELS = 112, 320
SMOOTHING_CELLS = 1.5

Values = NDArray[np.float64]


def levelled(grey: Values, tissue: Mask, radius: Values) -> Values:
    """Grey (rows, columns) without its straight-line trend in depth, about the tissue's mean: any TGC tilt cancels."""
    if tissue.sum() < 100:
        return grey
    r, g = radius[tissue], grey[tissue]
    centred = r - r.mean()
    slope = float((centred * g).sum() / max(float((centred**2).sum()), 1e-9))
    return np.asarray(grey - slope * (radius - r.mean()), dtype=np.float64)


def network_input(grey: Values, tissue: Mask) -> Floats:
    """The canvas (434, 636) as the network reads it (432, 624): tissue at mean 90 and SD 32, black around it."""
    y0, y1, x0, x1 = CROP
    values = grey[tissue] if tissue.any() else grey.ravel()
    standard = (grey - values.mean()) / max(float(values.std()), 1.0) * SPREAD + MEAN
    shown = np.where(tissue, np.clip(standard, 0.0, 255.0), 0.0)[y0:y1, x0:x1]
    return np.asarray((shown - 127.0) / 128.0, dtype=np.float32)


def pooled(maps: Floats, heat: Floats) -> Values:
    """Maps (channels, rows, columns) averaged with a heat map (72, 104) of the same field of view as weights."""
    smooth = cv2.GaussianBlur(heat.astype(np.float32), (0, 0), SMOOTHING_CELLS)
    weight = cv2.resize(smooth, (maps.shape[2], maps.shape[1]), interpolation=cv2.INTER_AREA).astype(np.float64)
    weight /= max(float(weight.sum()), 1e-12)
    return np.asarray(maps.reshape(maps.shape[0], -1).astype(np.float64) @ weight.ravel(), dtype=np.float64)
