"""The two straight edges of an ultrasound sector, found as lines that support its outline.

A line counts the outline points on it and is charged for points outside it, so that a shadow inside the sector is not
taken for its edge. Pairs that mirror each other are preferred: a probe is symmetric about its axis, and one edge often
lies in the dark.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steatoscope.imaging.preprocess.us_foreground import Outline

_ON, _OFF, _CHARGE = 1.5, 2.5, 2.0
_ASYMMETRY_CHARGE = 0.05
_STEEPEST, _FLATTEST = np.tan(np.radians(8.0)), np.tan(np.radians(65.0))
_DRAWS, _KEPT, _MIRRORS, _RANKED = 1200, 60, 40, 400

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EdgePair:
    """Edges ``x = offset + slope * y`` (pixels) with the outline points on each and the score of the pair."""

    left: tuple[float, float]
    right: tuple[float, float]
    on_left: int
    on_right: int
    score: float

    @property
    def apex(self) -> tuple[float, float]:
        """Where the edges cross: (x, y) in pixels."""
        y = (self.left[0] - self.right[0]) / (self.right[1] - self.left[1])
        return float(self.left[0] + self.left[1] * y), float(y)

    @property
    def angles(self) -> tuple[float, float]:
        """Angles of the left and right edge from straight down, in radians, positive to the right."""
        return float(np.arctan(self.left[1])), float(np.arctan(self.right[1]))


@dataclass(frozen=True, eq=False)
class _Lines:
    offset: Values
    slope: Values
    score: Values

    def take(self, index: NDArray[np.intp]) -> _Lines:
        return _Lines(self.offset[index], self.slope[index], self.score[index])

    def best(self, count: int) -> _Lines:
        return self.take(np.argsort(-self.score, kind="stable")[:count])


def edge_pairs(outline: Outline, *, seed: int = 0, count: int = 12) -> list[EdgePair]:
    """The best pairs of edges of an outline, best first; deterministic for a seed, empty where none fits."""
    rng = np.random.default_rng(seed)
    y = outline.rows
    left, right = _draw(outline.left, y, -1.0, rng), _draw(outline.right, y, 1.0, rng)
    pairs = [_cross(left.best(_KEPT), right.best(_KEPT))]
    kept = left.best(_MIRRORS)
    pairs.append((_repeat(kept), _mirror(kept, outline.right, y, 1.0, rng)))
    kept = right.best(_MIRRORS)
    pairs.append((_mirror(kept, outline.left, y, -1.0, rng), _repeat(kept)))
    first = _join([pair[0] for pair in pairs])
    second = _join([pair[1] for pair in pairs])
    return _select(first, second, outline, count)


def _select(left: _Lines, right: _Lines, outline: Outline, count: int) -> list[EdgePair]:
    if left.score.size == 0:
        return []
    lopsided = np.degrees(np.abs(np.arctan(left.slope) + np.arctan(right.slope)))
    total = left.score + right.score - _ASYMMETRY_CHARGE * outline.rows.size * lopsided
    total[right.slope - left.slope < 2 * _STEEPEST] = -np.inf
    order = [k for k in np.argsort(-total, kind="stable")[:_RANKED] if np.isfinite(total[k])]
    found: list[EdgePair] = []
    for k in order:
        raw = EdgePair((left.offset[k], left.slope[k]), (right.offset[k], right.slope[k]), 0, 0, float(total[k]))
        if len(found) < count and not any(_alike(raw, other) for other in found):
            found.append(raw)
    refined = [_refined(pair, outline) for pair in found]
    return [pair for pair in refined if pair.right[1] - pair.left[1] > _STEEPEST]


def _alike(one: EdgePair, other: EdgePair) -> bool:
    near = all(abs(a - b) < 0.02 for a, b in zip(one.angles, other.angles, strict=True))
    return near and float(np.hypot(one.apex[0] - other.apex[0], one.apex[1] - other.apex[1])) < 8.0


def _refined(pair: EdgePair, outline: Outline) -> EdgePair:
    (left, n) = _fit(pair.left, outline.left, outline.rows)
    (right, m) = _fit(pair.right, outline.right, outline.rows)
    return EdgePair(left, right, n, m, pair.score)


def _fit(line: tuple[float, float], x: Values, y: Values) -> tuple[tuple[float, float], int]:
    offset, slope = float(line[0]), float(line[1])
    on = np.zeros(y.size, dtype=bool)
    for _ in range(3):
        on = np.abs(x - offset - slope * y) < 1.8 * np.hypot(1.0, slope)
        if on.sum() < 0.12 * y.size:
            break
        new_slope, new_offset = np.polyfit(y[on], x[on], 1)
        if abs(new_slope - slope) > 0.1:
            break
        offset, slope = float(new_offset), float(new_slope)
    return (offset, slope), int(on.sum())


def _draw(x: Values, y: Values, side: float, rng: np.random.Generator) -> _Lines:
    i, j = rng.integers(0, y.size, _DRAWS), rng.integers(0, y.size, _DRAWS)
    apart = np.abs(y[i] - y[j]) > 0.12 * (y[-1] - y[0])
    i, j = i[apart], j[apart]
    slope = (x[j] - x[i]) / (y[j] - y[i])
    fits = (side * slope > -_STEEPEST) & (side * slope < _FLATTEST)
    i, slope = i[fits], slope[fits]
    offset = x[i] - slope * y[i]
    return _Lines(offset, slope, _support(offset, slope, x, y, side))


def _mirror(lines: _Lines, x: Values, y: Values, side: float, rng: np.random.Generator) -> _Lines:
    slope = -np.repeat(lines.slope, _MIRRORS)
    k = rng.integers(0, y.size, slope.size)
    offset = x[k] - slope * y[k]
    return _Lines(offset, slope, _support(offset, slope, x, y, side))


def _support(offset: Values, slope: Values, x: Values, y: Values, side: float) -> Values:
    beyond = side * (x[None] - offset[:, None] - slope[:, None] * y) / np.hypot(1.0, slope)[:, None]
    outside = np.clip((beyond - _ON) / (_OFF - _ON), 0.0, 1.0)
    return np.asarray((np.abs(beyond) < _ON).sum(axis=1) - _CHARGE * outside.sum(axis=1), dtype=np.float64)


def _cross(left: _Lines, right: _Lines) -> tuple[_Lines, _Lines]:
    i, j = np.divmod(np.arange(left.score.size * right.score.size), max(right.score.size, 1))
    return left.take(i), right.take(j)


def _repeat(lines: _Lines) -> _Lines:
    return lines.take(np.repeat(np.arange(lines.score.size), _MIRRORS))


def _join(parts: list[_Lines]) -> _Lines:
    return _Lines(
        np.concatenate([part.offset for part in parts]),
        np.concatenate([part.slope for part in parts]),
        np.concatenate([part.score for part in parts]),
    )
