"""The window around the liver that the CT localiser reads: one millimetre a pixel, HU relative to the liver."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.canvas import bounding_box

CANVAS = (224, 256)
MM_PER_PIXEL = 1.0
MARGIN = 12.0
HU_PER_UNIT, MOST_UNITS = 40.0, 5.0
AIR_HU = -1000.0
ASSUMED_WIDTH_MM = 350.0


@dataclass(frozen=True, slots=True)
class LiverWindow:
    """An affine map between a slice (rows, columns) and the canvas: ``scale`` canvas pixels per pixel along x and y,
    ``shift`` the canvas place of the slice's first pixel (its centre)."""

    picture: tuple[int, int]
    scale: tuple[float, float]
    shift: tuple[float, float]

    @classmethod
    def around(cls, liver: Mask, spacing: tuple[float, float]) -> LiverWindow:
        """The window about a liver mask (rows, columns) with row and column spacing in mm.

        One millimetre a pixel, coarser where a liver (one of all slices together) would not fit.
        """
        x0, y0, x1, y1 = bounding_box(liver)
        width, height = (x1 - x0) * spacing[1], (y1 - y0) * spacing[0]
        step = max(MM_PER_PIXEL, width / (CANVAS[1] - 2 * MARGIN), height / (CANVAS[0] - 2 * MARGIN))
        scale = (spacing[1] / step, spacing[0] / step)
        middle = ((x0 + x1 - 1) / 2.0, (y0 + y1 - 1) / 2.0)
        shift = ((CANVAS[1] - 1) / 2.0 - scale[0] * middle[0], (CANVAS[0] - 1) / 2.0 - scale[1] * middle[1])
        return cls((int(liver.shape[0]), int(liver.shape[1])), scale, shift)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Slice to canvas as 2 x 3, for cv2.warpAffine."""
        return np.array([[self.scale[0], 0.0, self.shift[0]], [0.0, self.scale[1], self.shift[1]]])

    def to_canvas(self, image: NDArray[np.generic], *, outside: float = 0.0) -> Floats:
        """A slice (rows, columns) on the canvas, smoothed first where it shrinks; ``outside`` fills the rest."""
        grey = np.asarray(image, dtype=np.float32)
        sigmas = [0.5 * max(0.0, 1.0 / scale - 1.0) for scale in self.scale]
        if max(sigmas) > 0.1:
            grey = cv2.GaussianBlur(grey, (0, 0), max(sigmas[0], 0.05), sigmaY=max(sigmas[1], 0.05))
        moved = cv2.warpAffine(grey, self.matrix, CANVAS[::-1], flags=cv2.INTER_LINEAR, borderValue=outside)
        return np.asarray(moved, dtype=np.float32)

    def from_canvas(self, mask: Mask) -> Mask:
        """A mask on the canvas (rows, columns) in the slice's own grid."""
        back = cv2.warpAffine(
            mask.astype(np.float32),
            self.matrix,
            self.picture[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        return np.asarray(back >= 0.5)


def window_input(hu: Floats, liver_hu: float) -> Floats:
    """What the network takes: HU above the liver's median, 40 HU a unit, at most 5 units either way."""
    return np.asarray(np.clip((hu - liver_hu) / HU_PER_UNIT, -MOST_UNITS, MOST_UNITS), dtype=np.float32)


def assumed_spacing(columns: int) -> float:
    """Pixel side in mm where a file gives none: as if the picture were 350 mm wide."""
    return ASSUMED_WIDTH_MM / columns
