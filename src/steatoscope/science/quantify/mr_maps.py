"""The maps that a fat-water fit hands over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import QualityCode
from steatoscope.core.image import Floats, Mask

Complexes = NDArray[np.complex64]


@dataclass(frozen=True, eq=False)
class MagnitudePair:
    """The water-dominant (0) and fat-dominant (1) solutions of a magnitude fit, each (2, slices, rows, columns).

    ``cost`` is the residual sum of squares (au squared).
    """

    water: Floats
    fat: Floats
    r2star: Floats
    cost: Floats


@dataclass(frozen=True, eq=False)
class FatWaterFit:
    """Maps of shape (slices, rows, columns) with how they were made.

    ``water`` and ``fat`` complex64 (au, at time zero), ``r2star`` 1/s, ``field_hz`` Hz (zero for magnitude fits),
    ``residual`` relative to the signal, ``pdff`` percent, NaN outside ``mask``. ``phase_sign`` is -1 where the data
    had to be conjugated. ``bipolar`` tells that every second echo was turned, on average by ``bipolar_turn_rad``.
    ``w_f_phase_deg`` is the phase of water to fat; ``relative_residual`` that of all voxels together; ``strength`` the
    smoothness chosen; ``disputed`` marks voxels that a nearly as good solution exchanges; ``noise_sd`` the standard
    deviation of the noise in the real part of an echo (au), None where it cannot be told.
    """

    water: Complexes
    fat: Complexes
    r2star: Floats
    field_hz: Floats
    residual: Floats
    pdff: Floats
    mask: Mask
    phase_sign: Literal[-1, 1]
    bipolar: bool
    bipolar_turn_rad: float
    method: str
    spectrum: str
    w_f_phase_deg: float
    relative_residual: float
    strength: float
    disputed: Mask
    noise_sd: float | None
    echo_times_s: NDArray[np.float64]
    field_strength_t: float
    notes: tuple[QualityCode, ...] = ()
    magnitude: MagnitudePair | None = None


Scalar = TypeVar("Scalar", bound=np.generic)


def on_grid(
    values: NDArray[Scalar], mask: Mask, outside: float = 0.0, *, index: NDArray[np.integer] | None = None
) -> NDArray[Scalar]:
    """Values of masked voxels (voxels,) on the full grid (slices, rows, columns), ``outside`` elsewhere.

    ``index`` (voxels,) saves looking up the flat positions of the mask again.
    """
    place = np.flatnonzero(mask) if index is None else index
    whole: NDArray[Scalar] = np.full(mask.shape, outside, dtype=values.dtype)
    whole.ravel()[place] = values
    return whole
