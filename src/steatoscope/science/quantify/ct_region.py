"""Attenuation of one organ on CT: erosion in millimetres, plausible HU, vessels out, robust statistics.

Recipe of whole-liver studies (Graffy, Radiology 2019): median and MAD of the eroded organ within HU limits, without
voxels that a 3 x 3 x 3 median filter shows to differ from the organ, on either side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.image import Floats, Mask, Volume

EROSION_MM: Final = 5.0
MAD_TO_SD: Final = 1.4826
LIMITS_HU: Final = (-50.0, 150.0)
FATTY_LOWER_LIMIT_HU: Final = -120.0
ABOVE_MEDIAN_HU: Final = 90.0
VESSEL_SDS: Final = 2.0
ENOUGH_ML: Final = 30.0
SMALLEST_SHARE: Final = 0.5
FEWEST_SLICES_3D: Final = 5
FEWEST_VOXELS: Final = 20
_CELL_VOXELS: Final = 27.0
_FEWEST_IN_PART: Final = 50

Slices = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class RegionHU:
    """Statistics of an organ in HU over the voxels ``used``, a mask in the volume's grid.

    ``noise`` is 1.4826 MAD of the eroded organ within the HU limits, ``se`` the standard error of the median.
    ``parts`` are medians of octants about the organ's centre (quadrants where slices are few), NaN where too small.
    ``eroded_mm`` is the erosion done, ``eroded_ml`` the volume left after it.
    """

    median: float
    mad: float
    iqr: tuple[float, float]
    noise: float
    se: float
    parts: tuple[float, ...]
    used: Mask
    used_ml: float
    eroded_ml: float
    eroded_mm: float

    @property
    def heterogeneity(self) -> float | None:
        """Range of the part medians in HU; None where fewer than two parts have a median."""
        known = [value for value in self.parts if math.isfinite(value)]
        return max(known) - min(known) if len(known) > 1 else None


def measure_region(volume: Volume, organ: Mask, exclude: Mask | None = None) -> RegionHU | None:
    """Attenuation of an organ given as a mask of the volume's shape; None where too few voxels are left.

    ``exclude`` marks voxels to leave out (lesions). NaN and infinite voxels are left out.
    """
    box = _bounding_box(organ)
    if box is None:
        return None
    hu = volume.data[box]
    spacing = volume.geometry.spacing
    eroded, erosion_mm = erode(organ[box], spacing, volume.geometry.voxel_ml, known=volume.geometry.known)
    inside = eroded & np.isfinite(hu)
    if exclude is not None:
        inside &= ~exclude[box]
    plausible = _within_limits(hu, inside)
    used = _without_vessels(hu, plausible)
    if int(used.sum()) < FEWEST_VOXELS:
        return None
    return _statistics(volume, box, plausible, used, (erosion_mm, float(inside.sum()) * volume.geometry.voxel_ml))


def erode(
    organ: Mask, spacing: tuple[float, float, float], voxel_ml: float, *, known: bool = True
) -> tuple[Mask, float]:
    """An organ mask (slices, rows, columns) eroded by 5 mm, and the erosion done in mm.

    Fewer than five slices are eroded in plane only, and the edge of the field of view does not erode. A mask that would
    lose more than half of itself and keep under 30 ml, such as a small region drawn by hand, is eroded by the largest
    whole number of mm that leaves half of it. Nothing is eroded where the spacing is unknown.
    """
    total = int(organ.sum())
    if not known or total == 0:
        return organ, 0.0
    distance = _depth_mm(organ, spacing)
    for radius in np.arange(EROSION_MM, 0.0, -1.0):
        kept = distance > radius
        left = int(kept.sum())
        if left >= SMALLEST_SHARE * total or left * voxel_ml >= ENOUGH_ML:
            return kept, float(radius)
    return organ, 0.0


def _depth_mm(organ: Mask, spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    if int(organ.any(axis=(1, 2)).sum()) >= FEWEST_SLICES_3D:
        return np.asarray(ndimage.distance_transform_edt(organ, sampling=spacing))
    return np.stack([ndimage.distance_transform_edt(plane, sampling=spacing[1:]) for plane in organ])


def _bounding_box(organ: Mask) -> Slices | None:
    """The organ's box with one voxel of margin, so that its outline is seen as an edge."""
    found = ndimage.find_objects(organ.astype(np.int8))
    if not found or found[0] is None:
        return None
    margin = [slice(max(0, s.start - 1), s.stop + 1) for s in found[0]]
    return margin[0], margin[1], margin[2]


def _within_limits(hu: Floats, inside: Mask) -> Mask:
    """Voxels within the HU limits, the lower one widened for a median below 0, the upper one for an enhanced organ."""
    low, high = LIMITS_HU
    if inside.any():
        median = float(np.median(hu[inside]))
        low = FATTY_LOWER_LIMIT_HU if median < 0.0 else low
        high = max(high, median + ABOVE_MEDIAN_HU)
    return np.asarray(inside & (hu >= low) & (hu <= high), dtype=bool)


def _without_vessels(hu: Floats, plausible: Mask) -> Mask:
    """Without voxels whose median-filtered HU differs from the median by more than 2 x 1.4826 MAD, on either side."""
    if not plausible.any():
        return plausible
    size = (min(3, hu.shape[0]), 3, 3)
    smooth = ndimage.median_filter(np.nan_to_num(hu), size=size, mode="nearest")
    values = smooth[plausible]
    centre = float(np.median(values))
    spread = VESSEL_SDS * MAD_TO_SD * float(np.median(np.abs(values - centre)))
    if spread == 0.0:
        return plausible
    return np.asarray(plausible & (np.abs(smooth - centre) <= spread), dtype=bool)


def _statistics(volume: Volume, box: Slices, plausible: Mask, used: Mask, erosion: tuple[float, float]) -> RegionHU:
    hu = volume.data[box]
    values = hu[used].astype(np.float64)
    median = float(np.median(values))
    quartiles = np.percentile(values, [25.0, 75.0])
    noise = MAD_TO_SD * _mad(hu[plausible])
    parts = _part_medians(hu, used)
    whole = np.zeros(volume.data.shape, dtype=bool)
    whole[box] = used
    return RegionHU(
        median=median,
        mad=_mad(values),
        iqr=(float(quartiles[0]), float(quartiles[1])),
        noise=noise,
        se=_standard_error(noise, values.size, parts),
        parts=parts,
        used=whole,
        used_ml=values.size * volume.geometry.voxel_ml,
        eroded_ml=erosion[1],
        eroded_mm=erosion[0],
    )


def _mad(values: NDArray[np.floating]) -> float:
    return float(np.median(np.abs(values - np.median(values))))


def _standard_error(noise: float, voxels: int, parts: tuple[float, ...]) -> float:
    """Of the median: noise over cells of 3 x 3 x 3 correlated voxels, or the spread of the parts where larger."""
    by_noise = 1.2533 * noise / math.sqrt(max(1.0, voxels / _CELL_VOXELS))
    known = [value for value in parts if math.isfinite(value)]
    if len(known) < 2:
        return by_noise
    return max(by_noise, float(np.std(known, ddof=1)) / math.sqrt(len(known)))


def _part_medians(hu: Floats, used: Mask) -> tuple[float, ...]:
    places = np.nonzero(used)
    halves = [(axis > np.median(axis)).astype(int) for axis in places]
    deep = np.unique(places[0]).size >= FEWEST_SLICES_3D
    part = halves[0] * 4 * deep + halves[1] * 2 + halves[2]
    values = hu[places]
    groups = [values[part == index] for index in range(8 if deep else 4)]
    return tuple(float(np.median(group)) if group.size >= _FEWEST_IN_PART else math.nan for group in groups)
