"""Batches for the detector: warped canvas pictures with a box, a label and a mask for every connected region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from steatoscope.core.image import Floats
from steatoscope.learning.inference.prepare import Kind
from steatoscope.learning.training.segment_batches import CanvasPicture, vary

BATCH = 8
LEAST_AREA = 24
LEAST_SHARE = 0.3
MOST = 8
SMALL_FIRST = 0.25


@dataclass(frozen=True, eq=False)
class Regions:
    """Boxes (k, 4; x0, y0, x1, y1, ends excluded), labels (k,) from 1 and masks (k, rows, columns) uint8."""

    boxes: Floats
    labels: NDArray[np.int64]
    masks: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class DetectorBatches:
    """``batches(step)``: input (n, 1, rows, columns), segment masks and known (n, segments, rows, columns), and the
    regions padded to the most of the batch: boxes (n, k, 4), labels (n, k; 0 is padding), masks (n, k, rows, columns).

    ``channels`` names the segment whose connected parts are regions of each label, from 1. ``share`` of every batch is
    drawn from pictures without any region, so that the detector learns to stay silent.
    """

    pictures: Sequence[CanvasPicture]
    kind: Kind
    channels: Mapping[int, int]
    share: float = 0.25
    seed: int = 0
    size: int = BATCH
    _empty: NDArray[np.intp] = field(init=False)
    _filled: NDArray[np.intp] = field(init=False)
    _odds: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        channels = list(self.channels.values())
        empty = np.array([not picture.masks[channels].any() for picture in self.pictures], dtype=np.bool_)
        object.__setattr__(self, "_empty", np.flatnonzero(empty))
        object.__setattr__(self, "_filled", np.flatnonzero(~empty))
        object.__setattr__(self, "_odds", _odds([self.pictures[i] for i in self._filled], channels))

    def __call__(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step: the same for the same seed, step and pictures."""
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, step])
        parts = [vary(self.pictures[i], self.kind, rng) for i in self._chosen(rng)]
        regions = [regions_of(masks, self.channels) for _, masks, _ in parts]
        return (
            torch.from_numpy(np.stack([p[0] for p in parts])[:, None]).to(memory_format=torch.channels_last),
            torch.from_numpy(np.stack([p[1] for p in parts])),
            torch.from_numpy(np.stack([p[2] for p in parts])),
            *padded(regions),
        )

    def _chosen(self, rng: np.random.Generator) -> NDArray[np.intp]:
        silent = int(rng.binomial(self.size, self.share)) if self._empty.size and self._filled.size else 0
        if not self._filled.size:
            return rng.choice(self._empty, self.size)
        shown = rng.choice(self._filled, self.size - silent, p=self._odds)
        return np.concatenate([rng.choice(self._empty, silent), shown]) if silent else shown


def _odds(pictures: Sequence[CanvasPicture], channels: Sequence[int]) -> NDArray[np.float64]:
    """Shares of pictures in batches: those with little region are drawn more often, for the losses count pixels."""
    amounts = [int((picture.masks[channels] > 127).sum()) for picture in pictures]
    odds = np.array([p.sampling for p in pictures]) * np.maximum(amounts, LEAST_AREA) ** -SMALL_FIRST
    return np.asarray(odds / max(float(odds.sum()), 1e-12), dtype=np.float64)


def regions_of(masks: Floats, channels: Mapping[int, int]) -> Regions:
    """Connected regions of soft masks 0-1 (segments, rows, columns) above a half, by label; specks are left out."""
    boxes: list[list[int]] = []
    labels: list[int] = []
    found: list[NDArray[np.uint8]] = []
    for label, channel in channels.items():
        count, parts, stats, _ = cv2.connectedComponentsWithStats((masks[channel] > 0.5).astype(np.uint8))
        largest = int(stats[1:, cv2.CC_STAT_AREA].max()) if count > 1 else 0
        for part in range(1, count):
            x, y, width, height, area = (int(value) for value in stats[part])
            if area >= LEAST_AREA and (len(boxes) < MOST or area == largest):
                boxes.append([x, y, x + width, y + height])
                labels.append(label)
                found.append((parts == part).astype(np.uint8))
    size = masks.shape[1:]
    return Regions(
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.array(labels, dtype=np.int64),
        np.stack(found) if found else np.zeros((0, *size), dtype=np.uint8),
    )


def padded(regions: Sequence[Regions]) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (n, k, 4), labels (n, k; 0 where there is none) and masks (n, k, rows, columns)."""
    most = max([1, *(len(one.labels) for one in regions)])
    rows, columns = regions[0].masks.shape[1:]
    boxes = torch.zeros(len(regions), most, 4)
    labels = torch.zeros(len(regions), most, dtype=torch.int64)
    masks = torch.zeros(len(regions), most, rows, columns, dtype=torch.uint8)
    for i, one in enumerate(regions):
        k = len(one.labels)
        boxes[i, :k], labels[i, :k] = torch.from_numpy(one.boxes), torch.from_numpy(one.labels)
        masks[i, :k] = torch.from_numpy(one.masks)
    return boxes, labels, masks


def targets_of(boxes: Tensor, labels: Tensor, masks: Tensor) -> list[dict[str, Tensor]]:
    """Padded regions as torchvision's targets, one dictionary a picture."""
    return [
        {"boxes": b[known], "labels": one[known], "masks": m[known]}
        for b, one, m, known in zip(boxes, labels, masks, labels > 0, strict=True)
    ]
