"""Where an ultrasound picture shows tissue: the largest bright component and its outline points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask

_LEVELS = (4.0, 10.0, 18.0, 28.0, 40.0)
_MIN_AREA = 0.03
_MIN_ROWS = 60
_FLAT_FILL = 2.5


@dataclass(frozen=True, eq=False)
class Outline:
    """Extreme pixels of a component: ``left`` and ``right`` per row, ``top`` and ``bottom`` per column (pixels)."""

    rows: NDArray[np.float64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    columns: NDArray[np.float64]
    top: NDArray[np.float64]
    bottom: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Foreground:
    """The main bright component above ``level``; ``sharp`` is the share of its rim that stands out from the dark.

    ``above_fill`` marks a level just above the grey of a display background that surrounds the sector.
    """

    component: Mask
    outline: Outline
    level: float
    sharp: float
    above_fill: bool = False


def smooth(image: Floats) -> Floats:
    """A 5 x 5 median: keeps straight edges where they are and drops lines thinner than three pixels (ECG, ticks)."""
    return np.asarray(cv2.medianBlur(np.ascontiguousarray(image, dtype=np.float32), 5), dtype=np.float32)


def background_level(smoothed: Floats) -> float:
    """Median grey along the picture's border."""
    rim = (smoothed[:3], smoothed[-3:], smoothed[:, :3], smoothed[:, -3:])
    return float(np.median(np.concatenate([part.ravel() for part in rim])))


def foregrounds(smoothed: Floats) -> list[Foreground]:
    """The main component at several grey levels above the background, those too small left out.

    Where the rim of the lowest one is a flat grey (a display background around the sector), levels just above that
    grey are tried too.
    """
    background = background_level(smoothed)
    lowest = foreground(smoothed, background + _LEVELS[0], background)
    found = [lowest, *(foreground(smoothed, background + step, background) for step in _LEVELS[1:])]
    fill = None if lowest is None else _flat_rim(smoothed, lowest.component)
    if fill is not None:
        above = (foreground(smoothed, fill + step, background) for step in (3.0, 6.0))
        found += [replace(item, above_fill=True) for item in above if item is not None]
    return [item for item in found if item is not None]


def foreground(smoothed: Floats, level: float, background: float) -> Foreground | None:
    """The largest component above a grey level, None where it is under 3 % of the picture or 60 rows high."""
    bright = cv2.morphologyEx((smoothed > level).astype(np.uint8), cv2.MORPH_OPEN, _disc(7))
    joined = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, _disc(15))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    component = (labels == largest) & (bright > 0)
    if component.sum() < _MIN_AREA * component.size or component.any(axis=1).sum() < _MIN_ROWS:
        return None
    rim = _rim(component, 1, 4)
    sharp = float(np.mean(smoothed[rim] > background + 8.0)) if rim.any() else 0.0
    return Foreground(component, outline(component), level, sharp)


def filled(component: Mask) -> Mask:
    """A component with its gaps closed and its holes filled."""
    closed = cv2.morphologyEx(component.astype(np.uint8), cv2.MORPH_CLOSE, _disc(15))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(closed), contours, -1, 1, -1) > 0)


def inset(mask: Mask, pixels: int) -> Mask:
    """A mask without its outermost pixels, where tissue and frame mix; the picture's border counts as outside."""
    kept = cv2.erode(mask.astype(np.uint8), _disc(2 * pixels + 1), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(kept > 0)


def outline(component: Mask) -> Outline:
    """Extreme pixels of a component along rows and columns."""
    rows, columns = np.flatnonzero(component.any(axis=1)), np.flatnonzero(component.any(axis=0))
    by_row, by_column = component[rows], component[:, columns]
    return Outline(
        rows=rows.astype(np.float64),
        left=by_row.argmax(axis=1).astype(np.float64),
        right=(component.shape[1] - 1 - by_row[:, ::-1].argmax(axis=1)).astype(np.float64),
        columns=columns.astype(np.float64),
        top=by_column.argmax(axis=0).astype(np.float64),
        bottom=(component.shape[0] - 1 - by_column[::-1].argmax(axis=0)).astype(np.float64),
    )


def _flat_rim(smoothed: Floats, component: Mask) -> float | None:
    values = smoothed[_rim(component, 3, 8)]
    if values.size == 0:
        return None
    middle = float(np.median(values))
    spread = float(np.median(np.abs(values - middle)))
    return middle if spread <= _FLAT_FILL else None


def _rim(component: Mask, outer: int, inner: int) -> Mask:
    whole = filled(component).astype(np.uint8)
    kept = cv2.erode(whole, _disc(2 * outer + 1)) > 0
    core = cv2.erode(whole, _disc(2 * inner + 1)) > 0
    return np.asarray(kept & ~core)


def _disc(size: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)
