"""Words and callipers burned in over the tissue of an ultrasound picture, whatever the brightness around them.

A reader is to be warned of them; what is measured does not change (that is :func:`us_clean.marks_mask`'s task). They
are small thin figures far above the tissue beside them with an edge of one pixel, the same in every frame (clinical
reference, section 7.3), and stand in a row or are crosses. Speckle is as small and as bright, but its edges are soft,
and it stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask
from steatoscope.imaging.preprocess.us_sector import Sector

Box = tuple[int, int, int, int]

_FRAMES: Final = 8
_INSET: Final = 9
_STROKE: Final = 9
_LEAST_GREY, _LEAST_RISE = 140, 45
_AREA, _SIDES = (8, 500), (5, 60)
_CONTRAST, _SPREADS, _SHARP, _THICK = 60.0, 3.0, 0.7, 6.0
_NEAR: Final = 41
_ROW: Final = 2
_HEIGHTS, _GAP, _SHIFT = 1.6, 1.5, 0.35
_ARMS, _CROSS_SIDES, _SQUARE = 0.8, (7, 31), 1.25


@dataclass(frozen=True, eq=False)
class BurnedMarks:
    """Marks over the tissue: boxes (x0, y0, x1, y1; the ends excluded) of rows of glyphs and of crosses, in pixels.

    ``ink`` are the pixels (rows, columns) of their strokes.
    """

    words: tuple[Box, ...]
    crosses: tuple[Box, ...]
    ink: Mask

    def __bool__(self) -> bool:
        return bool(self.words or self.crosses)


@dataclass(frozen=True, eq=False)
class _Glyph:
    box: Box
    ink: Mask

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]


def burned_marks(frames: NDArray[np.uint8], sector: Sector) -> BurnedMarks:
    """Marks in the sector that stand in all of up to eight frames (n, rows, columns) grey; n may be 1."""
    chosen = np.unique(np.linspace(0, frames.shape[0] - 1, min(frames.shape[0], _FRAMES)).round().astype(int))
    steady = np.asarray(frames[chosen].min(axis=0), dtype=np.uint8)
    glyphs = _glyphs(steady, sector.mask)
    rows = _rows(glyphs)
    crosses = [glyph for glyph in glyphs if _is_cross(glyph.ink)]
    ink = np.zeros(sector.mask.shape, dtype=np.bool_)
    for glyph in (*(one for row in rows for one in row), *crosses):
        x0, y0, x1, y1 = glyph.box
        ink[y0:y1, x0:x1] |= glyph.ink
    return BurnedMarks(tuple(_around(row) for row in rows), tuple(glyph.box for glyph in crosses), ink)


def _glyphs(steady: NDArray[np.uint8], mask: Mask) -> list[_Glyph]:
    """Thin, sharp figures far above the tissue beside them, within the sector and off its edge."""
    inside = cv2.erode(np.pad(mask, 1).astype(np.uint8), np.ones((_INSET, _INSET), np.uint8))[1:-1, 1:-1] > 0
    rise = cv2.morphologyEx(steady, cv2.MORPH_TOPHAT, np.ones((_STROKE, _STROKE), np.uint8))
    ink = np.asarray((rise > _LEAST_RISE) & (steady > _LEAST_GREY) & inside)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    spread = _spread(steady, mask & ~ink)
    found = []
    for label in range(1, count):
        x, y, width, height, area = (int(value) for value in stats[label])
        if not (_AREA[0] <= area <= _AREA[1] and _SIDES[0] <= max(width, height) <= _SIDES[1]):
            continue
        top, left = max(y - 3, 0), max(x - 3, 0)
        window = (slice(top, y + height + 3), slice(left, x + width + 3))
        own = labels[window] == label
        if _sharp(steady[window], own, ink[window], float(spread[y + height // 2, x + width // 2])):
            found.append(_Glyph((x, y, x + width, y + height), labels[y : y + height, x : x + width] == label))
    return found


def _spread(steady: NDArray[np.uint8], tissue: Mask) -> NDArray[np.float32]:
    """Standard deviation of the tissue's grey levels about each pixel (rows, columns)."""
    weight = np.maximum(cv2.blur(tissue.astype(np.float32), (_NEAR, _NEAR)), 1e-3)
    values = np.where(tissue, steady, 0).astype(np.float32)
    mean = cv2.blur(values, (_NEAR, _NEAR)) / weight
    square = cv2.blur(values * values, (_NEAR, _NEAR)) / weight
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0.0)), dtype=np.float32)


def _sharp(grey: NDArray[np.uint8], own: Mask, ink: Mask, spread: float) -> bool:
    """Whether a figure rises far above its surroundings, most of it within one pixel, in thin strokes."""
    shape = own.astype(np.uint8)
    beside = cv2.dilate(shape, np.ones((3, 3), np.uint8)) > 0
    wide = cv2.dilate(shape, np.ones((7, 7), np.uint8)) > 0
    rim, around = beside & ~ink, wide & ~beside & ~ink
    if not rim.any() or not around.any():
        return False
    level = float(np.median(grey[own]))
    contrast = level - float(grey[around].mean())
    step = level - float(np.median(grey[rim]))
    thick = 2.0 * float(cv2.distanceTransform(np.pad(shape, 1), cv2.DIST_L2, 3).max())
    return contrast > max(_CONTRAST, _SPREADS * spread) and step > _SHARP * contrast and thick <= _THICK


def _rows(glyphs: Sequence[_Glyph]) -> list[list[_Glyph]]:
    """Glyphs of like height side by side on one line, two or more, each row from left to right."""
    rows: list[list[_Glyph]] = []
    for glyph in sorted(glyphs, key=lambda one: one.box[0]):
        near = [row for row in rows if _continues(row[-1], glyph)]
        if near:
            max(near, key=lambda row: row[-1].box[2]).append(glyph)
        else:
            rows.append([glyph])
    return [row for row in rows if len(row) >= _ROW]


def _continues(last: _Glyph, glyph: _Glyph) -> bool:
    tall, short = max(last.height, glyph.height), max(min(last.height, glyph.height), 1)
    gap = glyph.box[0] - last.box[2]
    level = abs((last.box[1] + last.box[3]) - (glyph.box[1] + glyph.box[3])) / 2.0
    return tall <= _HEIGHTS * short and -2 <= gap <= _GAP * tall and level <= _SHIFT * tall


def _is_cross(ink: Mask) -> bool:
    """Whether a figure (rows, columns) is an upright or a slanted cross: thin arms of like length that fill it."""
    rows, columns = ink.shape
    long, short = max(rows, columns), min(rows, columns)
    if not (_CROSS_SIDES[0] <= short and long <= _CROSS_SIDES[1] and long <= _SQUARE * short):
        return False
    y, x = np.mgrid[0:rows, 0:columns]
    v, u = y * (2.0 / (rows - 1)) - 1.0, x * (2.0 / (columns - 1)) - 1.0
    near = 3.2 / short
    upright = [(abs(u) <= near) & half for half in (v < -near, v > near)]
    level = [(abs(v) <= near) & half for half in (u < -near, u > near)]
    falling = [(abs(u - v) <= 1.5 * near) & half for half in (u < -near, u > near)]
    rising = [(abs(u + v) <= 1.5 * near) & half for half in (u < -near, u > near)]
    return _filled(ink, (*upright, *level), short) or _filled(ink, (*falling, *rising), short)


def _filled(ink: Mask, arms: Sequence[NDArray[np.bool_]], side: int) -> bool:
    """Whether each arm carries a stroke along most of its length and little ink lies off the arms."""
    within = np.logical_or.reduce(arms)
    middle = np.zeros_like(ink)
    centre, reach = (ink.shape[0] // 2, ink.shape[1] // 2), 2
    middle[centre[0] - reach : centre[0] + reach + 1, centre[1] - reach : centre[1] + reach + 1] = True
    enough = all(int((ink & arm).sum()) >= _ARMS * (side / 2.0 - 2.0) for arm in arms)
    return enough and int((ink & ~(within | middle)).sum()) <= (1.0 - _ARMS) * int(ink.sum())


def _around(row: Sequence[_Glyph]) -> Box:
    boxes = np.array([glyph.box for glyph in row])
    return (int(boxes[:, 0].min()), int(boxes[:, 1].min()), int(boxes[:, 2].max()), int(boxes[:, 3].max()))
