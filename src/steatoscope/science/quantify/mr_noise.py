"""Noise of magnitude and complex MR signals."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

RAYLEIGH_MEAN: Final = float(np.sqrt(np.pi / 2))
_RAYLEIGH_MEDIAN: Final = float(np.sqrt(2 * np.log(2)))
_MIN_BACKGROUND: Final = 500


def rician_mean(amplitude: ArrayLike, sigma: float = 1.0) -> NDArray[np.float64]:
    """Mean magnitude of a signal of true ``amplitude`` with noise ``sigma`` in each part (Rice 1944), same shape."""
    x = (np.asarray(amplitude, dtype=np.float64) / sigma) ** 2 / 4.0
    return np.asarray(sigma * RAYLEIGH_MEAN * ((1 + 2 * x) * special.ive(0, x) + 2 * x * special.ive(1, x)))


def noise_from_background(magnitude: ArrayLike) -> float | None:
    """Standard deviation of the noise in the real part from magnitudes of signal-free voxels (Rayleigh median).

    None where there are too few voxels, or most are exact zeros, as in images whose background was blanked.
    """
    values = np.asarray(magnitude, dtype=np.float64).ravel()
    values = values[np.isfinite(values)]
    if values.size < _MIN_BACKGROUND or np.mean(values == 0) > 0.1:
        return None
    return float(np.median(values) / _RAYLEIGH_MEDIAN)


def noise_from_residual(residual: NDArray[np.float32], echoes: int, parameters: int, parts: int) -> float | None:
    """Standard deviation of the noise in each part from residual sums of squares (voxels,): an upper bound.

    ``parts`` is 2 for complex and 1 for magnitude data. The median is taken over voxels, so that misfit at edges does
    not count; None without degrees of freedom.
    """
    freedom = parts * echoes - parameters
    if freedom <= 0 or residual.size == 0:
        return None
    median_of_chi2 = freedom * (1 - 2 / (9 * freedom)) ** 3
    return float(np.sqrt(max(float(np.median(residual)), 0.0) / median_of_chi2))
