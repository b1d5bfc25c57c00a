"""What the closed form for a bipolar readout leaves over: the turn of every second echo refined against the fit.

The turn found for small cells assumes a common R2*; the phase that remains between odd and even echoes and the fitted
model is smoothed and taken out, a few times over.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.science.quantify.mr_fieldmap import SolverSettings, VoxelMaps, refit
from steatoscope.science.quantify.mr_pack import EchoPack, with_turned_echoes

F32 = NDArray[np.float32]
_ROUNDS = 4
_RELAXATION = 2.5
_SMOOTH_VOXELS = (0.0, 8.0, 8.0)


def refine_turn(
    pack: EchoPack,
    maps: VoxelMaps,
    basis: NDArray[np.complex128],
    echo_times_s: NDArray[np.float64],
    settings: SolverSettings,
) -> tuple[EchoPack, VoxelMaps]:
    """Turn every second echo of ``pack`` further and refit, as long as the residual falls.

    The field and the turn share most of a change, so that plain alternation is slow: each step is lengthened.
    """
    for _ in range(_ROUNDS):
        step = np.float32(_RELAXATION) * remaining_turn(pack, maps, basis, echo_times_s)
        turned = with_turned_echoes(pack, step)
        fresh = refit(turned, maps, basis, echo_times_s, settings)
        if fresh.relative >= maps.relative:
            break
        pack, maps = turned, fresh
    return pack, maps


def remaining_turn(
    pack: EchoPack, maps: VoxelMaps, basis: NDArray[np.complex128], echo_times_s: NDArray[np.float64]
) -> F32:
    """The smoothed phase (voxels,) by which every second echo still leads the fitted model."""
    sums = np.zeros((2, pack.voxels), dtype=np.complex64)
    for n, time in enumerate(echo_times_s):
        echo = (pack.real[:, n] + np.complex64(1j) * pack.imag[:, n]).ravel()[: pack.voxels]
        swing = np.exp((2j * np.pi * maps.field_hz - maps.r2star) * np.float32(time))
        sums[n % 2] += np.conj((maps.water + maps.fat * np.complex64(basis[n])) * swing) * echo
    lead = sums[1] * np.conj(sums[0]) / np.maximum(np.abs(sums[1]), np.float32(1e-20))
    grid = np.zeros(int(np.prod(pack.shape)), dtype=np.complex64)
    grid[pack.index] = lead
    grid = grid.reshape(pack.shape)
    smooth = [ndimage.gaussian_filter(part, _SMOOTH_VOXELS).ravel()[pack.index] for part in (grid.real, grid.imag)]
    return np.asarray(np.arctan2(smooth[1], smooth[0]), dtype=np.float32)
