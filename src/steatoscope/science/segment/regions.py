"""Where a liver's fat departs from its own median: fatty and spared regions, without a learned model.

The map is smoothed, each voxel is compared with the liver's median in robust standard deviations, and connected
deviations that are large enough become boxes. A fat fraction map in percent, on CT as well (converted from HU).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from steatoscope.core.image import Floats, Mask, Volume
from steatoscope.core.report import RegionPart
from steatoscope.science.segment.canonical import Triple
from steatoscope.science.segment.morphology import eroded, gaussian_mm

Kind = Literal["fatty", "spared"]

DETECTOR = "classical: robust z of the smoothed fat map"
SMOOTH_MM = 4.0
Z_LIMIT = 3.0
MIN_POINTS = 3.0
MIN_AREA_MM2 = 150.0
MIN_VOLUME_ML = 1.0
MAX_BORDER_SHARE = 0.5
MAX_REGIONS = 20


@dataclass(frozen=True, eq=False)
class _Deviation:
    """The smoothed map in percent, its robust z, and where both may be trusted."""

    smooth: Floats
    z: Floats
    inside: Mask
    median: float


def fatty_regions(fat_map: Volume, liver: Mask, threshold_percent: float) -> list[RegionPart]:
    """Regions of a fat map (slices, rows, columns; percent) that depart from the liver's median.

    ``fatty``: more fat than the rest and at or above ``threshold_percent``. ``spared``: less fat than the rest of a
    liver whose median reaches the threshold. Regions that lie along the liver's border for more than half of their
    outline are left out: they are mostly faults of the mask. Focal lesions are not told apart, and a uniform liver
    has no regions.
    Boxes are (x0, y0, x1, y1, slice) with exclusive ends on the region's largest slice; ``score`` (0-1) grows with the
    deviation. Sizes are None where the geometry is unknown.
    """
    deviation = _deviation(fat_map, liver)
    if deviation is None:
        return []
    parts: list[RegionPart] = []
    for sign in (1.0, -1.0):
        beyond = deviation.inside & (sign * deviation.z > Z_LIMIT)
        beyond &= sign * (deviation.smooth - deviation.median) > MIN_POINTS
        labels, count = ndimage.label(beyond, structure=ndimage.generate_binary_structure(3, 2))
        for index in range(1, count + 1):
            part = _part(fat_map, deviation, _half(deviation, np.asarray(labels == index)), threshold_percent)
            if part is not None:
                parts.append(part)
    return sorted(parts, key=lambda part: (-part.score, part.box))[:MAX_REGIONS]


def _deviation(fat_map: Volume, liver: Mask) -> _Deviation | None:
    spacing = _spacing(fat_map)
    inside = eroded(liver, spacing, 3.0)
    if inside.sum() < 50:
        return None
    smooth = _smooth_within(fat_map.data, liver, spacing)
    values = smooth[inside]
    median = float(np.median(values))
    spread = max(1.4826 * float(np.median(np.abs(values - median))), 0.5)
    z = np.where(inside, (smooth - median) / spread, 0.0).astype(np.float32)
    return _Deviation(smooth, z, inside, median)


def _half(deviation: _Deviation, region: Mask) -> Mask:
    """The region where it deviates by at least half of its peak, which undoes the widening by smoothing."""
    away = np.abs(deviation.smooth - deviation.median)
    return np.asarray(region & (away >= 0.5 * float(np.percentile(away[region], 95.0))))


def _spacing(fat_map: Volume) -> Triple:
    """The map's spacing; where it is unknown, that of an image of 350 mm width."""
    if fat_map.geometry.known:
        return fat_map.geometry.spacing
    step = 350.0 / max(fat_map.data.shape[1:])
    return 5.0, step, step


def _smooth_within(data: Floats, liver: Mask, spacing: Triple) -> Floats:
    """Normalised smoothing that takes nothing from outside the liver."""
    weight = gaussian_mm(liver.astype(np.float32), spacing, SMOOTH_MM)
    total = gaussian_mm(np.where(liver, data, 0.0).astype(np.float32), spacing, SMOOTH_MM)
    return np.asarray(np.where(liver, total / np.maximum(weight, 1e-6), 0.0), dtype=np.float32)


def _part(fat_map: Volume, deviation: _Deviation, region: Mask, threshold: float) -> RegionPart | None:
    spacing = _spacing(fat_map)
    areas = region.sum(axis=(1, 2))
    plane = int(np.argmax(areas))
    area_mm2 = float(areas[plane]) * spacing[1] * spacing[2]
    volume_ml = float(region.sum()) * float(np.prod(spacing)) / 1000.0
    if area_mm2 < MIN_AREA_MM2 or (region.shape[0] > 1 and volume_ml < MIN_VOLUME_ML):
        return None
    kind = _kind(deviation, region, threshold)
    if kind is None or _border_share(deviation, region[plane], plane) > MAX_BORDER_SHARE:
        return None
    rows, cols = np.nonzero(region[plane])
    known = fat_map.geometry.known
    z = float(np.abs(np.median(deviation.z[region])))
    return RegionPart(
        kind=kind,
        box=(int(cols.min()), int(rows.min()), int(cols.max()) + 1, int(rows.max()) + 1, plane),
        score=round(float(1.0 - np.exp(-z / 6.0)), 4),
        size_mm2=round(area_mm2, 1) if known else None,
        size_ml=round(volume_ml, 2) if known and region.shape[0] > 1 else None,
        size_px=int(region.sum()),
        detector=DETECTOR,
    )


def _kind(deviation: _Deviation, region: Mask, threshold: float) -> Kind | None:
    level = float(np.median(deviation.smooth[region]))
    if level > deviation.median:
        return "fatty" if level >= threshold else None
    return "spared" if deviation.median >= threshold else None


def _border_share(deviation: _Deviation, region: Mask, plane: int) -> float:
    """Share of a region's outline, 0-1, along the border of the mask on one slice (rows, columns)."""
    rim = ndimage.binary_dilation(region) & ~region
    return float((~deviation.inside[plane])[rim].mean()) if rim.any() else 1.0
