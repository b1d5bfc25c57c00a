"""How sure the detector is of a region: its box score weighed with what the segmentation shows there."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.learning.inference.boxes import Boxes, clipped, overlaps
from steatoscope.learning.inference.slices import sigmoid

EVIDENCE = (
    "box score, logit",
    "segment in box",
    "segment soft overlap",
    "segment part overlap",
    "segment in box minus around",
    "organ in box",
    "segment highest",
    "segment amount, log",
    "size, log",
    "aspect, log",
    "share of best box score",
)
LIMITS = (0.3, 0.5)
LEAST_PIXELS = 12
FILL = 0.75
"""Share of its box that a region fills, about pi / 4."""


def evidence(probability: NDArray[np.floating], boxes: Boxes, segment: Floats, organ: Floats) -> NDArray[np.float32]:
    """Features (n, 11) named by ``EVIDENCE`` of boxes (n, 4) with box scores (n,), from maps (rows, columns)."""
    sure = np.clip(probability, 1e-4, 1.0 - 1e-4)
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-2)
    wide = clipped(np.concatenate([boxes[:, :2] - 0.25 * size, boxes[:, 2:] + 0.25 * size], axis=1), segment.shape)
    inside, amount = box_means(segment, boxes), float(segment.sum())
    within = inside * size.prod(axis=1)
    soft = within / np.maximum(FILL * size.prod(axis=1) + amount - within, 1.0)
    parts = np.max([_best_overlap(boxes, components(segment, limit)) for limit in LIMITS], axis=0)
    columns = [
        np.log(sure / (1.0 - sure)),
        inside,
        np.clip(soft, 0.0, 1.0),
        parts,
        inside - box_means(segment, wide),
        box_means(organ, boxes),
        np.full(len(boxes), segment.max(initial=0.0)),
        np.full(len(boxes), np.log1p(amount)),
        0.5 * np.log(size.prod(axis=1)),
        np.log(size[:, 1] / size[:, 0]),
        probability / max(float(probability.max(initial=0.0)), 1e-6),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def rescored(features: NDArray[np.floating], weights: Sequence[float]) -> NDArray[np.float32]:
    """Probabilities (n,) by a logistic model of features (n, k); ``weights`` are k and the intercept."""
    return sigmoid(features @ np.asarray(weights[:-1], dtype=np.float64) + weights[-1])


def components(probability: Floats, limit: float) -> Boxes:
    """Boxes (n, 4) of the connected parts of a map (rows, columns) above a limit, specks left out."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((probability > limit).astype(np.uint8))
    kept = stats[1:][stats[1:, cv2.CC_STAT_AREA] >= LEAST_PIXELS]
    low, size = kept[:, :2].astype(np.float32), kept[:, 2:4].astype(np.float32)
    return np.concatenate([low, low + size], axis=1)


def box_means(values: Floats, boxes: NDArray[np.floating]) -> NDArray[np.float32]:
    """Means (n,) of a map (rows, columns) in boxes (n, 4), rounded outward to whole pixels."""
    table = np.pad(values.astype(np.float64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    low = np.floor(boxes[:, :2]).astype(np.intp).clip(0, [values.shape[1] - 1, values.shape[0] - 1])
    high = np.maximum(np.ceil(boxes[:, 2:]).astype(np.intp), low + 1).clip(1, [values.shape[1], values.shape[0]])
    (x0, y0), (x1, y1) = low.T, high.T
    total = table[y1, x1] - table[y0, x1] - table[y1, x0] + table[y0, x0]
    return np.asarray(total / ((x1 - x0) * (y1 - y0)), dtype=np.float32).clip(0.0, 1.0)


def _best_overlap(boxes: Boxes, others: Boxes) -> NDArray[np.float32]:
    return overlaps(boxes, others).max(axis=1) if len(others) else np.zeros(len(boxes), dtype=np.float32)
