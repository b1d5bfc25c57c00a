"""Echo trains from their echoes: complex parts joined, times put in order, one magnitude image for display."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import EchoTrain, Volume
from steatoscope.imaging.io.bids import Part
from steatoscope.imaging.io.nifti import NiftiImage

_PI_WITH_MARGIN: Final = math.pi * 1.01
_TURN: Final = 4096.0


@dataclass(frozen=True, eq=False)
class Echo:
    """One echo: its time in seconds and its voxels (slices, rows, columns), complex64 or float32 magnitude."""

    time_s: float
    data: NDArray[Any]


def assemble(
    echoes: Sequence[Echo],
    field_strength_t: float,
    geometry: Geometry,
    precession: Literal[-1, 1] | None = None,
) -> EchoTrain:
    """An echo train in rising order of time. Raises E_FORMAT where grids or kinds differ between echoes."""
    ordered = sorted(echoes, key=lambda echo: echo.time_s)
    if len({echo.data.shape for echo in ordered}) > 1:
        raise SteatoscopeError("E_FORMAT", cause="The echoes have different grids.")
    complex_echoes = sum(np.iscomplexobj(echo.data) for echo in ordered)
    if complex_echoes not in (0, len(ordered)):
        raise SteatoscopeError("E_FORMAT", cause="Some echoes have a phase and others have none.")
    kind: Literal["complex", "magnitude"] = "complex" if complex_echoes else "magnitude"
    stack = np.stack([echo.data for echo in ordered])
    data = stack.astype(np.complex64) if complex_echoes else stack.astype(np.float32)
    times = np.array([echo.time_s for echo in ordered], dtype=np.float64)
    return EchoTrain(data, times, field_strength_t, geometry, kind, precession)


def root_mean_square(train: EchoTrain) -> Volume:
    """The root of the mean squared magnitude over echoes: a plain image of the anatomy."""
    power = np.zeros(train.data.shape[1:], dtype=np.float32)
    for echo in train.data:
        power += np.square(np.abs(echo).astype(np.float32))
    return Volume(np.sqrt(power / np.float32(train.data.shape[0])), train.geometry, "au")


def complex_from_parts(parts: Mapping[Part, NiftiImage], phase_step: float) -> NDArray[Any]:
    """One echo from real and imaginary, or magnitude and phase, or magnitude alone.

    ``phase_step`` is the angle in radians of one unit of the phase image (see :func:`phase_unit`). Raises E_FORMAT.
    """
    first = next(iter(parts.values()))
    for image in parts.values():
        if image.data.shape != first.data.shape or not image.geometry.same_space(first.geometry):
            raise SteatoscopeError("E_FORMAT", path=str(image.path), cause="The parts of an echo have different grids.")
    if first.data.dtype.kind == "c":
        return first.data
    if "real" in parts and "imag" in parts:
        return np.asarray(parts["real"].data + 1j * parts["imag"].data, dtype=np.complex64)
    if "mag" in parts and "phase" in parts:
        turn = np.exp(1j * np.float32(phase_step) * parts["phase"].data)
        return np.asarray(parts["mag"].data * turn, dtype=np.complex64)
    if "mag" in parts:
        return np.asarray(np.abs(parts["mag"].data))
    cause = f"An echo has only its {' and '.join(sorted(parts))} part."
    raise SteatoscopeError("E_FORMAT", path=str(first.path), cause=cause)


def phase_unit(phases: Sequence[NiftiImage], units: str | None) -> float:
    """Radians of one unit of an acquisition's phase images: stated as ``rad``, else by the range of all of them.

    Ranges: +-pi in radians; +-pi x 1000 in 1/1000 rad; 0 to 4095 or +-4096 for a turn (a constant offset of half a
    turn, the same in all echoes, is left in: it changes no fat fraction). Raises E_SCALE beyond these.
    """
    if not phases or (units or "").strip().lower() in ("rad", "radian", "radians"):
        return 1.0
    low, high = min(float(one.data.min()) for one in phases), max(float(one.data.max()) for one in phases)
    reach = max(-low, high)
    for limit, unit in ((_PI_WITH_MARGIN, 1.0), (1000.0 * _PI_WITH_MARGIN if low < 0.0 else 0.0, 1e-3)):
        if reach <= limit:
            return unit
    if reach <= _TURN:
        return (2.0 if low >= 0.0 else 1.0) * math.pi / _TURN
    cause = f"The phase runs from {low:g} to {high:g}, which is no known scale."
    path = str(phases[0].path)
    raise SteatoscopeError("E_SCALE", path=path, message="The scale of the phase is unclear.", cause=cause)
