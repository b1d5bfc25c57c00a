"""Grey values and the share of coloured pixels of RGB frames."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_COLOUR_STEP: Final = 20


def coloured_share(rgb: NDArray[np.uint8]) -> float:
    """Share (0-1) of pixels of an (rows, columns, 3) frame with |R - G| > 20 or |G - B| > 20."""
    red, green, blue = (rgb[..., band].astype(np.int16) for band in range(3))
    return float(np.mean((np.abs(red - green) > _COLOUR_STEP) | (np.abs(green - blue) > _COLOUR_STEP)))


def to_grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma of an (rows, columns, 3) frame by ITU-R BT.601, exact for pixels whose bands are equal."""
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)
    total = rgb.astype(np.uint32) @ weights
    return ((total + 32768) >> 16).astype(np.uint8)
