"""Which frames of an ultrasound clip to measure: no colour, no frozen copies, steady, sharp and typical ones."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_sector import Sector

COLOUR_LIMIT = 0.005
FROZEN_DIFFERENCE = 0.5
RATE_HZ = 8.0

Indices = NDArray[np.intp]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FrameChoice:
    """Chosen frames in order of time, with what was left out: coloured, frozen copies, and thinned-out frames."""

    indices: Indices
    coloured: Indices
    frozen: Indices

    def frames(self, clip: Clip) -> NDArray[np.uint8]:
        """The chosen frames of the clip (n, rows, columns)."""
        return clip.frames[self.indices]


def select_frames(clip: Clip, sector: Sector, *, limit: int = 10) -> FrameChoice:
    """Up to ``limit`` representative frames of a clip.

    Frames with more than 0.5 % coloured pixels are left out, then copies that differ from the frame before by less
    than 0.5 grey on average; clips with a known frame time are thinned to 5-10 frames a second. Of the rest the
    sharpest, steadiest and most typical are kept. ``indices`` is empty where every frame is coloured.
    """
    everything = np.arange(clip.frames.shape[0])
    share = np.zeros(everything.size) if clip.coloured is None else clip.coloured
    coloured = np.flatnonzero(share > COLOUR_LIMIT)
    left = np.setdiff1d(everything, coloured)
    views = _views(clip, sector, left)
    alive = _alive(views)
    frozen = np.setdiff1d(left, left[alive])
    thinned = _thinned(alive, clip.frame_time_ms)
    best = _best(views, thinned, limit)
    return FrameChoice(left[best], coloured, frozen)


def coloured_share(colour: NDArray[np.uint8], sector: Sector) -> float:
    """Share (0-1) of sector pixels of an RGB frame (rows, columns, 3) with |R-G| or |G-B| over 20."""
    values = colour[sector.mask].astype(np.int16)
    if values.size == 0:
        return 0.0
    differs = (np.abs(values[:, 0] - values[:, 1]) > 20) | (np.abs(values[:, 1] - values[:, 2]) > 20)
    return float(differs.mean())


def _views(clip: Clip, sector: Sector, indices: Indices) -> NDArray[np.float32]:
    rows, columns = np.flatnonzero(sector.mask.any(axis=1)), np.flatnonzero(sector.mask.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside = sector.mask[box]
    views = [np.where(inside, clip.frames[index][box], 0).astype(np.float32) for index in indices]
    return np.stack(views) if views else np.zeros((0, *inside.shape), np.float32)


def _alive(views: NDArray[np.float32]) -> Indices:
    kept: list[int] = []
    for index, view in enumerate(views):
        if not kept or float(np.abs(view - views[kept[-1]]).mean()) >= FROZEN_DIFFERENCE:
            kept.append(index)
    return np.asarray(kept, dtype=np.intp)


def _thinned(indices: Indices, frame_time_ms: float | None) -> Indices:
    if not frame_time_ms or frame_time_ms <= 0:
        return indices
    step = max(1, round(1000.0 / (RATE_HZ * frame_time_ms)))
    return indices[::step]


def _best(views: NDArray[np.float32], indices: Indices, limit: int) -> Indices:
    if indices.size <= limit:
        return indices
    small = np.stack(
        [cv2.resize(views[index], None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) for index in indices]
    )
    typical = np.abs(small - np.median(small, axis=0)).mean(axis=(1, 2))
    motion = _motion(small)
    sharpness = np.array([float(cv2.Laplacian(views[index], cv2.CV_32F).var()) for index in indices])
    score = -_ranked(typical) - _ranked(motion) + _ranked(sharpness)
    return indices[np.sort(np.argsort(-score, kind="stable")[:limit])]


def _motion(small: NDArray[np.float32]) -> Values:
    steps = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2)).astype(np.float64)
    before, after = np.concatenate([steps[:1], steps]), np.concatenate([steps, steps[-1:]])
    return np.asarray((before + after) / 2.0)


def _ranked(values: NDArray[np.floating]) -> Values:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable") / max(values.size - 1, 1)
