"""One CT or MR image plane with the header values that place, scale and order it, from a classic or enhanced object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.dicom_file import DicomFile
from steatoscope.imaging.io.dicom_layout import PixelLayout
from steatoscope.imaging.io.dicom_tags import declared, integer, number, numbers, positive, text, texts

Vector = NDArray[np.float64]
ORIENTATION_TOLERANCE = 0.02
FARTHEST_MM = 1e5
SPACING_LIMITS_MM = (1e-3, 1e3)


@dataclass(frozen=True, slots=True)
class Rescale:
    """Stored value to physical value: ``slope * stored + intercept`` in ``unit`` as the header names it."""

    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    given: bool = False


@dataclass(frozen=True, eq=False)
class Plane:
    """One image plane. ``position`` and ``orientation`` are in DICOM patient coordinates (LPS, mm), None if unknown.

    ``spacing`` is (row, column) in mm, ``step`` the slice distance or thickness in mm. ``component`` is M, P, R or I.
    """

    file: DicomFile
    layout: PixelLayout
    frame: int
    series: str
    position: Vector | None
    orientation: Vector | None
    spacing: tuple[float, float] | None
    step: float | None
    location: float | None
    instance: int
    rescale: Rescale
    image_type: tuple[str, ...] = ()
    echo_ms: float | None = None
    echo_number: int | None = None
    component: str = "M"

    @property
    def header(self) -> Dataset:
        """The header of the file."""
        return self.file.header

    @property
    def normal(self) -> Vector | None:
        """Unit vector along which slices follow one another."""
        return None if self.orientation is None else np.cross(self.orientation[:3], self.orientation[3:])

    @property
    def depth(self) -> float | None:
        """Distance of the plane along its normal in mm, None where it has no place."""
        if self.position is None or self.normal is None:
            return None
        return float(self.position @ self.normal)


def classic_planes(file: DicomFile, layout: PixelLayout) -> list[Plane]:
    """The planes of an object without functional groups; only a single frame has a place."""
    header = file.header
    single = layout.frames == 1
    location = number(header, "SliceLocation") if single else None
    location = None if location is None or abs(location) > FARTHEST_MM else location
    instance = integer(header, "InstanceNumber") or 0
    return [
        Plane(
            file,
            layout,
            frame,
            text(header, "SeriesInstanceUID") or "",
            position_of(header) if single else None,
            orientation_of(header),
            spacing_of(header),
            step_of(header),
            location,
            instance if single else frame,
            rescale_of(header, str(file.path)),
            tuple(part.upper() for part in texts(header, "ImageType")),
            positive(header, "EchoTime"),
            integer(header, "EchoNumbers"),
            component_of(header),
        )
        for frame in range(layout.frames)
    ]


def position_of(item: Dataset) -> Vector | None:
    """ImagePositionPatient, None where absent or malformed."""
    found = numbers(item, "ImagePositionPatient", 3)
    if found is None or max(abs(part) for part in found) > FARTHEST_MM:
        return None
    return np.asarray(found, dtype=np.float64)


def orientation_of(item: Dataset) -> Vector | None:
    """ImageOrientationPatient as six exact direction cosines, None where absent or not two perpendicular directions."""
    found = numbers(item, "ImageOrientationPatient", 6)
    if found is None:
        return None
    row, column = np.asarray(found[:3]), np.asarray(found[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if any(not abs(length - 1.0) < ORIENTATION_TOLERANCE for length in lengths):
        return None
    if abs(float(row @ column)) > ORIENTATION_TOLERANCE:
        return None
    return np.concatenate([row / lengths[0], column / lengths[1]])


def spacing_of(item: Dataset) -> tuple[float, float] | None:
    """PixelSpacing (row, column) in mm, None where absent or impossible."""
    found = numbers(item, "PixelSpacing", 2)
    if found is None or min(found) < SPACING_LIMITS_MM[0] or max(found) > SPACING_LIMITS_MM[1]:
        return None
    return found[0], found[1]


def step_of(item: Dataset) -> float | None:
    """SpacingBetweenSlices, else SliceThickness, in mm; None where absent or impossible."""
    for name in ("SpacingBetweenSlices", "SliceThickness"):
        found = number(item, name)
        if found is not None and SPACING_LIMITS_MM[0] <= abs(found) <= SPACING_LIMITS_MM[1]:
            return abs(found)
    return None


def rescale_of(item: Dataset, path: str) -> Rescale:
    """Rescale slope, intercept and type: ``E_NAN`` or ``E_FORMAT`` where unusable, ``E_SCALE`` for slope 0."""
    values = []
    for name in ("RescaleSlope", "RescaleIntercept"):
        found = number(item, name)
        if found is None and declared(item, name):
            written = (text(item, name) or "").lower()
            code = "E_NAN" if "nan" in written or "inf" in written else "E_FORMAT"
            raise SteatoscopeError(code, path=path, cause=f"{name} is not a finite number.")
        values.append(found)
    slope, intercept = values
    if slope == 0:
        raise SteatoscopeError("E_SCALE", path=path, message="The pixel scale is unclear.", cause="RescaleSlope is 0.")
    given = slope is not None or intercept is not None
    return Rescale(
        1.0 if slope is None else slope,
        0.0 if intercept is None else intercept,
        (text(item, "RescaleType") or "").upper(),
        given,
    )


COMPONENTS = {
    "M": "M",
    "MAGNITUDE": "M",
    "P": "P",
    "PHASE": "P",
    "PHASE MAP": "P",
    "R": "R",
    "REAL": "R",
    "I": "I",
    "IMAGINARY": "I",
}
GE_COMPONENT = (0x0043, 0x102F)


def component_of(item: Dataset, image_type: Sequence[str] | None = None) -> str:
    """The complex component: M, P, R or I; magnitude where nothing is said."""
    stated = COMPONENTS.get((text(item, "ComplexImageComponent") or "").upper())
    if stated:
        return stated
    kinds = [part.upper() for part in (texts(item, "ImageType") if image_type is None else image_type)]
    for part in kinds[2:]:
        if part in COMPONENTS:
            return COMPONENTS[part]
    if (text(item, "Manufacturer") or "").upper().startswith("GE"):
        return {1: "P", 2: "R", 3: "I"}.get(_ge_component(item) or 0, "M")
    return "M"


def _ge_component(item: Dataset) -> int | None:
    found = integer(item, GE_COMPONENT)
    if found is not None:
        return found
    try:
        raw = item[GE_COMPONENT].value
        return int.from_bytes(raw[:2], "little") if isinstance(raw, bytes) and raw else None
    except Exception:
        return None
