"""Fat fraction from magnitudes alone: two solutions a voxel, chosen by their summed residuals in a neighbourhood.

``|W + F c(t)| exp(-R2* t)`` needs no field map, and the multi-peak ``c(t)`` tells fat- from water-dominant voxels
(MAGO: Triay Bagur, MRM 2019), but not voxel by voxel in noise: both residuals are summed over some 75 voxels first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import EchoTrain, Mask
from steatoscope.science.quantify.mr_guards import rounding_warning
from steatoscope.science.quantify.mr_maps import FatWaterFit, MagnitudePair, on_grid
from steatoscope.science.quantify.mr_model import DEFAULT_SPECTRUM, fat_basis
from steatoscope.science.quantify.mr_noise import noise_from_residual

_RATE_STARTS = (20.0, 60.0, 150.0, 400.0)
_R2_LIMITS = (0.0, 1000.0)
_NEIGHBOURHOOD = (3, 5, 5)
_MIN_ECHOES = 4
_BULK_TOLERANCE = 1e-6


def fit_magnitude_voxels(
    magnitude: NDArray[np.floating],
    echo_times_s: NDArray[np.float64],
    field_t: float,
    *,
    spectrum: str = DEFAULT_SPECTRUM,
    tolerance: float = 0.0,
) -> NDArray[np.float64]:
    """Both solutions of magnitudes (echoes, voxels), in float64.

    Returns (2, 4, voxels): from the water- and the fat-dominant start, each with water, fat, R2* (1/s) and residual sum
    of squares. Water and fat are real and may be negative in noise.
    """
    from steatoscope.science.quantify import mr_kernels_magnitude as kernel

    c = fat_basis(echo_times_s, field_t, spectrum)
    values = np.ascontiguousarray(np.asarray(magnitude, dtype=np.float64).T)
    fits: NDArray[np.float64] = kernel.fit_two_starts(
        values, echo_times_s, c.real.copy(), np.abs(c) ** 2, np.asarray(_RATE_STARTS), _R2_LIMITS, tolerance
    )
    return fits


def fit_magnitude(train: EchoTrain, mask: Mask, spectrum: str = DEFAULT_SPECTRUM) -> FatWaterFit:
    """The magnitude fit of every voxel of ``mask``; raises SteatoscopeError ``E_TE`` below four echoes."""
    if train.echo_times_s.size < _MIN_ECHOES:
        raise SteatoscopeError("E_TE", cause="A magnitude fit needs at least four echoes.")
    signal = np.abs(train.data[:, mask]).astype(np.float64)
    fits = fit_magnitude_voxels(
        signal, train.echo_times_s, train.field_strength_t, spectrum=spectrum, tolerance=_BULK_TOLERANCE
    )
    power = np.maximum(np.sum(signal**2, axis=0), 1e-30)
    fat_chosen = _fat_dominates(fits[:, 3], mask)
    water, fat, rate, cost = (np.where(fat_chosen, fits[1, k], fits[0, k]).astype(np.float32) for k in range(4))
    with np.errstate(invalid="ignore", divide="ignore"):
        percent = np.where(water + fat > 0, 100 * fat / (water + fat), np.nan).astype(np.float32)
    freedom = noise_from_residual(cost, train.echo_times_s.size, 3, 1)
    note = rounding_warning(train.echo_times_s)
    return FatWaterFit(
        water=on_grid(water.astype(np.complex64), mask),
        fat=on_grid(fat.astype(np.complex64), mask),
        r2star=on_grid(rate, mask),
        field_hz=np.zeros(mask.shape, dtype=np.float32),
        residual=on_grid(np.sqrt(cost / power).astype(np.float32), mask),
        pdff=on_grid(percent, mask, np.nan),
        mask=mask,
        phase_sign=1,
        bipolar=False,
        bipolar_turn_rad=0.0,
        method=f"magnitude {spectrum}, two starts",
        spectrum=spectrum,
        w_f_phase_deg=0.0,
        relative_residual=float(np.sqrt(cost.sum(dtype=np.float64) / power.sum())),
        strength=0.0,
        disputed=np.zeros(mask.shape, dtype=np.bool_),
        noise_sd=freedom,
        echo_times_s=train.echo_times_s,
        field_strength_t=train.field_strength_t,
        notes=() if note is None else (note,),
        magnitude=_pair(fits, mask),
    )


def _fat_dominates(cost: NDArray[np.float64], mask: Mask) -> NDArray[np.bool_]:
    gap = np.zeros(mask.shape)
    gap[mask] = cost[1] - cost[0]
    return np.asarray(ndimage.uniform_filter(gap, _NEIGHBOURHOOD, mode="constant")[mask] < 0, dtype=np.bool_)


def _pair(fits: NDArray[np.float64], mask: Mask) -> MagnitudePair:
    values = [np.stack([on_grid(fits[k, item].astype(np.float32), mask) for k in range(2)]) for item in range(4)]
    return MagnitudePair(*values)
