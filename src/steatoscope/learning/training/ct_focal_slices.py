"""Real liver slices on which focal regions may be painted: those whose liver looks even, told by a blob measure.

The slices hold tumours that nobody marked. A slice with a dark or bright blob inside the liver must serve neither as
picture without regions nor as ground for painted ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.ct_localiser_window import LiverWindow
from steatoscope.learning.training.sets import Sample
from steatoscope.learning.training.sets_liver_png import turned

BODY_WIDTH_MM = 350.0
LEAST_LIVER_MM2 = 2500.0
CLIPPED_BELOW = 2
RIM_PIXELS = 11
FINE_PIXELS, COARSE_PIXELS = 2.5, 25.0
DARK_Z, DARK_HU = 2.2, (10.0, 30.0)
LEAST_BLOB_MM2 = 45.0
LEAST_FILL = 0.5


@dataclass(frozen=True, eq=False)
class LiverSlice:
    """A slice in the localiser's window, arrays of the canvas's shape.

    ``hu`` is HU (0-255 where stored so), ``liver`` its mask, ``outside`` of the body, ``unknown`` clipped at 0 HU.
    ``blob_mm2`` is the area of the largest dark blob in the liver.
    """

    name: str
    volume: str
    hu: NDArray[np.int16]
    liver: Mask
    outside: Mask
    unknown: Mask
    blob_mm2: float

    @property
    def even(self) -> bool:
        """Whether the liver holds no blob that could be a tumour."""
        return self.blob_mm2 < LEAST_BLOB_MM2


def liver_slice(sample: Sample) -> LiverSlice | None:
    """A stored 8-bit slice in its window; None where less than 25 cm2 of liver is in it."""
    name = sample.path.name
    grey = np.ascontiguousarray(turned(np.asarray(sample.image(), dtype=np.uint8), name))
    liver = np.ascontiguousarray(turned(sample.mask("liver"), name))
    side = BODY_WIDTH_MM / _body_width(grey > CLIPPED_BELOW)
    if liver.sum() * side**2 < LEAST_LIVER_MM2:
        return None
    window = LiverWindow.around(liver, (side, side))
    hu = np.clip(np.round(window.to_canvas(grey)), 0, 255).astype(np.int16)
    inside = window.to_canvas(liver) > 0.5
    outside = window.to_canvas(_outside(grey > CLIPPED_BELOW), outside=1.0) > 0.5
    return LiverSlice(name, sample.group, hu, inside, outside, hu <= CLIPPED_BELOW, largest_blob(hu, inside))


def largest_blob(hu: NDArray[np.generic], liver: Mask) -> float:
    """Area in mm2 (pixels of the window) of the largest compact dark blob in a liver, away from its rim; 0 for none.

    The slice is smoothed within the liver and compared with its wide surroundings in robust standard deviations, but
    30 HU are always enough; blobs that fill less than half of the ellipse of their moments (what branches) do not
    count.
    """
    values = np.asarray(hu, dtype=np.float32)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (RIM_PIXELS, RIM_PIXELS))
    core = cv2.erode(np.pad(liver.astype(np.uint8), 1), kernel)[1:-1, 1:-1] > 0
    if core.sum() < LEAST_BLOB_MM2:
        return 0.0
    fine = smoothed_within(values, liver, FINE_PIXELS)
    level = np.minimum(smoothed_within(values, liver, COARSE_PIXELS), float(np.median(values[liver])))
    spread = 1.4826 * float(np.median(np.abs(fine - level)[core]))
    low = core & (fine < level - np.clip(DARK_Z * spread, *DARK_HU))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(low.astype(np.uint8))
    areas = {i: float(stats[i, cv2.CC_STAT_AREA]) for i in range(1, count)}
    large = [i for i, area in areas.items() if area >= LEAST_BLOB_MM2 and fill(labels == i) >= LEAST_FILL]
    return max((areas[i] for i in large), default=0.0)


def fill(mask: Mask) -> float:
    """Share of the ellipse with a mask's second moments that the mask fills: 1 for an ellipse, low for branches."""
    y, x = np.nonzero(mask)
    if x.size < 4:
        return 0.0
    spread = np.cov(np.stack([x, y])) + np.eye(2) / 12.0
    return float(x.size / (4.0 * np.pi * np.sqrt(max(np.linalg.det(spread), 1e-9))))


def smoothed_within(values: Floats, inside: Mask, sigma: float) -> Floats:
    """Gaussian means (rows, columns) that take nothing from outside a mask; 0 there."""
    weight = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), sigma)
    total = cv2.GaussianBlur(np.where(inside, values, 0.0).astype(np.float32), (0, 0), sigma)
    return np.asarray(np.where(inside, total / np.maximum(weight, 1e-6), 0.0), dtype=np.float32)


def liver_slices(samples: Sequence[Sample]) -> list[LiverSlice]:
    """All slices with liver, in the samples' order."""
    found = [liver_slice(sample) for sample in samples]
    return [one for one in found if one is not None]


def _body_width(bright: Mask) -> int:
    columns = np.flatnonzero(bright.mean(axis=0) > 0.05)
    return max(1, int(columns[-1] - columns[0] + 1)) if columns.size else bright.shape[1]


def _outside(bright: Mask) -> Mask:
    closed = cv2.morphologyEx(bright.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(closed)
    cv2.drawContours(filled, contours, -1, 1, thickness=-1)
    return np.asarray(filled == 0)
