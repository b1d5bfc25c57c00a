"""Slices in their order along the normal, and the geometry of the volume that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.imaging.io.dicom_plane import Plane

SAME_PLACE_MM = 0.01
GAP_FACTOR = 1.5
UNEVEN_SHARE = 0.05
MIN_SLICES = 5
STRAY_MM = 2.0
MIN_TILT_DEG = 0.5


@dataclass(frozen=True, eq=False)
class Stack:
    """Planes of one volume, sorted by place, with their common geometry.

    ``gappy``: fewer than five slices, or a gap above 1.5 times the median distance: no volume may be reported.
    ``uneven``: distances differ by more than 5 %. ``tilt_deg``: angle between the normal and the stacking direction.
    """

    planes: tuple[Plane, ...]
    geometry: Geometry
    gappy: bool
    uneven: bool
    tilt_deg: float
    duplicates: int = 0

    @property
    def lead(self) -> Plane:
        """The first plane, which speaks for the series where slices agree."""
        return self.planes[0]

    @property
    def step_mm(self) -> float:
        """Distance of neighbouring slices in mm."""
        return self.geometry.spacing[0]

    @property
    def extent_mm(self) -> float:
        """Length covered along the stacking direction in mm."""
        return self.step_mm * len(self.planes)


def sort_key(plane: Plane) -> tuple[float, float, int, int, str]:
    """Place along the normal, else slice location, else instance number; then frame and file name."""
    depth = plane.depth
    location = plane.location if plane.location is not None else 0.0
    return (0.0 if depth is None else depth, location, plane.instance, plane.frame, str(plane.file.path))


def co_located(planes: Sequence[Plane]) -> list[list[Plane]]:
    """Sorted planes in groups that lie at the same depth; planes without a place stand alone."""
    groups: list[list[Plane]] = []
    for plane in sorted(planes, key=sort_key):
        depth = plane.depth
        last = groups[-1][-1].depth if groups else None
        if depth is not None and last is not None and abs(depth - last) <= SAME_PLACE_MM:
            groups[-1].append(plane)
        else:
            groups.append([plane])
    return groups


def arrange(planes: Sequence[Plane]) -> Stack:
    """Sort planes with distinct places and derive their geometry.

    Raises ``E_SLICES`` where only some planes have a place, or where they stray sideways from one line.
    """
    ordered = tuple(sorted(planes, key=sort_key))
    path = str(ordered[0].file.path)
    placed = [plane.depth is not None for plane in ordered]
    if any(placed) and not all(placed):
        raise SteatoscopeError("E_SLICES", path=path, cause="Some slices of the series have no position.")
    if not all(placed) or ordered[0].spacing is None:
        return _unplaced(ordered)
    positions = np.stack([plane.position for plane in ordered if plane.position is not None])
    gaps = np.diff(np.array([plane.depth for plane in ordered], dtype=np.float64))
    gappy, uneven = _regularity(gaps)
    step = _step(ordered[0], positions, gaps, uneven)
    _check_line(positions, step, gaps, path)
    return Stack(ordered, Geometry(_affine(ordered[0], positions[0], step)), gappy, uneven, _tilt(ordered[0], step))


def _regularity(gaps: NDArray[np.float64]) -> tuple[bool, bool]:
    if gaps.size == 0:
        return True, False
    middle = float(np.median(gaps))
    uneven = bool(np.any(np.abs(gaps - middle) > UNEVEN_SHARE * middle))
    return gaps.size + 1 < MIN_SLICES or bool(gaps.max() > GAP_FACTOR * middle), uneven


def _step(lead: Plane, positions: NDArray[np.float64], gaps: NDArray[np.float64], uneven: bool) -> NDArray[np.float64]:
    """Vector in mm from one slice to the next."""
    if gaps.size == 0:
        normal = lead.normal
        return (lead.step or 1.0) * (np.array([0.0, 0.0, 1.0]) if normal is None else normal)
    mean = (positions[-1] - positions[0]) / gaps.size
    return np.asarray(mean * (float(np.median(gaps)) / float(gaps.mean())) if uneven else mean, dtype=np.float64)


def _check_line(
    positions: NDArray[np.float64], step: NDArray[np.float64], gaps: NDArray[np.float64], path: str
) -> None:
    if gaps.size < 2:
        return
    along = step * (gaps.size / max(float(gaps.sum()), 1e-9)) if gaps.sum() else step
    direction = along / np.linalg.norm(along)
    offsets = positions - positions[0]
    sideways = offsets - np.outer(offsets @ direction, direction)
    if float(np.linalg.norm(sideways, axis=1).max()) > STRAY_MM:
        raise SteatoscopeError("E_SLICES", path=path, cause="The slices do not lie behind one another.")


def _affine(lead: Plane, origin: NDArray[np.float64], step: NDArray[np.float64]) -> NDArray[np.float64]:
    affine = np.eye(4)
    orientation = lead.orientation
    rows, columns = lead.spacing or (1.0, 1.0)
    if orientation is not None:
        affine[:3, 0], affine[:3, 1] = orientation[:3] * columns, orientation[3:] * rows
    affine[:3, 2], affine[:3, 3] = step, origin
    return affine


def _tilt(lead: Plane, step: NDArray[np.float64]) -> float:
    normal = lead.normal
    length = float(np.linalg.norm(step))
    if normal is None or length == 0.0:
        return 0.0
    angle = float(np.degrees(np.arccos(np.clip(normal @ step / length, -1.0, 1.0))))
    return angle if angle >= MIN_TILT_DEG else 0.0


def _unplaced(ordered: tuple[Plane, ...]) -> Stack:
    """Order by location or instance number, with the pixel size that is known and a geometry marked as unknown."""
    lead = ordered[0]
    locations = [plane.location for plane in ordered]
    gaps = np.diff(np.array([0.0 if place is None else place for place in locations]))
    counted = bool(gaps.size) and bool(np.all(gaps > SAME_PLACE_MM))
    gappy, uneven = _regularity(gaps) if counted else (len(ordered) < MIN_SLICES, False)
    step = float(np.median(gaps)) if counted else lead.step or 1.0
    rows, columns = lead.spacing or (1.0, 1.0)
    return Stack(ordered, Geometry.from_spacing((step, rows, columns), known=False), gappy, uneven, 0.0)
