"""The signal of water and fat over echo time: named fat spectra, their basis and the forward model.

``s(t) = (W + F c(t)) exp(i 2 pi psi t) exp(-R2* t) exp(i phi0)`` with ``c(t) = sum_p a_p exp(i 2 pi f_p t)`` and
``f_p = 42.577478518 MHz/T * B0 * d_p``, where ``d_p`` is the shift of fat peak p from water in ppm (negative for the
main peak). Water and fat share one R2* (Hamilton, ISMRM 2016).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

GYROMAGNETIC_MHZ_PER_T: Final = 42.577478518
DEFAULT_SPECTRUM: Final = "hamilton2011_6"


@dataclass(frozen=True, slots=True)
class FatSpectrum:
    """A fat spectrum: shifts from water in ppm, and relative amplitudes, which sum to one after normalisation."""

    name: str
    shifts_ppm: tuple[float, ...]
    amplitudes: tuple[float, ...]
    source: str

    def normalised(self) -> NDArray[np.float64]:
        """Amplitudes that sum to one, shape (peaks,)."""
        weights = np.asarray(self.amplitudes, dtype=np.float64)
        return np.asarray(weights / weights.sum())

    def frequencies_hz(self, field_t: float) -> NDArray[np.float64]:
        """Frequency of each peak relative to water at ``field_t`` tesla, in Hz, shape (peaks,)."""
        return np.asarray(GYROMAGNETIC_MHZ_PER_T * field_t * np.asarray(self.shifts_ppm, dtype=np.float64))


def _from_hz(frequencies: tuple[float, ...], field_t: float) -> tuple[float, ...]:
    return tuple(value / (GYROMAGNETIC_MHZ_PER_T * field_t) for value in frequencies)


_NINE_SHIFTS = (-3.80, -3.40, -3.10, -2.68, -2.46, -1.95, -0.50, 0.49, 0.59)
_TOOLBOX_AMPLITUDES = (0.087, 0.693, 0.128, 0.004, 0.039, 0.048)

_SPECTRA = (
    FatSpectrum(
        "hamilton2011_6",
        (0.60, -0.50, -1.95, -2.60, -3.40, -3.80),
        (0.047, 0.039, 0.006, 0.120, 0.700, 0.088),
        "Hamilton, NMR Biomed 2011 (liver, in vivo)",
    ),
    FatSpectrum(
        "ismrm2012_6",
        (-3.80, -3.40, -2.60, -1.94, -0.39, 0.60),
        _TOOLBOX_AMPLITUDES,
        "ISMRM fat-water toolbox, 2012",
    ),
    FatSpectrum(
        "hernando2013_6",
        (-3.90, -3.50, -2.70, -2.04, -0.49, 0.50),
        (0.087, 0.694, 0.128, 0.004, 0.039, 0.048),
        "Hernando, MRM 2013",
    ),
    FatSpectrum(
        "hamilton2011_9",
        _NINE_SHIFTS,
        (0.088, 0.642, 0.058, 0.062, 0.058, 0.006, 0.039, 0.010, 0.037),
        "Hamilton, NMR Biomed 2011",
    ),
    FatSpectrum(
        "ren2008_9",
        _NINE_SHIFTS,
        (0.08991, 0.58342, 0.05994, 0.08492, 0.05994, 0.01499, 0.03996, 0.00999, 0.05694),
        "Ren, J Lipid Res 2008 (adipose tissue and marrow)",
    ),
    FatSpectrum(
        "zhong2014_7",
        (-3.73, -3.33, -3.04, -2.60, -2.38, -1.86, 0.68),
        (0.08, 0.63, 0.07, 0.09, 0.07, 0.02, 0.04),
        "Zhong, MRM 2014",
    ),
    FatSpectrum(
        "yu2008_6",
        _from_hz((-420.0, -318.0, 94.0, -472.0, -234.0, -46.0), 3.0),
        (0.62, 0.15, 0.10, 0.06, 0.03, 0.04),
        "Yu, MRM 2008 (peanut oil, given in Hz at 3 T)",
    ),
)

SPECTRA: Final[Mapping[str, FatSpectrum]] = MappingProxyType({item.name: item for item in _SPECTRA})


def fat_spectrum(name: str) -> FatSpectrum:
    """The spectrum of that name; ValueError names the known ones."""
    try:
        return SPECTRA[name]
    except KeyError:
        raise ValueError(f"unknown fat spectrum {name!r}; known: {', '.join(SPECTRA)}") from None


def triglyceride_spectrum(chain_length: float, double_bonds: float, methylene_interrupted: float) -> FatSpectrum:
    """Nine peaks from a triglyceride's chain length, double bonds and methylene-interrupted double bonds.

    Proton counts after Hamilton (NMR Biomed 2011) and Bydder (MRI 2011).
    """
    cl, ndb, nmidb = chain_length, double_bonds, methylene_interrupted
    counts = (9.0, 6 * (cl - 4) - 8 * ndb + 2 * nmidb, 6.0, 4 * (ndb - nmidb), 6.0, 2 * nmidb, 4.0, 1.0, 2 * ndb)
    total = sum(counts)
    return FatSpectrum("triglyceride", _NINE_SHIFTS, tuple(n / total for n in counts), "Hamilton 2011, Bydder 2011")


def fat_basis(
    echo_times_s: ArrayLike, field_t: float, spectrum: str | FatSpectrum = DEFAULT_SPECTRUM
) -> NDArray[np.complex128]:
    """Relative signal ``c(t)`` of fat at echo times in seconds, shape (echoes,), complex and without unit."""
    chosen = fat_spectrum(spectrum) if isinstance(spectrum, str) else spectrum
    times = np.asarray(echo_times_s, dtype=np.float64)
    phases = np.exp(2j * np.pi * np.multiply.outer(times, chosen.frequencies_hz(field_t)))
    return np.asarray(phases @ chosen.normalised(), dtype=np.complex128)


def signal(
    echo_times_s: ArrayLike,
    field_t: float,
    *,
    water: ArrayLike,
    fat: ArrayLike,
    r2star: ArrayLike = 0.0,
    field_hz: ArrayLike = 0.0,
    phase_rad: ArrayLike = 0.0,
    spectrum: str | FatSpectrum = DEFAULT_SPECTRUM,
) -> NDArray[np.complex128]:
    """Noise-free signal of voxels, shape (echoes, ...) where ``...`` is the broadcast shape of the parameters.

    ``water`` and ``fat`` may be complex; ``r2star`` in 1/s, ``field_hz`` in Hz, ``phase_rad`` in radians.
    """
    w, f, r, psi, phi = np.broadcast_arrays(water, fat, r2star, field_hz, phase_rad)
    times = np.asarray(echo_times_s, dtype=np.float64).reshape((-1,) + (1,) * w.ndim)
    c = fat_basis(times.ravel(), field_t, spectrum).reshape(times.shape)
    return np.asarray((w + f * c) * np.exp((2j * np.pi * psi - r) * times + 1j * phi), dtype=np.complex128)
