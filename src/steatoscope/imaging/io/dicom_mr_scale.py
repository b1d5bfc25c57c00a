"""Scales of MR values: phase to radians, and vendor fat-fraction maps to percent."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Floats
from steatoscope.imaging.io.dicom_plane import Plane
from steatoscope.imaging.io.dicom_tags import text

TURN_SPANS = (2.0 * math.pi, 2000.0 * math.pi, 360.0)
SPAN_TOLERANCE = 0.02
SIEMENS_SPAN = 8192.0
UNIT_PERCENT = {
    "%": 1.0,
    "PERCENT": 1.0,
    "PCT": 1.0,
    "0.1%": 0.1,
    "PERMILLE": 0.1,
    "[PPTH]": 0.1,
    "10*-3": 0.1,
    "1": 100.0,
    "RATIO": 100.0,
    "FRACTION": 100.0,
    "{RATIO}": 100.0,
}
FULL_SCALES = ((1.0, 100.0), (100.0, 1.0), (1000.0, 0.1))
FULL_TOLERANCE = 0.03
TENTH_SLOPES = ((0.1, 1.0), (0.001, 100.0))
PLAUSIBLE_PERCENT = (-60.0, 160.0)
STRAY_SHARE = 0.01
FRACTION_TOP = 1.05


def phase_turn(plane: Plane, largest: float) -> tuple[float, float]:
    """Lower end and span of one turn in the units of rescaled phase values.

    From the range that the stored bits and the rescale can hold, never from that of the data. Where the stored bits
    are wider than any phase format (16-bit milliradians), ``largest``, the largest magnitude, tells the formats apart.
    """
    low, high = (plane.rescale.slope * edge + plane.rescale.intercept for edge in plane.layout.stored_range)
    low, high = min(low, high), max(low, high)
    span = high - low + abs(plane.rescale.slope)
    if not plane.layout.floating:
        for turn in TURN_SPANS:
            if abs(span - turn) <= SPAN_TOLERANCE * turn:
                return low, turn
        if span <= SIEMENS_SPAN * (1.0 + SPAN_TOLERANCE):
            return low, span
    for turn in (TURN_SPANS[0], TURN_SPANS[1], SIEMENS_SPAN):
        if largest <= turn / 2.0 * (1.0 + 1e-3):
            return -turn / 2.0, turn
    return low, span


def phase_radians(values: Floats, plane: Plane) -> Floats:
    """Rescaled phase values to radians in [-pi, pi)."""
    low, span = phase_turn(plane, float(np.abs(values).max(initial=0.0)))
    if not (math.isfinite(low) and span > 0.0):
        raise SteatoscopeError("E_FORMAT", path=str(plane.file.path), cause="The phase image has no usable range.")
    angle = (values.astype(np.float64) - low) / span * (2.0 * math.pi) - math.pi
    return np.asarray(np.mod(angle + math.pi, 2.0 * math.pi) - math.pi, dtype=np.float32)


def to_percent(values: Floats, planes: Sequence[Plane]) -> Floats:
    """A fat-fraction map in percent.

    The scale comes from units, rescale type and stored range; from values only where an unmasked map fills its scale.
    Raises ``E_SCALE`` where it stays undecided, or where the values contradict it.
    """
    factor = _from_header(planes[0], float(values.max(initial=0.0)))
    factor = _from_values(values) if factor is None else factor
    path = str(planes[0].file.path.parent)
    if factor is None:
        raise SteatoscopeError("E_SCALE", path=path)
    percent = values * np.float32(factor)
    stray = float(np.mean((percent < PLAUSIBLE_PERCENT[0]) | (percent > PLAUSIBLE_PERCENT[1])))
    if stray > STRAY_SHARE or (factor < 100.0 and float(np.percentile(values, 99.9)) <= FRACTION_TOP):
        raise SteatoscopeError("E_SCALE", path=path, cause="The values do not fit the scale that the header names.")
    return percent


def _from_header(plane: Plane, largest: float) -> float | None:
    units = [plane.rescale.unit, (text(plane.header, "Units") or "").upper()]
    for unit in units:
        if unit in UNIT_PERCENT:
            return UNIT_PERCENT[unit]
    if not plane.rescale.given or plane.layout.floating:
        return None
    slope = abs(plane.rescale.slope)
    highest = slope * plane.layout.stored_range[1] + plane.rescale.intercept
    for full, factor in FULL_SCALES:
        if abs(highest - full) <= FULL_TOLERANCE * full:
            return factor
    for tenth, factor in TENTH_SLOPES:
        if math.isclose(slope, tenth, rel_tol=1e-6) and largest * factor <= PLAUSIBLE_PERCENT[1]:
            return factor
    return None


def _from_values(values: Floats) -> float | None:
    """The scale that an unmasked map fills from lean tissue to subcutaneous fat, None where it fills none.

    Values well above 100 leave only the scale to 1000, masked or not.
    """
    used = values[values != 0.0]
    if used.size and PLAUSIBLE_PERCENT[1] < float(np.percentile(used, 99.0)) and float(used.max()) <= 1200.0:
        return FULL_SCALES[2][1]
    if used.size < 0.25 * values.size:
        return None
    low, high, top = (float(q) for q in np.percentile(used, (5.0, 98.0, 99.9)))
    for full, factor in FULL_SCALES:
        if low <= 0.2 * full and 0.7 * full <= high and top <= 1.2 * full:
            return factor
    return None
