"""Planes into stacks: by series UID, and where UIDs are missing or differ slice by slice, by what fits one geometry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.dicom_geometry import Stack, arrange, co_located
from steatoscope.imaging.io.dicom_pixels import frames
from steatoscope.imaging.io.dicom_plane import Plane
from steatoscope.imaging.io.dicom_tags import text

ORIENTATION_STEP = 0.01
SPACING_SHARE = 1e-3
PHASE_TAGS = (
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "TriggerTime",
    "NominalCardiacTriggerDelayTime",
    "ConvolutionKernel",
    "ImageType",
    "DiffusionBValue",
    "EchoTime",
    "EchoNumbers",
    "SeriesDescription",
)
TIME_TAGS = ("AcquisitionDateTime", "AcquisitionTime")


def same_grid(a: Plane, b: Plane) -> bool:
    """Whether two planes have the same size, pixel spacing and orientation."""
    if (a.layout.rows, a.layout.columns) != (b.layout.rows, b.layout.columns):
        return False
    return _close(a.spacing, b.spacing, SPACING_SHARE) and _close(a.orientation, b.orientation, ORIENTATION_STEP)


def _close(a: object, b: object, tolerance: float) -> bool:
    if a is None or b is None:
        return a is b
    return bool(np.allclose(np.asarray(a, float), np.asarray(b, float), atol=tolerance, rtol=tolerance))


def split(planes: Sequence[Plane], alike: Callable[[Plane, Plane], bool]) -> list[list[Plane]]:
    """Groups in which every plane is alike the first one."""
    groups: list[list[Plane]] = []
    for plane in planes:
        home = next((group for group in groups if alike(group[0], plane)), None)
        if home is None:
            groups.append([plane])
        else:
            home.append(plane)
    return groups


def grids(planes: Sequence[Plane]) -> list[list[Plane]]:
    """Planes by series and grid; lone slices of one folder and kind that fit one geometry are put together."""
    by_series: dict[Hashable, list[Plane]] = defaultdict(list)
    for plane in planes:
        by_series[plane.series or ("folder", str(plane.file.path.parent))].append(plane)
    groups = [group for members in by_series.values() for group in split(members, same_grid)]
    lone = [group[0] for group in groups if len(group) == 1]
    return [group for group in groups if len(group) > 1] + _joined(lone)


def _joined(lone: Sequence[Plane]) -> list[list[Plane]]:
    result: list[list[Plane]] = []
    for group in split(lone, _same_kind):
        result += [group] if _one_volume(group) else [[plane] for plane in group]
    return result


def _same_kind(a: Plane, b: Plane) -> bool:
    if a.file.path.parent != b.file.path.parent or a.file.modality != b.file.modality or not same_grid(a, b):
        return False
    names = ("ConvolutionKernel", "KVP", "SeriesDescription", "ContrastBolusAgent", "AcquisitionNumber")
    known = [(text(a.header, name), text(b.header, name)) for name in names]
    return all(x == y for x, y in known) and a.image_type[:3] == b.image_type[:3]


def _one_volume(group: Sequence[Plane]) -> bool:
    if any(plane.depth is None for plane in group) or len(co_located(group)) < len(group):
        return False
    try:
        arrange(group)
    except SteatoscopeError:
        return False
    return True


def stacks(group: Sequence[Plane], max_bytes: int) -> list[Stack]:
    """The volumes in a group of one grid: identical copies dropped, phases told apart by their tags.

    Raises ``E_SLICES`` where different images lie at one place and no tag tells them apart.
    """
    places = co_located(group)
    if all(len(place) == 1 for place in places):
        return [arrange(group)]
    unique, dropped = _without_copies(places, max_bytes)
    phases = _phases(unique)
    return [replace(arrange(phase), duplicates=dropped if i == 0 else 0) for i, phase in enumerate(phases)]


def _phases(planes: Sequence[Plane]) -> list[list[Plane]]:
    places = co_located(planes)
    if all(len(place) == 1 for place in places):
        return [list(planes)]
    for name in PHASE_TAGS:
        parts: dict[str | None, list[Plane]] = defaultdict(list)
        for plane in planes:
            parts[text(plane.header, name)].append(plane)
        if len(parts) > 1 and _are_phases(list(parts.values()), places):
            return list(parts.values())
    for name in TIME_TAGS:
        if _timed(places, name):
            ranks = max(len(place) for place in places)
            ordered = [sorted(place, key=lambda p: text(p.header, name) or "") for place in places]
            return [[place[rank] for place in ordered if rank < len(place)] for rank in range(ranks)]
    cause = "Different images of one series lie at the same place, and nothing in the header tells them apart."
    raise SteatoscopeError("E_SLICES", path=str(places[0][0].file.path.parent), cause=cause)


def _are_phases(parts: Sequence[Sequence[Plane]], places: Sequence[Sequence[Plane]]) -> bool:
    """Whether each part has every place once at most, and is a run of slices unless there is but one place."""
    shortest = 1 if len(places) == 1 else 2
    return all(len(part) >= shortest and len(co_located(part)) == len(part) for part in parts)


def _timed(places: Sequence[Sequence[Plane]], name: str) -> bool:
    """Whether a time tells apart the images at every place, and most places were imaged more than once."""
    crowded = [place for place in places if len(place) > 1]
    if 2 * len(crowded) < len(places):
        return False
    times = [[text(plane.header, name) for plane in place] for place in crowded]
    return all(None not in row and len(set(row)) == len(row) for row in times)


def _without_copies(places: Sequence[Sequence[Plane]], max_bytes: int) -> tuple[list[Plane], int]:
    kept: list[Plane] = []
    dropped = 0
    for place in places:
        unique: list[Plane] = []
        for plane in place:
            if any(_identical(plane, other, max_bytes) for other in unique):
                dropped += 1
            else:
                unique.append(plane)
        kept += unique
    return kept, dropped


def _identical(a: Plane, b: Plane, max_bytes: int) -> bool:
    if a.file is b.file or a.rescale != b.rescale or a.layout != b.layout:
        return False
    if (a.echo_ms, a.component, a.image_type) != (b.echo_ms, b.component, b.image_type):
        return False
    same_place = a.position is None or b.position is None or bool(np.allclose(a.position, b.position, atol=0.05))
    return same_place and bool(np.array_equal(_pixels(a, max_bytes), _pixels(b, max_bytes)))


def _pixels(plane: Plane, max_bytes: int) -> np.ndarray:
    for index, frame in enumerate(frames(plane.file, plane.layout, max_bytes)):
        if index == plane.frame:
            return np.asarray(frame)
    return np.empty(0)
