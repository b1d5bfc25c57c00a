"""Speckle: scatterers convolved with the point-spread function of the beams, in beam space.

Many scatterers a resolution cell make the demodulated echo a complex Gaussian field, so the scatterers are drawn as
complex Gaussian noise at baseband. The point-spread function is Gaussian: 1.75 wavelengths axially and wavelength
times F-number laterally (full width at half maximum), so wider with depth. It has unit energy: noise of unit power
stays of unit power.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from steatoscope.core.image import Floats
from steatoscope.imaging.phantoms.us_scanconvert import ScanGeometry, Values

Complex = NDArray[np.complex64]

_SOUND_CM_US: Final = 0.154
_FWHM: Final = 2.3548
_STEP_CM: Final = 0.02
_BEAMS: Final = 256
_PAD: Final = 16
_APERTURE_CM: Final = {"curvilinear": 2.4, "sector": 2.0}
_LEAST_WIDTH_CM: Final = 0.07


@dataclass(frozen=True, eq=False)
class BeamGrid:
    """Samples along beams: ``depth`` (samples,) in cm and ``angle`` (beams,) in radians, with a rim to cut off.

    ``lateral_sigma`` (samples,) is the beam's width in beams, ``axial_sigma`` the pulse's length in samples.
    """

    depth: Values
    angle: Values
    axial_sigma: float
    lateral_sigma: Values

    @property
    def shape(self) -> tuple[int, int]:
        """(samples, beams)."""
        return self.depth.size, self.angle.size

    def crop(self, polar: Floats) -> Floats:
        """The beams of the sector, without the rim."""
        return np.ascontiguousarray(polar[:, _PAD:-_PAD])


def beam_grid(geometry: ScanGeometry, frequency_mhz: float, blur: float = 1.0) -> BeamGrid:
    """Beams of a sector; ``blur`` widens them as the body wall's phase errors do."""
    samples = max(2, round(geometry.depth_cm / _STEP_CM) + 1)
    depth: Values = np.linspace(0.0, geometry.depth_cm, samples, dtype=np.float64)
    step = 2.0 * geometry.half_angle / (_BEAMS - 1)
    angle = np.asarray(step * np.arange(-_PAD, _BEAMS + _PAD) - geometry.half_angle, dtype=np.float64)
    wavelength = _SOUND_CM_US / frequency_mhz
    across = np.maximum(wavelength * depth / _APERTURE_CM[geometry.probe], _LEAST_WIDTH_CM) * blur
    spread = across / np.maximum(geometry.face_cm + depth, 0.3)
    lateral = np.minimum(spread / step / _FWHM, _BEAMS / 16.0)
    axial = 1.75 * wavelength / (depth[1] - depth[0]) / _FWHM
    return BeamGrid(depth, angle, float(axial), np.asarray(lateral, dtype=np.float64))


def white(rng: np.random.Generator, shape: tuple[int, int]) -> Complex:
    """Complex Gaussian noise of unit power."""
    parts = rng.standard_normal((*shape, 2), dtype=np.float32) * np.float32(np.sqrt(0.5))
    return np.ascontiguousarray(parts).view(np.complex64)[..., 0]


def convolve(scatterers: Complex, grid: BeamGrid) -> Complex:
    """Demodulated echoes (samples, beams) of scatterers on the grid; unit-energy point-spread function."""
    reach = int(np.ceil(4.0 * grid.axial_sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / grid.axial_sigma) ** 2)
    taps = (taps / np.sqrt((taps**2).sum())).astype(np.float32)
    parts = np.ascontiguousarray(scatterers).view(np.float32).reshape(*scatterers.shape, 2)
    axial = cv2.sepFilter2D(parts, -1, np.ones(1, np.float32), taps, borderType=cv2.BORDER_REFLECT)
    field = np.ascontiguousarray(axial).view(np.complex64)[..., 0]
    return np.asarray(fft.ifft(fft.fft(field, axis=1) * _lateral(grid), axis=1), dtype=np.complex64)


def axial_only(scatterers: Complex, grid: BeamGrid) -> Complex:
    """Electronic noise as the receiver's band passes it: correlated along the beam, not between beams."""
    narrow = BeamGrid(grid.depth, grid.angle, grid.axial_sigma, np.full(grid.depth.size, 1e-3))
    return convolve(scatterers, narrow)


def texture(rng: np.random.Generator, grid: BeamGrid, nakagami_m: float) -> Floats:
    """Amplitude of scatterers that vary in number, so that Nakagami's m of the echo falls to ``nakagami_m``.

    Speckle of power ``T A**2`` with a slowly varying ``T`` of mean 1 and variance v has
    ``m = 1 / (2 v + 1)``, hence ``v = (1 - m) / (2 m)``; ``T`` is log-normal.
    """
    variance = (1.0 - nakagami_m) / (2.0 * nakagami_m)
    rough = rng.standard_normal(grid.shape, dtype=np.float32)
    smooth = cv2.GaussianBlur(rough, (0, 0), sigmaX=5.0, sigmaY=12.0, borderType=cv2.BORDER_REFLECT)
    smooth = (smooth - smooth.mean()) / smooth.std()
    s2 = np.log1p(max(variance, 0.0))
    return np.asarray(np.exp((np.sqrt(s2) * smooth - s2 / 2.0) / 2.0), dtype=np.float32)


def _lateral(grid: BeamGrid) -> Floats:
    """Gaussian transfer function of each depth, of unit energy."""
    frequency = fft.fftfreq(grid.angle.size)
    transfer = np.exp(-2.0 * (np.pi * grid.lateral_sigma[:, None] * frequency[None]) ** 2)
    return np.asarray(transfer / np.sqrt((transfer**2).mean(axis=1, keepdims=True)), dtype=np.float32)
