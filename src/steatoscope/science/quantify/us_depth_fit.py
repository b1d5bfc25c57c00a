"""One slope of grey against depth for all beams: robust, with vessels found and their path accounted for.

Cells of a few rows and beams are averaged and fitted robustly, each block of beams with its own offset. Dark vessels
show in a first fit; their path counts as a second variable of the next, and the beams that keep to it best give the
slope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from steatoscope.core.image import Mask
from steatoscope.core.measurement import Quality
from steatoscope.science.quantify.us_block_fit import BlockFit, Cells, Values, fitted, uniform_blocks

_BEAMS_A_BLOCK, _CELL_ROWS = 6, 6
_LEAST_FILLED: Final = 0.6
_MOST_CLIPPED: Final = 0.1
_FLOOR, _WHITE = 2.0, 253.0
_VESSEL_BOX: Final = (5, 3)
_VESSEL_DEVIATIONS, _LEAST_CONTRAST = 3.5, 12.0


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


def fit_depth(grey: Values, valid: Mask) -> DepthSlope | None:
    """The common slope of beams of shape (depths, beams) over valid samples; None where too few are left."""
    none = np.zeros(grey.shape, dtype=bool)
    cells = _cells(grey, valid, none)
    first = None if cells.lacking() else fitted(cells)
    if first is None:
        return None
    vessels = _vessels(grey, valid, first, cells)
    cells = _cells(grey, valid & ~np.asarray(ndimage.binary_dilation(vessels, iterations=2)), vessels)
    second = None if cells.lacking() else fitted(cells)
    if second is None:
        return None
    uniform = cells.within(uniform_blocks(cells, second))
    cells = cells if uniform.lacking() else uniform
    fit = second if uniform.lacking() else fitted(cells)
    if fit is None:
        return None
    used = float((np.abs(second.residual) < 2.5 * fit.scale).mean())
    depth = cells.terms[:, 0]
    reach = (float(depth.min()), float(depth.max()))
    return DepthSlope(float(fit.slopes[0]), fit.error, fit.clusters, fit.scale, used, int(cells.grey.size), reach)


def _cells(grey: Values, valid: Mask, vessels: Mask) -> Cells:
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
    return Cells(block.astype(np.intp), np.asarray(total[keep] / inside[keep], dtype=np.float64), terms)


def _folded(polar: NDArray[np.generic]) -> Values:
    """Means over cells, (bins, blocks)."""
    bins, blocks = polar.shape[0] // _CELL_ROWS, polar.shape[1] // _BEAMS_A_BLOCK
    parts = np.asarray(polar[: bins * _CELL_ROWS, : blocks * _BEAMS_A_BLOCK], dtype=np.float64)
    return np.asarray(parts.reshape(bins, _CELL_ROWS, blocks, _BEAMS_A_BLOCK).mean(axis=(1, 3)), dtype=np.float64)


def _vessels(grey: Values, valid: Mask, first: BlockFit, cells: Cells) -> Mask:
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
