"""Batches for segmentation: stored canvas pictures, warped and varied anew at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from steatoscope.core.image import Floats
from steatoscope.learning.inference.canvas import standardised
from steatoscope.learning.inference.prepare import CT_CENTRE, CT_SPREAD, Kind, ct_grey
from steatoscope.learning.training.augment import Warp, random_matrix, vary_ct, vary_mr, vary_us, warped

WARPS: dict[Kind, Warp] = {
    "us": Warp(),
    "ct": Warp(rotation=0.3, zoom=0.2, aspect=0.12, shift=20.0, mirror=False),
    "mr": Warp(rotation=0.3, zoom=0.2, aspect=0.15, shift=20.0, mirror=True),
}
BATCH = 8
OUTSIDE, UNKNOWN = 0, 1


@dataclass(frozen=True, eq=False)
class CanvasPicture:
    """One training picture on the canvas, all uint8 of shape (rows, columns).

    ``grey`` is 0-255 (CT: HU clipped to 0-255), ``masks`` (classes, rows, columns) 0 or 255, ``known`` likewise: 255
    where the truth of a class is known. ``layers`` holds what the modality needs beside: the sector (US), outside the
    body and grey clipped at 0 HU (CT). ``sampling`` is its share relative to others.
    """

    name: str
    grey: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    known: NDArray[np.uint8]
    layers: NDArray[np.uint8]
    sampling: float = 1.0


@dataclass(frozen=True, eq=False)
class SegmentBatches:
    """``batches(step)``: input (n, 1, rows, columns), masks and known (n, classes, rows, columns), all float."""

    pictures: Sequence[CanvasPicture]
    kind: Kind
    seed: int = 0
    size: int = BATCH
    _odds: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        odds = np.array([picture.sampling for picture in self.pictures], dtype=np.float64)
        object.__setattr__(self, "_odds", odds / odds.sum())

    def __call__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """The batch of a step: the same for the same seed, step and pictures."""
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, step])
        chosen = rng.choice(len(self.pictures), self.size, replace=len(self.pictures) < self.size, p=self._odds)
        parts = [vary(self.pictures[i], self.kind, rng) for i in chosen]
        return (
            torch.from_numpy(np.stack([p[0] for p in parts])[:, None]).to(memory_format=torch.channels_last),
            torch.from_numpy(np.stack([p[1] for p in parts])),
            torch.from_numpy(np.stack([p[2] for p in parts])),
        )


def vary(picture: CanvasPicture, kind: Kind, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Network input (rows, columns), masks and known (classes, rows, columns) of a picture, randomly changed."""
    matrix = random_matrix(rng, (picture.grey.shape[0], picture.grey.shape[1]), WARPS[kind])
    grey = warped(picture.grey[None], matrix)[0]
    masks = warped(picture.masks, matrix) / 255.0
    known = (warped(picture.known, matrix, nearest=True) > 127).astype(np.float32)
    if kind == "ct":
        return _ct_input(picture, grey, masks, matrix, rng), masks, known
    inside = warped(picture.layers[:1], matrix)[0] > 127
    varied = vary_us(grey, rng) if kind == "us" else vary_mr(grey, rng)
    return standardised(varied, inside), masks, known


def _ct_input(
    picture: CanvasPicture, hu: Floats, masks: Floats, matrix: NDArray[np.float64], rng: np.random.Generator
) -> Floats:
    inverse = 255.0 - warped(255 - picture.layers[OUTSIDE][None], matrix)[0]
    unknown = warped(picture.layers[UNKNOWN][None], matrix)[0]
    varied = vary_ct(hu, masks[0], inverse / 255.0, unknown / 255.0, rng)
    return np.asarray((ct_grey(varied) - CT_CENTRE) / CT_SPREAD, dtype=np.float32)
