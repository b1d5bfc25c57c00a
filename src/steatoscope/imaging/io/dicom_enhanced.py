"""Planes of enhanced (multi-frame) CT, MR and Parametric Map objects, from their functional groups."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from steatoscope.imaging.io.dicom_file import DicomFile
from steatoscope.imaging.io.dicom_layout import PixelLayout
from steatoscope.imaging.io.dicom_plane import (
    Plane,
    Rescale,
    classic_planes,
    component_of,
    orientation_of,
    position_of,
    rescale_of,
    spacing_of,
    step_of,
)
from steatoscope.imaging.io.dicom_tags import first, items, positive, text, texts, value

FRAME_TYPES = ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "ParametricMapFrameTypeSequence")


def planes(file: DicomFile, layout: PixelLayout) -> list[Plane]:
    """All planes of a file, classic or enhanced."""
    own = items(file.header, "PerFrameFunctionalGroupsSequence")
    shared = first(file.header, "SharedFunctionalGroupsSequence")
    if shared is None and not own:
        return classic_planes(file, layout)
    places = [own[frame] if frame < len(own) else None for frame in range(layout.frames)]
    return [_plane(file, layout, frame, _Groups(place, shared)) for frame, place in enumerate(places)]


class _Groups:
    """Functional groups of one frame: its own where it has them, else the shared ones."""

    def __init__(self, own: Dataset | None, shared: Dataset | None) -> None:
        self._places = [place for place in (own, shared) if place is not None]

    def group(self, name: str) -> Dataset:
        """The first item of a functional group, an empty data set where it is absent."""
        for place in self._places:
            found = first(place, name)
            if found is not None:
                return found
        return Dataset()


def _plane(file: DicomFile, layout: PixelLayout, frame: int, groups: _Groups) -> Plane:
    measures = groups.group("PixelMeasuresSequence")
    kind = next((g for g in (groups.group(name) for name in FRAME_TYPES) if len(g)), Dataset())
    types = texts(kind, "FrameType") or texts(file.header, "ImageType")
    echo = groups.group("MREchoSequence")
    return Plane(
        file,
        layout,
        frame,
        text(file.header, "SeriesInstanceUID") or "",
        position_of(groups.group("PlanePositionSequence")),
        orientation_of(groups.group("PlaneOrientationSequence")),
        spacing_of(measures),
        step_of(measures),
        None,
        frame,
        _rescale(groups, str(file.path)),
        tuple(part.upper() for part in types),
        positive(echo, "EffectiveEchoTime") or positive(file.header, "EchoTime"),
        None,
        _component(kind, file.header, types),
    )


def _component(kind: Dataset, header: Dataset, types: tuple[str, ...]) -> str:
    found = component_of(kind, types)
    return found if found != "M" or text(kind, "ComplexImageComponent") else component_of(header, types)


def _rescale(groups: _Groups, path: str) -> Rescale:
    """The real-world mapping to percent where there is one, else the pixel value transformation."""
    mapping = groups.group("RealWorldValueMappingSequence")
    slope, intercept = value(mapping, "RealWorldValueSlope"), value(mapping, "RealWorldValueIntercept")
    units = first(mapping, "MeasurementUnitsCodeSequence")
    if _finite(slope) and _finite(intercept) and units is not None and slope:
        return Rescale(float(slope), float(intercept), (text(units, "CodeValue") or "").upper(), given=True)
    return rescale_of(groups.group("PixelValueTransformationSequence"), path)


def _finite(found: Any) -> bool:
    return isinstance(found, int | float) and abs(found) < 1e30


def deep(header: Dataset, keyword: str) -> Dataset:
    """The data set that holds a keyword: the header itself, or its shared or first functional groups."""
    if value(header, keyword) is not None:
        return header
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        place = first(header, name)
        for element in list(place.keys()) if place is not None else []:
            try:
                group = place[element].value[0] if place is not None and place[element].VR == "SQ" else None
            except Exception:
                continue
            if isinstance(group, Dataset) and value(group, keyword) is not None:
                return group
    return header
