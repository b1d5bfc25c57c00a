"""Forward simulation of complex multi-echo gradient-echo signals with fat, R2*, a field map and noise.

Written on its own, apart from the fit that is tested against it: the liver spectrum of Hamilton (NMR Biomed 2011) with
shifts relative to TMS and water at 4.7 ppm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WATER_PPM: Final = 4.7
_FAT_PPM: Final = (5.30, 4.20, 2.75, 2.10, 1.30, 0.90)
_FAT_SHARE: Final = (0.047, 0.039, 0.006, 0.120, 0.700, 0.088)
_PROTON_HZ_PER_T: Final = 42.577478518e6

F32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Tissue:
    """Maps of shape (slices, rows, columns): proton density (au), fat percent, R2* (1/s), field (Hz), phase (rad)."""

    density: F32
    fat_percent: F32
    r2star: F32
    field_hz: F32
    phase_rad: F32


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How the echoes are taken.

    ``snr`` is a density of 100 over the standard deviation of the complex noise (both parts together). ``bipolar_rad``
    (constant, and per column across the image) turns the phase of every second echo. ``precession`` -1 conjugates the
    signal. ``fat_phase_deg`` turns fat against water.
    """

    echo_times_s: tuple[float, ...]
    field_t: float
    snr: float
    bipolar_rad: tuple[float, float] = (0.0, 0.0)
    precession: int = 1
    fat_phase_deg: float = 0.0


def even_echoes(first_s: float, spacing_s: float, count: int) -> tuple[float, ...]:
    """Evenly spaced echo times in seconds."""
    return tuple(float(first_s + spacing_s * k) for k in range(count))


def fat_evolution(time_s: float, field_t: float) -> complex:
    """The signal of unit fat relative to on-resonance water at one echo time."""
    hz = [_PROTON_HZ_PER_T * field_t * (ppm - _WATER_PPM) * 1e-6 for ppm in _FAT_PPM]
    return complex(sum(a * np.exp(2j * np.pi * f * time_s) for a, f in zip(_FAT_SHARE, hz, strict=True)))


def simulate_echoes(tissue: Tissue, acquisition: Acquisition, rng: np.random.Generator) -> NDArray[np.complex64]:
    """Noisy echoes of shape (echoes, slices, rows, columns), complex64."""
    share = tissue.fat_percent / np.float32(100.0)
    water = tissue.density * (1 - share)
    fat = tissue.density * share * np.exp(1j * np.deg2rad(acquisition.fat_phase_deg))
    columns = np.arange(tissue.density.shape[2], dtype=np.float32)
    constant, slope = acquisition.bipolar_rad
    turn = np.exp(1j * (constant + slope * (columns - columns.mean())))
    echoes = np.empty((len(acquisition.echo_times_s), *tissue.density.shape), dtype=np.complex64)
    for n, time in enumerate(acquisition.echo_times_s):
        swing = np.exp(1j * (2 * np.pi * tissue.field_hz * time + tissue.phase_rad) - tissue.r2star * time)
        echo = (water + fat * fat_evolution(time, acquisition.field_t)) * swing
        echoes[n] = echo * turn if n % 2 else echo
    if acquisition.precession < 0:
        echoes = np.conj(echoes)
    sigma = np.float32(100.0 / acquisition.snr / np.sqrt(2.0))
    noise = rng.standard_normal((*echoes.shape, 2), dtype=np.float32) * sigma
    return np.asarray(echoes + noise.view(np.complex64)[..., 0], dtype=np.complex64)


def magnitude_echoes(echoes: NDArray[np.complex64]) -> F32:
    """Magnitudes of complex echoes, float32."""
    return np.abs(echoes).astype(np.float32)
