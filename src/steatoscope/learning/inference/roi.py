"""RoIAlign and the pasting of region masks in numpy (He et al. 2017).

Bilinear sampling is separable: a box's row weights and column weights are two small matrices, so that pooling is two
matrix products and needs no gathering.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.learning.inference.boxes import areas

SAMPLES = 2


def roi_align(feature: Floats, boxes: NDArray[np.floating], side: int, scale: float) -> Floats:
    """Means (n, channels, side, side) of a map (channels, rows, columns) over the bins of boxes (n, 4).

    Two samples a bin side, no half-pixel shift (``aligned=False``), boxes of at least one map pixel; ``scale`` is map
    pixels per canvas pixel.
    """
    channels, rows, columns = feature.shape
    if not len(boxes):
        return np.zeros((0, channels, side, side), dtype=np.float32)
    low, size = boxes[:, :2] * scale, np.maximum((boxes[:, 2:] - boxes[:, :2]) * scale, 1.0)
    across, down = _weights(low[:, 0], size[:, 0], side, columns), _weights(low[:, 1], size[:, 1], side, rows)
    flat = np.ascontiguousarray(feature.transpose(1, 2, 0), dtype=np.float32).reshape(rows, columns * channels)
    lines = (down.reshape(-1, rows) @ flat).reshape(len(boxes), side, columns, channels)
    pooled = np.matmul(across[:, None], lines)
    return np.ascontiguousarray(pooled.transpose(0, 3, 1, 2), dtype=np.float32)


def _weights(low: NDArray[np.floating], size: NDArray[np.floating], side: int, length: int) -> Floats:
    """Weights (n, side, length) of a bin's mean along one axis; samples beyond the map take its edge."""
    steps = (np.arange(side * SAMPLES) + 0.5) / (side * SAMPLES)
    place = np.clip(low[:, None] + size[:, None] * steps, 0.0, length - 1.0)
    hats = np.clip(1.0 - np.abs(place[..., None] - np.arange(length)), 0.0, None)
    return np.asarray(hats.reshape(len(low), side, SAMPLES, length).mean(axis=2), dtype=np.float32)


def pyramid_align(
    maps: Sequence[Floats], strides: Sequence[int], boxes: NDArray[np.floating], side: int, canonical: float
) -> Floats:
    """RoIAlign (n, channels, side, side) from the map whose stride fits each box (Lin et al. 2017).

    ``maps`` come finest first, strides doubling; boxes of ``canonical`` pixels or more use the coarsest, of half of
    that the next.
    """
    size = np.sqrt(np.maximum(areas(boxes), 0.0))
    finest = np.log2(strides[0])
    level = np.floor(np.log2(strides[-1]) + np.log2(np.maximum(size, 1e-6) / canonical) + 1e-6) - finest
    level = np.clip(level, 0, len(maps) - 1).astype(np.intp)
    pooled = np.zeros((len(boxes), maps[0].shape[0], side, side), dtype=np.float32)
    for i, (feature, stride) in enumerate(zip(maps, strides, strict=True)):
        chosen = level == i
        if chosen.any():
            pooled[chosen] = roi_align(feature, boxes[chosen], side, 1.0 / stride)
    return pooled


def pasted(mask: Floats, box: NDArray[np.floating], size: tuple[int, int]) -> Floats:
    """A region's mask (side, side) of probabilities on the canvas (rows, columns), 0 outside its box."""
    side = mask.shape[0]
    width, height = max(float(box[2] - box[0]), 1.0), max(float(box[3] - box[1]), 1.0)
    # The mask's pixel centres lie at box start + (i + 0.5) * width / side, the canvas's at whole numbers + 0.5.
    matrix = np.array(
        [
            [width / side, 0.0, float(box[0]) + 0.5 * width / side - 0.5],
            [0.0, height / side, float(box[1]) + 0.5 * height / side - 0.5],
        ]
    )
    found = cv2.warpAffine(mask.astype(np.float32), matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR)
    return np.asarray(found, dtype=np.float32)
