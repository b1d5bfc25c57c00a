"""Masked voxels of an echo train, packed for the kernels, and small square cells of them for coarse decisions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import EchoTrain, Mask

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
_FOREGROUND = 0.05
CELL_SIDE = 4


@dataclass(frozen=True, eq=False)
class EchoPack:
    """Echoes of masked voxels as real and imaginary (blocks, echoes, lanes), and the cells they fall into.

    ``index`` (voxels,) are flat positions on the grid ``shape``; ``cell`` (voxels,) numbers the cells, ``cells`` holds
    their flat positions on the grid of cells, and ``products`` (cells, echoes + 2 pairs) their pair products.
    """

    real: F32
    imag: F32
    index: I32
    shape: tuple[int, int, int]
    cell: I32
    cells: I32
    products: F32

    @property
    def voxels(self) -> int:
        """Number of masked voxels."""
        return int(self.index.size)

    @property
    def echoes(self) -> int:
        """Number of echoes."""
        return int(self.real.shape[1])

    @property
    def cell_shape(self) -> tuple[int, int, int]:
        """Shape of the grid of cells."""
        slices, rows, columns = self.shape
        return slices, -(-rows // CELL_SIDE), -(-columns // CELL_SIDE)

    def power(self) -> float:
        """Sum of squared magnitudes over echoes and voxels."""
        return float(self.products[:, : self.echoes].sum(dtype=np.float64))

    def voxel_power(self) -> F32:
        """Sum of squared magnitudes over echoes, shape (voxels,)."""
        total = np.einsum("bnl,bnl->bl", self.real, self.real) + np.einsum("bnl,bnl->bl", self.imag, self.imag)
        return np.asarray(total.ravel()[: self.voxels], dtype=np.float32)


def split_parts(data: NDArray[np.complex64] | F32) -> F32:
    """Complex echoes (echo, slice, row, column) as float32 (echo, voxel, real/imaginary), without copying if it can."""
    whole = np.ascontiguousarray(data, dtype=np.complex64)
    return whole.view(np.float32).reshape(whole.shape[0], -1, 2)


def foreground(train: EchoTrain) -> Mask:
    """Voxels whose mean magnitude over echoes exceeds 5 % of its 99.5th percentile, shape (slices, rows, columns)."""
    mean = np.zeros(train.data.shape[1:], dtype=np.float32)
    for echo in train.data:
        mean += np.abs(echo)
    top = float(np.percentile(mean[np.isfinite(mean)], 99.5)) if np.isfinite(mean).any() else 0.0
    return np.asarray((mean > _FOREGROUND * top) & np.isfinite(mean), dtype=np.bool_)


def pack_echoes(train: EchoTrain, mask: Mask) -> EchoPack:
    """Gather the masked voxels of a complex train."""
    from steatoscope.science.quantify import mr_kernels_grid as grid

    slices, rows, columns = mask.shape
    index = np.flatnonzero(mask).astype(np.int32)
    real, imag = grid.gather(split_parts(train.data), index)
    used, cell = grid.cells(index, rows, columns, CELL_SIDE)
    products = grid.pair_products(real, imag, cell, used.size)
    return EchoPack(real, imag, index, (slices, rows, columns), cell, used, products)


def conjugated(pack: EchoPack) -> EchoPack:
    """The same voxels with the sign of the phase turned."""
    products = pack.products.copy()
    products[:, pack.echoes + 1 :: 2] *= -1.0
    return replace(pack, imag=-pack.imag, products=products)


def with_turned_echoes(pack: EchoPack, turn_rad: F32) -> EchoPack:
    """Every second echo (the 2nd, 4th, ...) multiplied by ``exp(-i turn)``; ``turn_rad`` has shape (voxels,)."""
    from steatoscope.science.quantify import mr_kernels_grid as grid

    lanes = pack.real.shape[2]
    angle = np.zeros(pack.real.shape[0] * lanes, dtype=np.float32)
    angle[: pack.voxels] = turn_rad
    cosine, sine = (part.reshape(-1, 1, lanes) for part in (np.cos(angle), np.sin(angle)))
    real, imag = pack.real.copy(), pack.imag.copy()
    real[:, 1::2] = pack.real[:, 1::2] * cosine + pack.imag[:, 1::2] * sine
    imag[:, 1::2] = pack.imag[:, 1::2] * cosine - pack.real[:, 1::2] * sine
    products = grid.pair_products(real, imag, pack.cell, pack.cells.size)
    return replace(pack, real=real, imag=imag, products=products)
