"""Grey levels of deep rasters brought to eight bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_WHITE_LEVELS: Final = (255, 1023, 4095, 16383, 65535)


def to_eight_bits(frames: Sequence[NDArray[Any]]) -> NDArray[np.uint8]:
    """Frames of shape (rows, columns) as one (frames, rows, columns) uint8 stack, on one scale for all of them.

    White is the largest value of the smallest usual depth (8, 10, 12, 14 or 16 bits) that holds every value, so that
    grey ratios are kept; float frames up to 1 are taken as shares of white. Negative values become black.
    """
    stack = np.stack(frames)
    if stack.dtype == np.uint8:
        return stack.astype(np.uint8, copy=False)
    top = float(stack.max())
    white = 1.0 if stack.dtype.kind == "f" and top <= 1.0 else next((w for w in _WHITE_LEVELS if top <= w), top)
    scaled = stack.astype(np.float32) * np.float32(255.0 / white)
    eight: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return eight
