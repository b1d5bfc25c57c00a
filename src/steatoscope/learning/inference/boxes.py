"""Boxes in numpy: overlap, suppression, anchors and the R-CNN box coding, as torchvision computes them.

Boxes are (n, 4) of x0, y0, x1, y1 in canvas pixels, ends excluded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
Weights = tuple[float, float, float, float]
PROPOSAL_WEIGHTS: Final[Weights] = (1.0, 1.0, 1.0, 1.0)
REGION_WEIGHTS: Final[Weights] = (10.0, 10.0, 5.0, 5.0)
LARGEST_STEP: Final = math.log(1000.0 / 16.0)


def areas(boxes: NDArray[np.floating]) -> NDArray[np.float32]:
    """Areas (n,) of boxes."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), dtype=np.float32)


def overlaps(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float32]:
    """Intersection over union (n, m) of boxes (n, 4) and (m, 4); 0 where both are empty."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    inner = np.clip(high - low, 0.0, None).prod(axis=2)
    union = areas(one)[:, None] + areas(other)[None] - inner
    return np.asarray(np.divide(inner, union, out=np.zeros_like(inner), where=union > 0.0), dtype=np.float32)


def suppressed(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    limit: float,
    groups: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """Indices kept by greedy non-maximum suppression, highest score first; boxes of other ``groups`` never compete."""
    order = np.argsort(-scores, kind="stable")
    near = overlaps(boxes[order], boxes[order]) > limit
    if groups is not None:
        near &= groups[order][:, None] == groups[order][None]
    alive = np.ones(len(order), dtype=np.bool_)
    for i in range(len(order)):
        if alive[i]:
            alive[i + 1 :] &= ~near[i, i + 1 :]
    return np.asarray(order[alive], dtype=np.intp)


def cell_anchors(sizes: Sequence[float], ratios: Sequence[float]) -> Boxes:
    """Anchors about the origin, ratio (height / width) by ratio, rounded to whole pixels, half to even."""
    heights = np.sqrt(np.asarray(ratios, dtype=np.float32))
    widths = np.float32(1.0) / heights
    scales = np.asarray(sizes, dtype=np.float32)
    w, h = (widths[:, None] * scales).ravel(), (heights[:, None] * scales).ravel()
    return np.asarray(np.round(np.stack([-w, -h, w, h], axis=1) / 2.0), dtype=np.float32)


def grid_anchors(grid: tuple[int, int], stride: int, cells: Boxes) -> Boxes:
    """Anchors of a map (rows, columns), place by place in reading order, at each place all ``cells``."""
    y, x = np.meshgrid(np.arange(grid[0]) * stride, np.arange(grid[1]) * stride, indexing="ij")
    shifts = np.stack([x, y, x, y], axis=-1).reshape(-1, 1, 4).astype(np.float32)
    return np.asarray((shifts + cells[None]).reshape(-1, 4), dtype=np.float32)


def decoded(deltas: NDArray[np.floating], boxes: NDArray[np.floating], weights: Weights) -> Boxes:
    """Boxes (n, k, 4) that deltas (n, k, 4; shifts over size, log sizes) make of boxes (n, 4) (Girshick 2015)."""
    size = (boxes[:, 2:] - boxes[:, :2])[:, None]
    middle = boxes[:, None, :2] + 0.5 * size
    steps = deltas / np.asarray(weights, dtype=np.float32)
    centre = steps[..., :2] * size + middle
    half = 0.5 * np.exp(np.minimum(steps[..., 2:], LARGEST_STEP)) * size
    return np.concatenate([centre - half, centre + half], axis=-1).astype(np.float32)


def encoded(goals: NDArray[np.floating], boxes: NDArray[np.floating], weights: Weights) -> NDArray[np.float32]:
    """Deltas (n, 4) that turn boxes (n, 4) into goals (n, 4): the inverse of :func:`decoded`."""
    size, goal = boxes[:, 2:] - boxes[:, :2], goals[:, 2:] - goals[:, :2]
    shift = (goals[:, :2] + 0.5 * goal - boxes[:, :2] - 0.5 * size) / size
    steps = np.concatenate([shift, np.log(goal / size)], axis=1)
    return np.asarray(steps * np.asarray(weights), dtype=np.float32)


def clipped(boxes: NDArray[np.floating], size: tuple[int, int]) -> Boxes:
    """Boxes (..., 4) cut to a canvas (rows, columns)."""
    limits = np.array([size[1], size[0], size[1], size[0]], dtype=np.float32)
    return np.asarray(np.clip(boxes, 0.0, limits), dtype=np.float32)


def mirrored(boxes: NDArray[np.floating], width: int) -> Boxes:
    """Boxes (..., 4) of the canvas mirrored left to right."""
    return np.stack([width - boxes[..., 2], boxes[..., 1], width - boxes[..., 0], boxes[..., 3]], axis=-1).astype(
        np.float32
    )
