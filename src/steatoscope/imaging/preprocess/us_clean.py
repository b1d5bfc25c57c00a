"""Burned-in marks inside an ultrasound sector: text, ECG or respiration traces, callipers.

For measurement, marks are only masked; the picture is never changed. A copy for display may be filled in.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask
from steatoscope.imaging.preprocess.us_sector import Sector

_SATURATED, _SURROUND = 240, 70.0
_GLYPH_SIDE, _GLYPH_AREA = 40, 500
_LINE_RISE, _LINE_LENGTH = 45.0, 45
_TRACE_RISE, _TRACE_GREY, _TRACE_WIDTH, _TRACE_OUTSIDE = 50, 130, 8, 15
_MARGIN = 2


def marks_mask(frames: NDArray[np.uint8], sector: Sector) -> Mask:
    """Pixels (rows, columns) in the sector that carry burned-in marks in any of up to eight frames (n, rows, columns).

    Marks are small saturated glyph-like blobs (clinical reference, section 7.3), long straight upright or level lines
    far brighter than both their sides, and thin bright traces that enter from outside the sector. Tissue is saturated
    too where gain is high: a blob counts only where its surroundings are not bright.
    """
    chosen = np.unique(np.linspace(0, frames.shape[0] - 1, min(frames.shape[0], 8)).round().astype(int))
    marks = np.zeros(sector.mask.shape, dtype=bool)
    for index in chosen:
        marks |= _glyphs(frames[index]) | _lines(frames[index]) | _traces(frames[index], sector)
    grown = cv2.dilate(marks.astype(np.uint8), np.ones((2 * _MARGIN + 1, 2 * _MARGIN + 1), np.uint8)) > 0
    return np.asarray(grown & sector.mask)


def tissue_mask(frames: NDArray[np.uint8], sector: Sector) -> Mask:
    """Sector pixels (rows, columns) fit for measurement: those without marks."""
    return np.asarray(sector.mask & ~marks_mask(frames, sector))


def display_copy(frame: NDArray[np.uint8], sector: Sector, marks: Mask) -> NDArray[np.uint8]:
    """A frame (rows, columns) for display only: black outside the sector, marks filled from around (Telea, 2004)."""
    inside = np.where(sector.mask, frame, 0).astype(np.uint8)
    return np.asarray(cv2.inpaint(inside, marks.astype(np.uint8), 3, cv2.INPAINT_TELEA), dtype=np.uint8)


def _glyphs(frame: NDArray[np.uint8]) -> Mask:
    bright = (frame > _SATURATED).astype(np.uint8)
    joined = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    dark = cv2.dilate(bright, np.ones((5, 5), np.uint8)) == 0
    around = cv2.blur(np.where(dark, frame, 0).astype(np.float32), (41, 41))
    around /= np.maximum(cv2.blur(dark.astype(np.float32), (41, 41)), 1e-3)
    found = np.zeros(frame.shape, dtype=bool)
    for label in range(1, count):
        x, y, width, height, area = (int(value) for value in stats[label])
        small = 6 <= area <= _GLYPH_AREA and max(width, height) <= _GLYPH_SIDE
        if small and around[y + height // 2, x + width // 2] < _SURROUND:
            found |= labels == label
    return found


def _traces(frame: NDArray[np.uint8], sector: Sector) -> Mask:
    thin = cv2.morphologyEx(frame, cv2.MORPH_TOPHAT, np.ones((7, 7), np.uint8))
    ridge = ((thin > _TRACE_RISE) & (frame > _TRACE_GREY)).astype(np.uint8)
    joined = cv2.morphologyEx(ridge, cv2.MORPH_CLOSE, np.ones((5, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    extent = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    beyond = cv2.dilate(sector.mask.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    outside = np.bincount(labels[beyond], minlength=count)
    kept = (
        (extent >= _LINE_LENGTH) & (stats[:, cv2.CC_STAT_AREA] <= _TRACE_WIDTH * extent) & (outside >= _TRACE_OUTSIDE)
    )
    kept[0] = False
    return np.asarray(kept[labels])


def _lines(frame: NDArray[np.uint8]) -> Mask:
    values = frame.astype(np.float32)
    upright, level = np.ones((_LINE_LENGTH, 1), np.uint8), np.ones((1, _LINE_LENGTH), np.uint8)
    return _ridges(values, (3, 0), upright) | _ridges(values, (0, 3), level)


def _ridges(values: NDArray[np.float32], step: tuple[int, int], length: NDArray[np.uint8]) -> Mask:
    dx, dy = step
    padded = np.pad(values, 3, mode="edge")
    rows, columns = values.shape
    one = padded[3 + dy : 3 + dy + rows, 3 + dx : 3 + dx + columns]
    other = padded[3 - dy : 3 - dy + rows, 3 - dx : 3 - dx + columns]
    ridge = (values - np.maximum(one, other) > _LINE_RISE).astype(np.uint8)
    bridged = cv2.morphologyEx(ridge, cv2.MORPH_CLOSE, length[:5, :5])
    return np.asarray(cv2.morphologyEx(bridged, cv2.MORPH_OPEN, length) > 0)
