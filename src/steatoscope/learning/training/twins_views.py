"""Descriptors in which copies and neighbouring frames of one subject correlate, and other subjects do not.

Both keep fine structure only (a low-pass subtracted), so that the shape of a sector or a body and the brightness do
not count. Vectors have unit length; their product is a correlation.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask

Vectors = NDArray[np.float32]
SIDE: Final = 64
BODY_SIDE: Final = 48
_SIGMA: Final = 4.0
_SHIFTS: Final = range(-3, 4)
_ZOOMS: Final = (0.95, 1.05)
_ANGLES: Final = range(-12, 13, 4)
_SCALES: Final = (0.92, 1.0, 1.08)
_BODY_LEVEL: Final = 12
_CLOSING: Final = 15
_FILL: Final = 0.75
_FLOOR: Final = 2.0


def speckle_view(image: NDArray[Any], inside: Mask) -> NDArray[np.float32]:
    """An ultrasound frame cut to its sector, (64, 64), high-passed and locally normalised inside the sector."""
    rows, columns = np.nonzero(inside)
    if rows.size == 0:
        return np.zeros((SIDE, SIDE), np.float32)
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    within = inside[box].astype(np.float32)
    grey = cv2.resize(image[box].astype(np.float32) * within, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    small = cv2.resize(within, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    full = (cv2.erode(small, np.ones((5, 5), np.uint8)) > 0.9).astype(np.float32)
    weight = _smooth(full) + 1e-6
    fine = (grey - _smooth(grey * full) / weight) * full
    spread = np.sqrt(_smooth(fine * fine) / weight) + _FLOOR
    return np.asarray(fine / spread * full, dtype=np.float32)


def moved(views: list[NDArray[np.float32]]) -> Iterator[Vectors]:
    """The views shifted by up to 3 pixels of 64 or zoomed by 5 %: one (images, pixels) array a change."""
    for across, down in product(_SHIFTS, _SHIFTS):
        yield _warped(views, np.array([[1, 0, across], [0, 1, down]], np.float32))
    for zoom in _ZOOMS:
        rest = SIDE / 2 * (1 - zoom)
        yield _warped(views, np.array([[zoom, 0, rest], [0, zoom, rest]], np.float32))


def posed(images: list[NDArray[Any]], angle: float = 0.0, scale: float = 1.0) -> Vectors:
    """Body slices moved to one place, size and long axis (moments of the body), turned by ``angle`` degrees more."""
    return np.stack([_unit(_posed(image, angle, scale)) for image in images])


def body_poses(images: list[NDArray[Any]]) -> Iterator[Vectors]:
    """The slices in the poses that augmentation leaves open: small turns and scales, each also mirrored."""
    for angle, scale in product(_ANGLES, _SCALES):
        vectors = posed(images, angle, scale)
        yield vectors
        yield np.ascontiguousarray(vectors.reshape(-1, BODY_SIDE, BODY_SIDE)[:, :, ::-1]).reshape(len(images), -1)


def unit_vectors(views: list[NDArray[np.float32]]) -> Vectors:
    """Views as vectors of unit length, (images, pixels)."""
    return np.stack([_unit(view) for view in views])


def _posed(image: NDArray[Any], angle: float, scale: float) -> NDArray[np.float32]:
    grey = image.astype(np.float32)
    body = _body(image)
    moments = cv2.moments(body, binaryImage=True)
    if moments["m00"] == 0:
        return np.zeros((BODY_SIDE, BODY_SIDE), np.float32)
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    axis = 0.5 * np.arctan2(2 * moments["mu11"], moments["mu20"] - moments["mu02"])
    zoom = BODY_SIDE * _FILL / np.sqrt(moments["m00"]) * scale
    turn = np.radians(angle) - axis
    rotation = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    move = np.column_stack([rotation, BODY_SIDE / 2 - rotation @ centre])
    soft = cv2.GaussianBlur(grey * body, (0, 0), 0.5 / zoom)
    small = cv2.warpAffine(soft, move, (BODY_SIDE, BODY_SIDE), flags=cv2.INTER_LINEAR)
    fine = np.asarray(small - _smooth(small), dtype=np.float32)
    return np.asarray(fine - fine.mean(), dtype=np.float32)


def _body(image: NDArray[Any]) -> NDArray[np.uint8]:
    """The largest bright part, closed and filled."""
    bright = (cv2.GaussianBlur(image, (0, 0), 2) > _BODY_LEVEL).astype(np.uint8)
    closed = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, np.ones((_CLOSING, _CLOSING), np.uint8))
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    body = np.zeros(image.shape, np.uint8)
    if outlines:
        cv2.drawContours(body, [max(outlines, key=cv2.contourArea)], -1, 1, -1)
    return body


def _warped(views: list[NDArray[np.float32]], move: NDArray[np.float32]) -> Vectors:
    return np.stack([_unit(cv2.warpAffine(view, move, (SIDE, SIDE))) for view in views])


def _smooth(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), _SIGMA), dtype=np.float32)


def _unit(view: NDArray[Any]) -> NDArray[np.float32]:
    length = float(np.linalg.norm(view))
    return np.asarray(view / max(length, 1e-6), dtype=np.float32).ravel()
