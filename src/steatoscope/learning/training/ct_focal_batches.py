"""Batches for the CT localiser: even liver slices, varied, with regions painted in and everything known about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from steatoscope.core.image import Floats
from steatoscope.learning.inference.ct_localiser_window import CANVAS, window_input
from steatoscope.learning.training.ct_focal_paint import LABELS, PaintedRegion, paint_regions
from steatoscope.learning.training.ct_focal_slices import LiverSlice
from steatoscope.learning.training.ct_focal_vary import vary_hu, warped_slice
from steatoscope.learning.training.detector_batches import Regions, padded

SEGMENTS = ("liver", *LABELS)
BATCH = 6
SILENT, PHANTOMS = 0.25, 0.2
LEAST_LIVER = 1500
LEVEL_JITTER_HU = 3.0


@dataclass(frozen=True, eq=False)
class FocalBatches:
    """``batches(step)``: what :func:`detector_loss` takes, from real slices and, one in five, from phantoms.

    One picture in four stays without painted regions, so that the detector learns to stay silent.
    """

    real: Sequence[LiverSlice]
    phantoms: Sequence[LiverSlice]
    seed: int = 0
    size: int = BATCH

    def __call__(self, step: int) -> tuple[Tensor, ...]:
        """The batch of a step: the same for the same seed, step and slices."""
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, step])
        images, masks, regions = zip(*(self._picture(rng) for _ in range(self.size)), strict=True)
        return (
            torch.from_numpy(np.stack(images)[:, None]).to(memory_format=torch.channels_last),
            torch.from_numpy(np.stack(masks)),
            torch.ones(self.size, len(SEGMENTS), *CANVAS),
            *padded(regions),
        )

    def _picture(self, rng: np.random.Generator) -> tuple[Floats, Floats, Regions]:
        source = self.phantoms if self.phantoms and rng.random() < PHANTOMS else self.real
        item = source[int(rng.integers(len(source)))]
        moved = warped_slice(item, rng)
        item = moved if moved.liver.sum() >= LEAST_LIVER else item
        hu = vary_hu(item, rng)
        level = float(np.median(hu[item.liver])) + rng.normal(0.0, LEVEL_JITTER_HU)
        painted: list[PaintedRegion] = []
        if rng.random() >= SILENT:
            hu, painted = paint_regions(hu, item.liver, rng)
        segments = np.stack([item.liver, *(_union(painted, label) for label in range(1, len(LABELS) + 1))])
        return window_input(hu, level), segments.astype(np.float32), regions_of_painted(painted)


def regions_of_painted(painted: Sequence[PaintedRegion]) -> Regions:
    """Painted regions as boxes, labels and masks."""
    return Regions(
        np.array([one.box for one in painted], dtype=np.float32).reshape(-1, 4),
        np.array([one.label for one in painted], dtype=np.int64),
        np.stack([one.mask for one in painted]).astype(np.uint8) if painted else np.zeros((0, *CANVAS), np.uint8),
    )


def _union(painted: Sequence[PaintedRegion], label: int) -> Floats:
    union = np.zeros(CANVAS, dtype=np.float32)
    for one in painted:
        if one.label == label:
            union[one.mask] = 1.0
    return union
