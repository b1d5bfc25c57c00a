"""Representative frames of a clip: how well each shows tissue, and which ones stand for the clip.

Quality is a pure function of the pixels: the share of the sector that shows echoes (contact of the probe, no shadow)
and sharpness, ranked within the clip. Chosen frames are spread over the clip, the best of each stretch of time.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask

ECHO_GREY = 12
Values = NDArray[np.float64]


def coverage(frames: NDArray[np.uint8], tissue: Mask) -> Values:
    """Share (0-1) of the tissue's pixels that show echoes, for each frame (n, rows, columns); 0 without tissue."""
    if not tissue.any():
        return np.zeros(len(frames))
    return np.array([float((frame[tissue] > ECHO_GREY).mean()) for frame in frames])


def sharpness(frames: NDArray[np.uint8], tissue: Mask) -> Values:
    """Variance of the Laplacian over the tissue relative to that of its grey, for each frame; 0 without tissue."""
    if not tissue.any():
        return np.zeros(len(frames))
    inner = cv2.erode(tissue.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    inner = inner if inner.any() else tissue
    edges = [cv2.Laplacian(frame.astype(np.float32), cv2.CV_32F)[inner].var() for frame in frames]
    spread = [max(float(frame[inner].astype(np.float32).var()), 1.0) for frame in frames]
    return np.asarray(np.asarray(edges, dtype=np.float64) / np.asarray(spread))


def frame_quality(frames: NDArray[np.uint8], tissue: Mask) -> Values:
    """Quality (0-1) of each frame within its clip: the mean of its ranks by coverage and by sharpness."""
    return (_ranked(coverage(frames, tissue)) + _ranked(sharpness(frames, tissue))) / 2.0


def representative(quality: Values, count: int) -> NDArray[np.intp]:
    """Numbers of ``count`` frames in order of time: the best of each of as many equal stretches; all where fewer."""
    if count < 1:
        raise ValueError(f"at least one frame is to be chosen, not {count}")
    if len(quality) <= count:
        return np.arange(len(quality), dtype=np.intp)
    stretches = np.array_split(np.arange(len(quality)), count)
    return np.array([stretch[int(np.argmax(quality[stretch]))] for stretch in stretches], dtype=np.intp)


def _ranked(values: Values) -> Values:
    """Ranks from 0 to 1, ties sharing the mean of theirs; one half for a single frame."""
    if len(values) < 2:
        return np.full(len(values), 0.5)
    below = (values[:, None] > values[None]).sum(axis=1)
    same = (values[:, None] == values[None]).sum(axis=1) - 1
    return np.asarray((below + same / 2.0) / (len(values) - 1))
