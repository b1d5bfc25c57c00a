"""Training pictures of the segmentation networks, on their canvas, from files and masks or polygons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Clip, Mask
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.inference.prepare import (
    CLIPPED_BELOW,
    CT_WINDOW_HU,
    Prepared,
    prepare_ct_grey,
    prepare_mr,
    prepare_us,
    silhouette,
)
from steatoscope.learning.training.segment_batches import CanvasPicture

US_CLASSES = ("liver", "mass", "kidney")
BOX_SIDE = 28


def ct_picture(name: str, grey: NDArray[np.uint8], liver: Mask) -> CanvasPicture:
    """A CT slice whose grey is HU clipped to 0-255 (rows, columns), in radiological orientation."""
    low, high = CT_WINDOW_HU
    as_window = (grey.astype(np.float32) - low) / (high - low) * 255.0
    prepared = prepare_ct_grey(np.asarray(as_window, dtype=np.float32))
    hu = _uint8(prepared.placement.to_canvas(grey))
    mask = _uint8(prepared.placement.to_canvas(liver.astype(np.float32)) * 255.0)
    outside = np.where(silhouette(hu > CLIPPED_BELOW), 0, 255).astype(np.uint8)
    unknown = np.where(hu <= CLIPPED_BELOW, 255, 0).astype(np.uint8)
    return CanvasPicture(name, hu, mask[None], np.full_like(mask, 255)[None], np.stack([outside, unknown]))


def mr_picture(name: str, signal: NDArray[np.number], liver: Mask) -> CanvasPicture:
    """An MR magnitude slice (rows, columns) in any unit."""
    prepared = prepare_mr(signal)
    mask = _uint8(prepared.placement.to_canvas(liver.astype(np.float32)) * 255.0)
    return CanvasPicture(name, _uint8(prepared.grey), mask[None], np.full_like(mask, 255)[None], _inside(prepared))


def us_prepared(frame: NDArray[np.uint8]) -> Prepared | None:
    """A B-mode frame on its canvas, None where no sector is found."""
    sector = find_sector(Clip(frame[None]))
    return None if sector is None else prepare_us(frame, tissue_mask(frame[None], sector))


def us_polygons(
    name: str, frame: NDArray[np.uint8], polygons: Mapping[str, Sequence[Sequence[float]]]
) -> CanvasPicture | None:
    """A frame with polygons ``liver`` and ``mass`` (x, y in pixels): no kidney within them, unknown elsewhere."""
    prepared = us_prepared(frame)
    if prepared is None:
        return None
    masks = np.stack([_polygon_mask(prepared, frame.shape, polygons.get(c)) for c in US_CLASSES])
    known = np.zeros_like(masks)
    known[0] = 255 if polygons.get("liver") else 0
    known[1] = 255
    known[2] = np.where(np.maximum(masks[0], masks[1]) > 127, 255, 0)
    return CanvasPicture(name, _uint8(prepared.grey), masks, known, _inside(prepared))


def us_outlined(name: str, frame: NDArray[np.uint8], liver: Mask) -> CanvasPicture | None:
    """A frame with a mask of the liver (rows, columns) as its only class, known everywhere; None without a sector."""
    prepared = us_prepared(frame)
    if prepared is None:
        return None
    mask = _uint8(prepared.placement.to_canvas(liver.astype(np.float32)) * 255.0)[None]
    return CanvasPicture(name, _uint8(prepared.grey), mask, np.full_like(mask, 255), _inside(prepared))


def us_boxes(
    name: str, frame: NDArray[np.uint8], liver: tuple[int, int], kidney: tuple[int, int], *, sampling: float
) -> CanvasPicture | None:
    """A frame with hand-placed 28 x 28 boxes (top-left x, y) in liver and renal cortex: all else is unknown.

    In its own box a class is present and in the other's it is not; no mass is known anywhere.
    """
    prepared = us_prepared(frame)
    if prepared is None:
        return None
    parts = [_box_mask(prepared, frame.shape, corner) for corner in (liver, kidney)]
    masks = np.stack([parts[0], np.zeros_like(parts[0]), parts[1]])
    both = np.maximum(*parts)
    known = np.stack([both, np.zeros_like(both), both])
    return CanvasPicture(name, _uint8(prepared.grey), masks, known, _inside(prepared), sampling)


def read_grey(path: Path) -> NDArray[np.uint8]:
    """A picture file as grey uint8 (rows, columns); FileNotFoundError where it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise FileNotFoundError(path)
    return np.asarray(image, dtype=np.uint8)


def _polygon_mask(
    prepared: Prepared, shape: tuple[int, ...], points: Sequence[Sequence[float]] | None
) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    if points:
        cv2.fillPoly(mask, [np.round(np.asarray(points)).astype(np.int32)], 255)
    return _uint8(prepared.placement.to_canvas(mask))


def _box_mask(prepared: Prepared, shape: tuple[int, ...], corner: tuple[int, int]) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    mask[corner[1] : corner[1] + BOX_SIDE, corner[0] : corner[0] + BOX_SIDE] = 255
    return _uint8(prepared.placement.to_canvas(mask))


def _inside(prepared: Prepared) -> NDArray[np.uint8]:
    return np.where(prepared.inside, 255, 0).astype(np.uint8)[None]


def _uint8(image: NDArray[np.floating] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(image), 0, 255), dtype=np.uint8)
