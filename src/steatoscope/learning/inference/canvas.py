"""Pictures on the fixed canvas of a network, and masks and boxes back in the picture's own pixels.

A part of the picture (the scan sector, the body) is fitted into the canvas with its aspect kept. Both directions are
one affine map between pixel centres, so that masks come back exactly where they were found.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask

Box = tuple[int, int, int, int]
LEAST_SPREAD = 5.0


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a part of a picture lies on a canvas: box (x0, y0, x1, y1, end excluded) and the target rectangle."""

    picture: tuple[int, int]
    canvas: tuple[int, int]
    box: Box
    target: Box

    @classmethod
    def fitting(cls, picture: tuple[int, int], box: Box, canvas: tuple[int, int]) -> Placement:
        """The box of a picture (rows, columns), centred on the canvas (rows, columns) and as large as fits."""
        width, height = box[2] - box[0], box[3] - box[1]
        if width < 1 or height < 1:
            raise ValueError(f"the box {box} holds no pixel")
        scale = min(canvas[0] / height, canvas[1] / width)
        columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
        x, y = (canvas[1] - columns) // 2, (canvas[0] - rows) // 2
        return cls(picture, canvas, box, (x, y, x + columns, y + rows))

    @property
    def scale(self) -> tuple[float, float]:
        """Canvas pixels per picture pixel, along x and y."""
        return (
            (self.target[2] - self.target[0]) / (self.box[2] - self.box[0]),
            (self.target[3] - self.target[1]) / (self.box[3] - self.box[1]),
        )

    def to_canvas(self, image: NDArray[np.generic]) -> Floats:
        """A picture (rows, columns) on the canvas, 0 outside; area means where it shrinks, else linear."""
        part = np.ascontiguousarray(image[self.box[1] : self.box[3], self.box[0] : self.box[2]], dtype=np.float32)
        size = (self.target[2] - self.target[0], self.target[3] - self.target[1])
        shrinks = self.scale[0] < 1.0
        resized = cv2.resize(part, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        canvas = np.zeros(self.canvas, dtype=np.float32)
        canvas[self.target[1] : self.target[3], self.target[0] : self.target[2]] = resized
        return canvas

    def from_canvas(self, maps: NDArray[np.floating]) -> Floats:
        """Maps (classes, canvas rows, canvas columns) on the picture (classes, rows, columns), 0 outside the box."""
        size = (self.box[2] - self.box[0], self.box[3] - self.box[1])
        found = np.zeros((len(maps), *self.picture), dtype=np.float32)
        for source, goal in zip(maps, found, strict=True):
            part = np.ascontiguousarray(
                source[self.target[1] : self.target[3], self.target[0] : self.target[2]], dtype=np.float32
            )
            goal[self.box[1] : self.box[3], self.box[0] : self.box[2]] = cv2.resize(
                part, size, interpolation=cv2.INTER_LINEAR
            )
        return found

    def box_from_canvas(self, box: NDArray[np.floating]) -> NDArray[np.float64]:
        """Boxes (..., 4; x0, y0, x1, y1) of the canvas in pixels of the picture."""
        scale = np.array([*self.scale, *self.scale])
        start = np.array([self.target[0], self.target[1]] * 2)
        origin = np.array([self.box[0], self.box[1]] * 2)
        return np.asarray((np.asarray(box, dtype=np.float64) - start) / scale + origin)


def bounding_box(mask: Mask) -> Box:
    """The smallest box (x0, y0, x1, y1, end excluded) around a mask (rows, columns) that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def standardised(grey: NDArray[np.floating], inside: Mask) -> Floats:
    """Grey (rows, columns) with mean 0 and spread 1 over ``inside``, 0 elsewhere."""
    values = grey[inside]
    if not values.size:
        return np.zeros(grey.shape, dtype=np.float32)
    scaled = (grey - values.mean()) / (values.std() + LEAST_SPREAD)
    return np.where(inside, scaled, 0.0).astype(np.float32)
