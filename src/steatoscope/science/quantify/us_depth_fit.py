"""One slope of grey against depth for all beams: robust, with vessels found and their path accounted for.

Cells of a few rows and beams are averaged; each block of beams has its own offset. The fit starts from the median of
slopes between far pairs of cells (Theil, 1950; Sen, 1968) and goes on with Tukey's biweight, so that interfaces and
other organs that fill few cells do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from steatoscope.core.image import Mask
from steatoscope.core.measurement import Quality

Values = NDArray[np.float64]
Indices = NDArray[np.intp]

_BEAMS_A_BLOCK, _CELL_ROWS = 6, 6
_CLUSTER: Final = 3
_LEAST_FILLED: Final = 0.6
_MOST_CLIPPED: Final = 0.1
_FLOOR, _WHITE = 2.0, 253.0
_LEAST_CELLS, _LEAST_BLOCKS = 40, 4
_ROUNDS: Final = 30
_BIWEIGHT: Final = 4.685
_VESSEL_BOX: Final = (5, 3)
_VESSEL_DEVIATIONS, _LEAST_CONTRAST = 3.5, 12.0
_LEAST_CROSSED: Final = 1.0


@dataclass(frozen=True, slots=True)
class DepthSlope:
    """Slope of grey against depth in grey per row (one pixel), with its standard error over ``clusters`` of beams.

    ``residual`` is the scaled median deviation of cells from the fit in grey, ``used`` the share of cells (0-1) that
    count, ``cells`` their number, ``reach_px`` the range of depths from the probe's face.
    """

    grey_per_px: float
    error: float
    clusters: int
    residual: float
    used: float
    cells: int
    reach_px: tuple[float, float]

    def half_width(self, level: float = 0.95) -> float:
        """Half the interval of the slope at a level, by Student's t over clusters of beams."""
        return self.error * float(stats.t.ppf(0.5 + level / 2.0, max(self.clusters - 1, 1)))

    @property
    def quality(self) -> Quality:
        """``ok``, ``warn`` where a sixth of the cells disagree, ``poor`` where a third do."""
        return "ok" if self.used >= 0.83 else "warn" if self.used >= 0.67 else "poor"


@dataclass(frozen=True, eq=False)
class _Cells:
    """Cells: ``block`` of beams (n,), ``grey`` (n,), and ``terms`` (n, 2): depth and vessel crossed, in rows."""

    block: Indices
    grey: Values
    terms: Values

    def lacking(self) -> bool:
        return self.grey.size < _LEAST_CELLS or np.unique(self.block).size < _LEAST_BLOCKS


@dataclass(frozen=True, eq=False)
class _Fit:
    slopes: Values
    offset: Values
    error: float
    clusters: int
    residual: Values
    scale: float


def fit_depth(grey: Values, valid: Mask) -> DepthSlope | None:
    """The common slope of beams of shape (depths, beams) over valid samples; None where too few are left."""
    none = np.zeros(grey.shape, dtype=bool)
    cells = _cells(grey, valid, none)
    first = None if cells.lacking() else _fitted(cells)
    if first is None:
        return None
    vessels = _vessels(grey, valid, first, cells)
    cells = _cells(grey, valid & ~np.asarray(ndimage.binary_dilation(vessels, iterations=2)), vessels)
    fit = None if cells.lacking() else _fitted(cells)
    if fit is None:
        return None
    used = float((np.abs(fit.residual) < 2.5 * fit.scale).mean())
    depth = cells.terms[:, 0]
    reach = (float(depth.min()), float(depth.max()))
    return DepthSlope(float(fit.slopes[0]), fit.error, fit.clusters, fit.scale, used, int(cells.grey.size), reach)


def _cells(grey: Values, valid: Mask, vessels: Mask) -> _Cells:
    """Means of cells that are mostly valid and hardly black or white.

    Means, not medians: interpolation changes the skewness of speckle with depth, and with it the distance of the median
    from the mean.
    """
    inside = _folded(valid)
    clipped = _folded(valid & ((grey <= _FLOOR) | (grey >= _WHITE)))
    total = _folded(np.where(valid, grey, 0.0))
    crossed = _folded(np.cumsum(vessels, axis=0))
    keep = (inside >= _LEAST_FILLED) & (clipped <= _MOST_CLIPPED * inside)
    row, block = np.nonzero(keep)
    terms = np.stack([(row + 0.5) * _CELL_ROWS, crossed[keep]], axis=1)
    return _Cells(block.astype(np.intp), np.asarray(total[keep] / inside[keep], dtype=np.float64), terms)


def _folded(polar: NDArray[np.generic]) -> Values:
    """Means over cells, (bins, blocks)."""
    bins, blocks = polar.shape[0] // _CELL_ROWS, polar.shape[1] // _BEAMS_A_BLOCK
    parts = np.asarray(polar[: bins * _CELL_ROWS, : blocks * _BEAMS_A_BLOCK], dtype=np.float64)
    return np.asarray(parts.reshape(bins, _CELL_ROWS, blocks, _BEAMS_A_BLOCK).mean(axis=(1, 3)), dtype=np.float64)


def _vessels(grey: Values, valid: Mask, first: _Fit, cells: _Cells) -> Mask:
    """Samples far darker than a first fit, after smoothing the speckle; between the valid samples of their beam."""
    block = np.minimum(np.arange(grey.shape[1]) // _BEAMS_A_BLOCK, first.offset.size - 1)
    expected = first.offset[block][None] + first.slopes[0] * np.arange(grey.shape[0])[:, None]
    residual = ndimage.uniform_filter(grey - expected, _VESSEL_BOX, mode="nearest")
    spread = 1.4826 * float(np.median(np.abs(residual[valid] - np.median(residual[valid]))))
    begun = np.maximum.accumulate(valid, axis=0)
    ends = np.maximum.accumulate(valid[::-1], axis=0)[::-1]
    known = np.isin(block, cells.block)[None]
    dark = residual < -max(_VESSEL_DEVIATIONS * spread, _LEAST_CONTRAST)
    return np.asarray(dark & begun & ends & known, dtype=np.bool_)


def _fitted(cells: _Cells) -> _Fit | None:
    """Iteratively reweighted least squares of grey on the terms within blocks."""
    terms = cells.terms[:, : 1 + int(float(np.ptp(cells.terms[:, 1])) > _LEAST_CROSSED)]
    slopes: Values = np.asarray([_median_slope(cells), 0.0][: terms.shape[1]], dtype=np.float64)
    rest = cells.grey - terms @ slopes
    residual = rest - _block_medians(cells.block, rest)[cells.block]
    for _ in range(_ROUNDS):
        scale = max(float(1.4826 * np.median(np.abs(residual))), 0.5)
        weight = np.maximum(1.0 - (residual / (_BIWEIGHT * scale)) ** 2, 0.0) ** 2
        across = terms - _block_means(cells.block, terms, weight)[cells.block]
        normal = across.T @ (weight[:, None] * across)
        if np.linalg.cond(normal) > 1e12:
            return None
        slopes = np.asarray(np.linalg.solve(normal, across.T @ (weight * cells.grey)), dtype=np.float64)
        rest = cells.grey - terms @ slopes
        offset = _block_means(cells.block, rest[:, None], weight)[:, 0]
        residual = rest - offset[cells.block]
    influence = (weight * residual)[:, None] * np.linalg.solve(normal, across.T).T
    shares = np.bincount(cells.block // _CLUSTER, influence[:, 0])
    clusters = np.unique(cells.block // _CLUSTER).size
    few = clusters / max(clusters - 1, 1)
    return _Fit(slopes, offset, float(np.sqrt(few * (shares**2).sum())), clusters, residual, scale)


def _median_slope(cells: _Cells) -> float:
    """Median slope of pairs of cells of one block that lie far apart."""
    depth = cells.terms[:, 0]
    far = 0.35 * float(np.ptp(depth))
    slopes = []
    for block in np.unique(cells.block):
        d, grey = depth[cells.block == block], cells.grey[cells.block == block]
        apart = d[None] - d[:, None]
        i, j = np.nonzero(apart > far)
        slopes.append((grey[j] - grey[i]) / apart[i, j])
    joined = np.concatenate(slopes)
    return float(np.median(joined)) if joined.size else 0.0


def _block_medians(block: Indices, values: Values) -> Values:
    centre = np.zeros(int(block.max()) + 1)
    for k in np.unique(block):
        centre[k] = np.median(values[block == k])
    return centre


def _block_means(block: Indices, values: Values, weight: Values) -> Values:
    """Weighted means per block of values (n, terms), as (blocks, terms)."""
    total = np.maximum(np.bincount(block, weight), 1e-9)
    sums = [np.bincount(block, weight * column) / total for column in values.T]
    return np.stack(sums, axis=1)
