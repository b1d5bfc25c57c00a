"""Replayable changes of multi-echo MR signals: phase sign, the turn of every second echo, echoes left out.

Arrays are ordered (echo, ...). The convention of this project is ``exp(+i 2 pi psi t)`` with fat at negative frequency.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.transforms import transform

Complexes = NDArray[np.complex64]


@transform("mr.conjugate")
def conjugate(array: Complexes) -> Complexes:
    """Echoes with the sign of their phase turned, for data stored in the opposite precession convention."""
    return np.asarray(np.conj(array), dtype=np.complex64)


@transform("mr.turn_even_echoes")
def turn_even_echoes(array: Complexes, *, turn_rad: float, slope_rad_per_column: float = 0.0) -> Complexes:
    """The 2nd, 4th, ... echo multiplied by ``exp(-i turn)``: undoes the phase that a bipolar readout adds.

    ``slope_rad_per_column`` changes the turn along the last axis, counted from its middle.
    """
    columns = np.arange(array.shape[-1]) - (array.shape[-1] - 1) / 2.0
    factor = np.exp(-1j * (turn_rad + slope_rad_per_column * columns)).astype(np.complex64)
    result = array.copy()
    result[1::2] = array[1::2] * factor
    return result


@transform("mr.keep_echoes")
def keep_echoes(array: NDArray[np.generic], *, echoes: Sequence[int]) -> NDArray[np.generic]:
    """Only the echoes of these indices, in this order."""
    return array[list(echoes)]
