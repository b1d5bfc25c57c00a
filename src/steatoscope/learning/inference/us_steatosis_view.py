"""Every ultrasound view on one canvas: the frame that the steatosis model's networks read.

The canvas is the training scanner's own picture (phased array, 434 x 636): pictures of that scanner pass unchanged,
others are moved and scaled so that their sector lies where the training sectors lie.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.imaging.preprocess.us_sector import Sector

ROWS, COLUMNS = 434, 636
APEX, RADIUS, WIDEST = (317.6, 7.3), 359.7, 600.0
CROP = (1, 433, 6, 630)
SHRINK = 3
GRID = ((CROP[1] - CROP[0]) // SHRINK, (CROP[3] - CROP[2]) // SHRINK)
CELL = 2 * SHRINK
_SAME_SCALE, _SAME_PLACE = 0.01, 1.5
_LOCAL_SIGMA = 12.0

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class CanvasView:
    """Frames (n, 434, 636) and tissue (434, 636) on the canvas; ``x' = scale x + shift`` maps pictures to it."""

    frames: NDArray[np.uint8]
    tissue: Mask
    scale: float
    shift: tuple[float, float]

    def to_picture(self, box: Box) -> Box:
        """A box (x0, y0, x1, y1) of the canvas in pixels of the picture."""
        x0, y0, x1, y1 = ((value - self.shift[k % 2]) / self.scale for k, value in enumerate(box))
        return (x0, y0, x1, y1)

    def map_to_picture(self, values: Floats, shape: tuple[int, int]) -> Floats:
        """A map of the canvas (434, 636) on a picture of a shape (rows, columns), 0 outside."""
        matrix = np.array([[self.scale, 0.0, self.shift[0]], [0.0, self.scale, self.shift[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(values, matrix, (shape[1], shape[0]), flags=flags), dtype=np.float32)


def on_canvas(frames: NDArray[np.uint8], sector: Sector, tissue: Mask) -> CanvasView:
    """Frames (n, rows, columns) of one view on the canvas, 0 outside the sector."""
    scale, shift = _placement(sector)
    if abs(scale - 1.0) < _SAME_SCALE and max(map(abs, shift)) < _SAME_PLACE and frames.shape[1:] == (ROWS, COLUMNS):
        return CanvasView(np.where(sector.mask, frames, 0).astype(np.uint8), tissue, 1.0, (0.0, 0.0))
    matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    flag = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    placed = [cv2.warpAffine(np.where(sector.mask, f, 0).astype(np.uint8), matrix, (COLUMNS, ROWS)) for f in frames]
    del flag
    inside = cv2.warpAffine(tissue.astype(np.uint8), matrix, (COLUMNS, ROWS), flags=cv2.INTER_NEAREST) > 0
    return CanvasView(np.stack(placed).astype(np.uint8), np.asarray(inside), scale, shift)


def _placement(sector: Sector) -> tuple[float, tuple[float, float]]:
    """Scale and shift: a phased array by its apex and radius, any other probe by the box around its sector."""
    rows, columns = np.flatnonzero(sector.mask.any(axis=1)), np.flatnonzero(sector.mask.any(axis=0))
    if sector.kind == "sector":
        scale, (x, y) = RADIUS / sector.outer_radius, sector.apex
    else:
        height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        scale = min(RADIUS / height, WIDEST / width)
        x, y = (columns[0] + columns[-1]) / 2.0, float(rows[0])
    return float(scale), (float(APEX[0] - scale * x), float(APEX[1] - scale * y))


def shrunk(image: NDArray[np.generic]) -> Floats:
    """The canvas (434, 636) cropped and averaged over 3 x 3 pixels: (144, 208)."""
    y0, y1, x0, x1 = CROP
    cut = np.asarray(image, dtype=np.float32)[y0:y1, x0:x1]
    return np.asarray(cut.reshape(GRID[0], SHRINK, GRID[1], SHRINK).mean(axis=(1, 3)), dtype=np.float32)


def localiser_channels(grey: Floats, inside: Floats) -> Floats:
    """The localiser's input (4, 144, 208) from a shrunken frame and the share of each pixel that is tissue.

    Grey against the sector's mean and SD, grey against its surroundings (Gaussian, sigma 12), row, column.
    """
    where = inside > 0.5
    values = grey[where] if where.any() else grey.ravel()
    flat = np.where(where, (grey - values.mean()) / (values.std() + 5.0), 0.0)
    local = np.where(where, _against_surroundings(grey, where), 0.0)
    y, x = np.meshgrid(np.linspace(-1, 1, grey.shape[0]), np.linspace(-1, 1, grey.shape[1]), indexing="ij")
    return np.stack([flat, local, y, x]).astype(np.float32)


def _against_surroundings(grey: Floats, where: Mask) -> Floats:
    weight = cv2.GaussianBlur(where.astype(np.float32), (0, 0), _LOCAL_SIGMA) + 1e-3
    mean = cv2.GaussianBlur(np.where(where, grey, 0).astype(np.float32), (0, 0), _LOCAL_SIGMA) / weight
    square = cv2.GaussianBlur(np.where(where, grey * grey, 0).astype(np.float32), (0, 0), _LOCAL_SIGMA) / weight
    spread = np.sqrt(np.maximum(square - mean * mean, 0.0))
    return np.asarray((grey - mean) / (spread + 5.0), dtype=np.float32)
