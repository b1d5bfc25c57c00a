"""The mixed fit: the phase of the first echo, which eddy currents spoil, is left out (Hernando, MRM 2012).

The misfit of that echo's magnitude alone is minimised by giving it the model's own phase and fitting again, which
never raises the cost.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from steatoscope.science.quantify.mr_fieldmap import SolverSettings, VoxelMaps, refine_starts
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
    fitted = np.stack([maps.water.real, maps.water.imag, maps.fat.real, maps.fat.imag, maps.residual])
    fitted = np.concatenate([fitted, [maps.field_hz, maps.r2star]])
    angle = np.zeros(magnitude.size, dtype=np.float32)
    for _ in range(_ROUNDS):
        angle[: pack.voxels] = _first_phase(fitted, basis[0], float(echo_times_s[0]))
        turned = angle.reshape(-1, lanes)
        real[:, 0], imag[:, 0] = magnitude * np.cos(turned), magnitude * np.sin(turned)
        fitted = refine_starts(replace(pack, real=real, imag=imag), basis, echo_times_s, fitted[5:7], settings)
    total = float(fitted[4].sum(dtype=np.float64))
    return replace(
        maps,
        water=fitted[0] + 1j * fitted[1],
        fat=fitted[2] + 1j * fitted[3],
        r2star=fitted[6],
        field_hz=fitted[5],
        residual=fitted[4],
        relative=float(np.sqrt(total / max(pack.power(), 1e-30))),
    )


def _first_phase(maps: NDArray[np.float32], basis: complex, time: float) -> NDArray[np.float32]:
    model = maps[0] + 1j * maps[1] + (maps[2] + 1j * maps[3]) * np.complex64(basis)
    return np.asarray(np.angle(model) + np.float32(2 * np.pi * time) * maps[5], dtype=np.float32)
