"""Robust regression of grey within blocks of beams: one slope for all, an offset for each.

The fit starts from the median of slopes between far pairs of cells (Theil, 1950; Sen, 1968) and goes on with Tukey's
biweight. The standard error is that of clusters of neighbouring blocks (sandwich), as speckle and texture spread over
beams.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Indices = NDArray[np.intp]

_CLUSTER: Final = 3
_LEAST_CELLS, _LEAST_BLOCKS = 40, 4
_ROUNDS: Final = 30
_BIWEIGHT: Final = 4.685
_LEAST_CROSSED: Final = 0.5
_UNIFORM_SHARE: Final = 0.6
_SINGULAR: Final = 1e8


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells: ``block`` of beams (n,), ``grey`` (n,), and ``terms`` (n, 2): depth and vessel crossed, in rows."""

    block: Indices
    grey: Values
    terms: Values

    def within(self, blocks: Indices) -> Cells:
        """The cells of some blocks."""
        kept = np.isin(self.block, blocks)
        return Cells(self.block[kept], self.grey[kept], self.terms[kept])

    def lacking(self) -> bool:
        """Whether there are too few cells or blocks for a fit."""
        return self.grey.size < _LEAST_CELLS or np.unique(self.block).size < _LEAST_BLOCKS


@dataclass(frozen=True, eq=False)
class BlockFit:
    """Slopes of the terms, offset of each block, standard error of the first slope, and residuals with their scale."""

    slopes: Values
    offset: Values
    error: float
    clusters: int
    residual: Values
    scale: float


def uniform_blocks(cells: Cells, fit: BlockFit) -> Indices:
    """Blocks of beams whose cells keep closest to a fit: those that look through other organs are left out."""
    count = np.maximum(np.bincount(cells.block), 1)
    distance = np.bincount(cells.block, np.abs(fit.residual)) / count
    blocks = np.unique(cells.block)
    return blocks[distance[blocks] <= np.quantile(distance[blocks], _UNIFORM_SHARE)]


def fitted(cells: Cells) -> BlockFit | None:
    """The fit with the vessels crossed as a second variable, or without them where they cannot be told from depth."""
    crossed = cells.terms - _block_means(cells.block, cells.terms, np.ones(cells.block.size))[cells.block]
    useful = float(crossed[:, 1].std()) > _LEAST_CROSSED
    return (_reweighted(cells, 2) if useful else None) or _reweighted(cells, 1)


def _reweighted(cells: Cells, count: int) -> BlockFit | None:
    """Iteratively reweighted least squares of grey on the first ``count`` terms within blocks."""
    terms = cells.terms[:, :count]
    slopes: Values = np.asarray([_median_slope(cells), 0.0][:count], dtype=np.float64)
    rest = cells.grey - terms @ slopes
    residual = rest - _block_medians(cells.block, rest)[cells.block]
    for _ in range(_ROUNDS):
        scale = max(float(1.4826 * np.median(np.abs(residual))), 0.5)
        weight = np.maximum(1.0 - (residual / (_BIWEIGHT * scale)) ** 2, 0.0) ** 2
        across = terms - _block_means(cells.block, terms, weight)[cells.block]
        normal = across.T @ (weight[:, None] * across)
        if np.linalg.cond(normal) > _SINGULAR:
            return None
        slopes = np.asarray(np.linalg.solve(normal, across.T @ (weight * cells.grey)), dtype=np.float64)
        rest = cells.grey - terms @ slopes
        offset = _block_means(cells.block, rest[:, None], weight)[:, 0]
        residual = rest - offset[cells.block]
    influence = (weight * residual)[:, None] * np.linalg.solve(normal, across.T).T
    shares = np.bincount(cells.block // _CLUSTER, influence[:, 0])
    clusters = np.unique(cells.block // _CLUSTER).size
    few = clusters / max(clusters - 1, 1)
    return BlockFit(slopes, offset, float(np.sqrt(few * (shares**2).sum())), clusters, residual, scale)


def _median_slope(cells: Cells) -> float:
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
