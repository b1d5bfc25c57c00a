"""Tests of a map that claims to show what a value rests on: where it lies, whether it follows the model, what it finds.

Randomised weights: Adebayo (NeurIPS 2018). Deletion and insertion: Petsiuk (BMVC 2018), here in the unit of the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from steatoscope.core.image import Mask

Values = NDArray[np.float64]
Grey = NDArray[np.uint8]

FRACTIONS: Final = (0.05, 0.2, 0.5)


def share_within(points: Values, where: Mask) -> float:
    """The share (0-1) of a map's absolute values that lies in a region of its shape; NaN for an empty map."""
    total = float(np.abs(points).sum())
    return float(np.abs(points[where]).sum()) / total if total > 0.0 else float("nan")


def rank_correlation(one: Values, other: Values, where: Mask) -> float:
    """Spearman's correlation of two maps within a region; NaN where either is constant there."""
    first, second = one[where], other[where]
    if first.size < 2 or np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)


def block_order(points: Values, area: Mask, side: int) -> NDArray[np.intp]:
    """Squares of ``side`` pixels that hold some of ``area``, by the map's absolute sum in them, largest first.

    A square is told by its number in the grid of squares, row by row.
    """
    strength, pixels = (block_sums(values, side) for values in (np.abs(points) * area, area.astype(np.float64)))
    inside = np.flatnonzero(pixels.ravel() > 0.0)
    return inside[np.argsort(-strength.ravel()[inside], kind="stable")]


def block_sums(values: Values, side: int) -> Values:
    """Sums over squares of ``side`` pixels (the last ones cut off by the picture's edge)."""
    rows, columns = (np.arange(0, size, side) for size in values.shape)
    return np.asarray(np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1), dtype=np.float64)


def blocks_mask(numbers: Sequence[int] | NDArray[np.intp], shape: tuple[int, int], side: int) -> Mask:
    """The pixels of a picture's shape that lie in the numbered squares."""
    rows, columns = -(-shape[0] // side), -(-shape[1] // side)
    chosen = np.zeros(rows * columns, dtype=bool)
    chosen[np.asarray(numbers, dtype=np.intp)] = True
    wide = np.repeat(np.repeat(chosen.reshape(rows, columns), side, axis=0), side, axis=1)
    return np.asarray(wide[: shape[0], : shape[1]])


@dataclass(frozen=True, slots=True)
class Path:
    """How far the value is from the whole picture's, averaged over the share of squares deleted, and inserted.

    A map that finds what matters has a large ``deletion`` and a small ``insertion``.
    """

    deletion: float
    insertion: float


def perturbed(
    value: Callable[[Grey], float],
    picture: Grey,
    blank: Grey,
    order: NDArray[np.intp],
    side: int,
    *,
    ends: tuple[float, float] | None = None,
    fractions: Sequence[float] = FRACTIONS,
) -> Path:
    """Delete squares of a picture (rows, columns) in an order, and insert them into the blank one, in the value's unit.

    The mean over the share of squares is taken by the trapezium rule from none to all of them. ``ends`` are the values
    of the picture and of the blank one where they are known.
    """
    whole, empty = ends or (value(picture), value(blank))
    taken, given = [0.0], [abs(empty - whole)]
    for fraction in fractions:
        shape = (picture.shape[0], picture.shape[1])
        chosen = blocks_mask(order[: max(1, round(fraction * order.size))], shape, side)
        taken.append(abs(value(np.where(chosen, blank, picture).astype(np.uint8)) - whole))
        given.append(abs(value(np.where(chosen, picture, blank).astype(np.uint8)) - whole))
    places = [0.0, *fractions, 1.0]
    return Path(float(np.trapezoid([*taken, abs(empty - whole)], places)), float(np.trapezoid([*given, 0.0], places)))
