"""The mixed fit: the phase of the first echo, which eddy currents spoil, is left out (Hernando, MRM 2012).

The misfit of that echo's magnitude alone is minimised by giving it the model's own phase and fitting again, which
never raises the cost.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from steatoscope.science.quantify.mr_fieldmap import SolverSettings, VoxelMaps, refit
from steatoscope.science.quantify.mr_pack import EchoPack

_ROUNDS = 12


def without_first_phase(
    pack: EchoPack,
    maps: VoxelMaps,
    basis: NDArray[np.complex128],
    echo_times_s: NDArray[np.float64],
    settings: SolverSettings,
) -> VoxelMaps:
    """Refit ``maps`` with only the magnitude of the first echo."""
    lanes = pack.real.shape[2]
    real, imag = pack.real.copy(), pack.imag.copy()
    magnitude = np.hypot(real[:, 0], imag[:, 0])
    angle = np.zeros(magnitude.size, dtype=np.float32)
    for _ in range(_ROUNDS):
        angle[: pack.voxels] = _first_phase(maps, basis[0], float(echo_times_s[0]))
        turned = angle.reshape(-1, lanes)
        real[:, 0], imag[:, 0] = magnitude * np.cos(turned), magnitude * np.sin(turned)
        maps = refit(replace(pack, real=real, imag=imag), maps, basis, echo_times_s, settings)
    return maps


def _first_phase(maps: VoxelMaps, basis: complex, time: float) -> NDArray[np.float32]:
    model = np.angle(maps.water + maps.fat * np.complex64(basis))
    return np.asarray(model + np.float32(2 * np.pi * time) * maps.field_hz, dtype=np.float32)
