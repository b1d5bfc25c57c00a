"""Compiled kernels of the field-map search: gathering voxels into lanes, pair products, and residual minima.

Signals of the masked voxels are packed as (block, echo, lane) with 16 voxels to a block, so that the innermost loop
runs over lanes and compiles to vector instructions. Import this module lazily: it loads the compiler.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.kernels import compiled

LANES = 16
CANDIDATES = 3

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
_BIG = np.float32(3.0e38)


def gather(parts: F32, index: I32) -> tuple[F32, F32]:
    """Pack voxels ``index`` of ``parts`` (echo, voxel, real/imaginary) as real and imaginary (block, echo, lane)."""
    echoes = parts.shape[0]
    blocks = (index.size + LANES - 1) // LANES
    real = np.zeros((blocks, echoes, LANES), dtype=np.float32)
    imag = np.zeros((blocks, echoes, LANES), dtype=np.float32)
    whole = blocks * LANES
    row = np.zeros((whole, 2), dtype=np.float32)
    for n in range(echoes):
        np.take(parts[n], index, axis=0, out=row[: index.size])
        real[:, n] = row[:, 0].reshape(blocks, LANES)
        imag[:, n] = row[:, 1].reshape(blocks, LANES)
    return real, imag


def cells(index: I32, rows: int, columns: int, side: int) -> tuple[I32, I32]:
    """Square cells of ``side`` voxels within a slice that hold at least one voxel of ``index``.

    Returns the flat position of each used cell on the (slices, rows, columns) grid of cells, rising, and for each voxel
    the number of its cell. Plain numpy: it takes a millisecond, and its compilation would take most of a second.
    """
    cell_rows, cell_columns = (rows + side - 1) // side, (columns + side - 1) // side
    slab, within = np.divmod(index, np.int32(rows * columns))
    row, column = np.divmod(within, np.int32(columns))
    place = (slab * cell_rows + row // side) * cell_columns + column // side
    number = np.zeros(int(place.max()) + 1 if place.size else 0, dtype=np.int32)
    number[place] = 1
    used = np.flatnonzero(number).astype(np.int32)
    number[used] = np.arange(used.size, dtype=np.int32)
    where = number[place]
    return used, where


@compiled(fused=True)
def pair_products(real: F32, imag: F32, cell: I32, cells: int) -> F32:
    """Sums over each cell of |s_n|^2 and of conj(s_n) s_m for n > m.

    ``cell`` (voxels,) names the cell of each voxel. Returns (cells, echoes + 2 pairs): powers, then real and imaginary
    parts pair by pair. Any projector, sign or readout polarity is a linear function of these.
    """
    echoes = real.shape[1]
    pairs = echoes * (echoes - 1) // 2
    sums = np.zeros((cells, echoes + 2 * pairs), dtype=np.float32)
    a = np.empty(echoes, dtype=np.float32)
    b = np.empty(echoes, dtype=np.float32)
    for voxel in range(cell.size):
        block, lane = voxel // LANES, voxel % LANES
        row = sums[cell[voxel]]
        for n in range(echoes):
            a[n] = real[block, n, lane]
            b[n] = imag[block, n, lane]
            row[n] += a[n] * a[n] + b[n] * b[n]
        slot = echoes
        for n in range(1, echoes):
            for m in range(n):
                row[slot] += a[n] * a[m] + b[n] * b[m]
                row[slot + 1] += a[n] * b[m] - b[n] * a[m]
                slot += 2
    return sums


@compiled(inline=True, fused=True)
def _lane_minima(cost_grid: F32, best: F32, place: F32, bend: F32) -> None:
    points = cost_grid.shape[0]
    best[:] = _BIG
    place[:] = np.float32(0.0)
    bend[:] = np.float32(0.0)
    for j in range(points):
        before = cost_grid[j - 1 if j else points - 1]
        here = cost_grid[j]
        after = cost_grid[j + 1 if j + 1 < points else 0]
        at = np.float32(j)
        for lane in range(LANES):
            low, mid, high = before[lane], here[lane], after[lane]
            curve = max(low + high - np.float32(2.0) * mid, np.float32(1e-30))
            slope = np.float32(0.5) * (low - high)
            shift = slope / curve
            value = mid - np.float32(0.5) * slope * shift
            inside = (mid < low) & (mid <= high)
            value = value if inside else _BIG
            where = at + shift
            b0, b1, b2 = best[0, lane], best[1, lane], best[2, lane]
            p0, p1, p2 = place[0, lane], place[1, lane], place[2, lane]
            c0, c1, c2 = bend[0, lane], bend[1, lane], bend[2, lane]
            first, second, third = value < b0, value < b1, value < b2
            best[2, lane] = b1 if second else (value if third else b2)
            place[2, lane] = p1 if second else (where if third else p2)
            bend[2, lane] = c1 if second else (curve if third else c2)
            best[1, lane] = b0 if first else (value if second else b1)
            place[1, lane] = p0 if first else (where if second else p1)
            bend[1, lane] = c0 if first else (curve if second else c1)
            best[0, lane] = value if first else b0
            place[0, lane] = where if first else p0
            bend[0, lane] = curve if first else c0


@compiled(fused=True)
def minima(cost: F32, width: float) -> tuple[F32, F32, F32]:
    """The three lowest local minima of periodic rows ``cost`` (rows, points).

    Returns place (rows, 3) in [-width/2, width/2), value and curvature of each; a missing minimum has a huge value.
    """
    rows, points = cost.shape
    place_out = np.zeros((rows, CANDIDATES), dtype=np.float32)
    value_out = np.empty((rows, CANDIDATES), dtype=np.float32)
    bend_out = np.empty((rows, CANDIDATES), dtype=np.float32)
    grid = np.zeros((points, LANES), dtype=np.float32)
    best = np.empty((CANDIDATES, LANES), dtype=np.float32)
    place = np.empty((CANDIDATES, LANES), dtype=np.float32)
    bend = np.empty((CANDIDATES, LANES), dtype=np.float32)
    step = np.float32(width / points)
    half = np.float32(width / 2)
    for first in range(0, rows, LANES):
        lanes = min(LANES, rows - first)
        for j in range(points):
            for lane in range(lanes):
                grid[j, lane] = cost[first + lane, j]
        _lane_minima(grid, best, place, bend)
        for lane in range(lanes):
            for k in range(CANDIDATES):
                place_out[first + lane, k] = place[k, lane] * step - half
                value_out[first + lane, k] = best[k, lane]
                bend_out[first + lane, k] = bend[k, lane] / (step * step)
    return place_out, value_out, bend_out


@compiled(fused=True)
def candidates(
    real: F32, imag: F32, decays: F32, weights: F32, lag: I32, table: F32, width: float
) -> tuple[F32, F32, F32, F32]:
    """The three lowest minima over the field of each voxel's projected residual.

    ``weights`` (decays, echoes + 2 pairs) holds one projector a row, for each of ``decays`` (1/s): its diagonal, then
    real and imaginary parts pair by pair; ``lag`` (pairs,) names the lag of each pair; ``table`` (points, 1 + 2 lags)
    holds one, then cosine and minus sine of each lag at each grid point. Of several decays the one with the lowest
    residual is kept voxel by voxel. Returns place, value and curvature (blocks * 16, 3) and that decay (blocks * 16,).
    """
    blocks, echoes = real.shape[0], real.shape[1]
    points, terms = table.shape[0], table.shape[1]
    voxels = blocks * LANES
    place_out = np.zeros((voxels, CANDIDATES), dtype=np.float32)
    value_out = np.empty((voxels, CANDIDATES), dtype=np.float32)
    bend_out = np.empty((voxels, CANDIDATES), dtype=np.float32)
    chosen = np.zeros(voxels, dtype=np.float32)
    pairs = lag.size
    products = np.empty((2 * pairs, LANES), dtype=np.float32)
    sums = np.empty((terms, LANES), dtype=np.float32)
    grid = np.empty((points, LANES), dtype=np.float32)
    best = np.empty((CANDIDATES, LANES), dtype=np.float32)
    place = np.empty((CANDIDATES, LANES), dtype=np.float32)
    bend = np.empty((CANDIDATES, LANES), dtype=np.float32)
    step = np.float32(width / points)
    half = np.float32(width / 2)
    for block in range(blocks):
        pair = 0
        for n in range(1, echoes):
            for m in range(n):
                for lane in range(LANES):
                    a, b = real[block, n, lane], imag[block, n, lane]
                    c, d = real[block, m, lane], imag[block, m, lane]
                    products[2 * pair, lane] = a * c + b * d
                    products[2 * pair + 1, lane] = a * d - b * c
                pair += 1
        for decay in range(decays.size):
            sums[:] = np.float32(0.0)
            for n in range(echoes):
                weight = weights[decay, n]
                for lane in range(LANES):
                    a, b = real[block, n, lane], imag[block, n, lane]
                    sums[0, lane] += weight * (a * a + b * b)
            for pair in range(pairs):
                u, v = weights[decay, echoes + 2 * pair], weights[decay, echoes + 2 * pair + 1]
                row = 1 + 2 * lag[pair]
                for lane in range(LANES):
                    x, y = products[2 * pair, lane], products[2 * pair + 1, lane]
                    sums[row, lane] += u * x - v * y
                    sums[row + 1, lane] += u * y + v * x
            np.dot(table, sums, grid)
            _lane_minima(grid, best, place, bend)
            for lane in range(LANES):
                voxel = block * LANES + lane
                if decay == 0 or best[0, lane] < value_out[voxel, 0]:
                    chosen[voxel] = decays[decay]
                    for k in range(CANDIDATES):
                        place_out[voxel, k] = place[k, lane] * step - half
                        value_out[voxel, k] = best[k, lane]
                        bend_out[voxel, k] = bend[k, lane] / (step * step)
    return place_out, value_out, bend_out, chosen
