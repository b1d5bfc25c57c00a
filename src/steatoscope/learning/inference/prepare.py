"""What each segmentation network sees: ultrasound frames, CT slices in HU, MR magnitude slices, on its canvas.

A prepared slice is grey 0-255 and the part that counts; :func:`network_input` turns both into what the graph takes.
Training prepares its pictures with the same functions, so that a model meets what it was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.canvas import Placement, bounding_box, standardised

Kind = Literal["us", "ct", "mr"]
CANVAS: dict[Kind, tuple[int, int]] = {"us": (192, 256), "ct": (256, 256), "mr": (256, 256)}
CT_WINDOW_HU = (-150.0, 250.0)
CT_CENTRE, CT_SPREAD = 110.0, 60.0
CLIPPED_BELOW, FAT_HU, AIR_HU = 2, -100.0, -1000.0
CLOSING_SHARE = 0.1
MR_TOP_PERCENTILE = 99.5
BODY_SHARE, SPECK = 0.04, 0.02


@dataclass(frozen=True, eq=False)
class Prepared:
    """One picture on the canvas: grey 0-255 and the part that counts, both (rows, columns), and where it lies."""

    grey: Floats
    inside: Mask
    placement: Placement


def prepare_us(frame: NDArray[np.uint8], tissue: Mask) -> Prepared:
    """A B-mode frame (rows, columns), cropped to its sector; ``tissue`` is the sector without burned-in marks."""
    placement = Placement.fitting(_size(frame), bounding_box(tissue), CANVAS["us"])
    inside = placement.to_canvas(tissue) > 0.5
    return Prepared(np.where(inside, placement.to_canvas(np.where(tissue, frame, 0)), 0.0), inside, placement)


def prepare_ct(hu: NDArray[np.floating]) -> Prepared:
    """A CT slice in HU, cropped to the body; -150 to 250 HU become 0-255, so that fatty livers below 0 HU show."""
    return prepare_ct_grey(ct_grey(hu))


def ct_grey(hu: NDArray[np.floating]) -> Floats:
    """HU of any shape as grey 0-255 of the network's window."""
    low, high = CT_WINDOW_HU
    return np.asarray(np.clip((hu - low) / (high - low), 0.0, 1.0) * 255.0, dtype=np.float32)


def prepare_ct_grey(grey: Floats) -> Prepared:
    """As :func:`prepare_ct`, for grey 0-255 of the network's window."""
    above_zero = -CT_WINDOW_HU[0] / (CT_WINDOW_HU[1] - CT_WINDOW_HU[0]) * 255.0
    return _cropped(grey, body_part(grey > above_zero), CANVAS["ct"])


def prepare_mr(signal: NDArray[np.number]) -> Prepared:
    """An MR magnitude slice (rows, columns) in any unit, scaled by its own bright end and cropped to the body."""
    top = float(np.percentile(signal, MR_TOP_PERCENTILE))
    grey = np.asarray(np.clip(signal / max(top, 1e-6), 0.0, 1.0) * 255.0, dtype=np.float32)
    return _cropped(grey, body_part(grey > 20.0), CANVAS["mr"])


def network_input(prepared: Prepared, kind: Kind) -> Floats:
    """What the graph takes (rows, columns): fixed scale for HU, else standardised over the part that counts."""
    if kind == "ct":
        return np.asarray((prepared.grey - CT_CENTRE) / CT_SPREAD, dtype=np.float32)
    return standardised(prepared.grey, prepared.inside)


def body_part(bright: Mask) -> Mask:
    """``bright`` (rows, columns) after opening, without parts smaller than 2 % of the largest (tubes, the table).

    The whole picture where less than 4 % of it is bright.
    """
    opened = cv2.morphologyEx(bright.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2 or stats[1:, cv2.CC_STAT_AREA].sum() < BODY_SHARE * bright.size:
        return np.ones(bright.shape, dtype=np.bool_)
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = np.flatnonzero(areas >= SPECK * areas.max()) + 1
    return np.asarray(np.isin(labels, large))


def _cropped(grey: Floats, body: Mask, canvas: tuple[int, int]) -> Prepared:
    placement = Placement.fitting(_size(grey), bounding_box(body), canvas)
    fitted = placement.to_canvas(grey)
    inside = np.zeros(canvas, dtype=np.bool_)
    x0, y0, x1, y1 = placement.target
    inside[y0:y1, x0:x1] = True
    return Prepared(fitted, inside, placement)


def _size(image: NDArray[np.generic]) -> tuple[int, int]:
    return int(image.shape[0]), int(image.shape[1])


def hu_of_clipped(grey: NDArray[np.number]) -> Floats:
    """HU of a CT slice (rows, columns) that was clipped to 0-255 HU: what lies at 0 becomes fat in the body, else air.

    The body is the filled outline of what is above 0. The values put back are the middle of those that the network met
    in training; they serve to find organs and are no measurement.
    """
    hu = np.asarray(grey, dtype=np.float32)
    clipped = hu <= CLIPPED_BELOW
    return np.where(silhouette(~clipped), np.where(clipped, FAT_HU, hu), AIR_HU).astype(np.float32)


def silhouette(bright: Mask) -> Mask:
    """The filled outline of a body (rows, columns) from what is bright in it; gaps up to a tenth of the side close."""
    side = max(3, round(CLOSING_SHARE * max(bright.shape)) | 1)
    closed = cv2.morphologyEx(bright.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(closed)
    cv2.drawContours(filled, contours, -1, 1.0, thickness=-1)
    return np.asarray(filled > 0)
