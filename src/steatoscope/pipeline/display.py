"""Display pictures of a volume with what was found on it; for people to look at, never measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Mask, Volume
from steatoscope.core.report import RegionPart
from steatoscope.pipeline.outcome import Picture
from steatoscope.pipeline.ports import Organs

MOST_PICTURES = 3


def chosen_slices(liver: Mask | None, slices: int) -> list[int]:
    """Slices to show: those at 25, 50 and 75 % of the liver's area along the stack, or the middle one."""
    if liver is None or not liver.any():
        return [slices // 2]
    area = liver.reshape(slices, -1).sum(axis=1).astype(float)
    share = np.cumsum(area) / area.sum()
    picks = [int(np.searchsorted(share, quantile)) for quantile in (0.25, 0.5, 0.75)]
    return sorted(set(picks))[:MOST_PICTURES]


def flips(geometry: Geometry) -> tuple[bool, bool]:
    """Which of (rows, columns) to turn so that anterior is up and the patient's right is on the picture's left.

    For axial slices in LPS space x grows to the patient's left and y to the back, as rows and columns of a standard
    picture do; other orientations and unknown geometry are shown as stored.
    """
    if not geometry.known:
        return False, False
    column, row = geometry.affine[:3, 0], geometry.affine[:3, 1]
    axial = np.argmax(np.abs(column)) == 0 and np.argmax(np.abs(row)) == 1
    return (bool(row[1] < 0), bool(column[0] < 0)) if axial else (False, False)


def windowed(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """Grey values 0-255 between two limits."""
    scaled = (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-9)
    return np.asarray(np.clip(scaled, 0.0, 1.0) * 255.0, dtype=np.uint8)


def percentile_limits(volume: Volume) -> tuple[float, float]:
    """Display limits of a signal without units: its 1st and 99.5th percentile."""
    low, high = np.percentile(volume.data, [1.0, 99.5])
    return float(low), float(high)


def volume_pictures(
    volume: Volume,
    organs: Organs,
    limits: tuple[float, float],
    *,
    heat: NDArray[np.float32] | None = None,
    heat_title: str = "",
    heat_range: tuple[float, float] = (0.0, 40.0),
    regions: Sequence[RegionPart] = (),
    lesions: Mapping[int, Mask] | None = None,
) -> tuple[Picture, ...]:
    """Pictures of the chosen slices of a volume with organs, a local map, region boxes and lesion masks.

    The slice of the surest focal region is among them.
    """
    spacing = volume.geometry.spacing
    count, planes = volume.data.shape[0], lesions or {}
    focal = sorted((region for region in regions if region.kind == "lesion"), key=lambda region: -region.score)
    picks = sorted({*chosen_slices(organs.liver, count), *(region.box[4] for region in focal[:1])})
    return tuple(
        Picture(
            title=f"Slice {index + 1} of {count}",
            grey=windowed(volume.data[index], *limits),
            liver=_plane(organs.liver, index),
            spleen=_plane(organs.spleen, index),
            kidney=_plane(organs.kidney, index),
            heat=None if heat is None else heat[index],
            heat_title=heat_title,
            heat_range=heat_range,
            lesions=planes.get(index),
            boxes=tuple((r.kind, r.box[:4], r.score) for r in regions if r.box[4] == index),
            pixel_aspect=spacing[1] / spacing[2],
            flip=flips(volume.geometry),
        )
        for index in picks
    )


def _plane(mask: Mask | None, index: int) -> Mask | None:
    return None if mask is None else mask[index]
