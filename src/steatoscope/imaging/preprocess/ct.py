"""CT display windows, resampling, the body mask, and checks of the HU scale against air and fat.

Measurements are made on HU; windows are for display and for networks only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Floats, Mask, Volume
from steatoscope.core.transforms import TransformRecord, apply, transform

AIR_HU: Final = -1000.0
BODY_THRESHOLD_HU: Final = -300.0
WINDOWS: Final = {"liver": (30.0, 150.0), "soft_tissue": (50.0, 350.0)}
AIR_LIMITS_HU: Final = (-1050.0, -950.0)
FAT_LIMITS_HU: Final = (-115.0, -85.0)
_FAT_SEARCH_HU: Final = (-160.0, -40.0)
_FAT_SHELL_MM: Final = 40.0
_FEWEST_VOXELS: Final = 200
_CALIBRATION_SLICES: Final = 9


@transform("ct.window")
def window(array: NDArray[np.floating], *, level_hu: float, width_hu: float) -> NDArray[np.uint8]:
    """Grey levels 0-255 for display of HU of any shape, linear from level - width / 2 to level + width / 2."""
    low = level_hu - width_hu / 2.0
    return np.asarray(np.rint(255.0 * np.clip((array - low) / width_hu, 0.0, 1.0)), dtype=np.uint8)


@transform("ct.clip_scale")
def clip_scale(array: NDArray[np.floating], *, low_hu: float, high_hu: float) -> Floats:
    """HU of any shape, clipped to a range and scaled to 0-1, for networks."""
    return np.asarray((np.clip(array, low_hu, high_hu) - low_hu) / (high_hu - low_hu), dtype=np.float32)


@transform("ct.resample")
def resample_array(
    array: NDArray[np.floating], *, spacing_mm: list[float], new_spacing_mm: list[float], order: int
) -> NDArray[np.floating]:
    """An array (slices, rows, columns) at a new spacing in mm, over the same field of view.

    ``order`` 1 interpolates linearly, 0 takes the nearest voxel (masks). Voxel centres keep their place: the centre of
    the field of view stays where it was, and outside it the nearest voxel is repeated.
    """
    shape = [max(1, round(n * old / new)) for n, old, new in zip(array.shape, spacing_mm, new_spacing_mm, strict=True)]
    scale = [new / old for old, new in zip(spacing_mm, new_spacing_mm, strict=True)]
    offset = [(n - 1) / 2.0 - s * (m - 1) / 2.0 for n, s, m in zip(array.shape, scale, shape, strict=True)]
    return np.asarray(
        ndimage.affine_transform(array, scale, offset, output_shape=tuple(shape), order=order, mode="nearest"),
        dtype=array.dtype,
    )


def resample(volume: Volume, new_spacing_mm: tuple[float, float, float]) -> tuple[Volume, TransformRecord]:
    """A volume at a new spacing (slice, row, column) in mm, in the same patient space, with the record of it."""
    old = volume.geometry.spacing
    data, record = apply("ct.resample", volume.data, spacing_mm=list(old), new_spacing_mm=list(new_spacing_mm), order=1)
    geometry = _resampled_geometry(volume.geometry, volume.data.shape, data.shape, new_spacing_mm)
    return Volume(data.astype(np.float32), geometry, volume.unit), record


def _resampled_geometry(
    geometry: Geometry, old_shape: tuple[int, ...], new_shape: tuple[int, ...], spacing: tuple[float, float, float]
) -> Geometry:
    affine = geometry.affine.copy()
    scale = np.array(spacing[::-1]) / np.array(geometry.spacing[::-1])
    affine[:3, :3] *= scale
    old_centre = np.append((np.array(old_shape[::-1]) - 1.0) / 2.0, 1.0)
    new_centre = (np.array(new_shape[::-1]) - 1.0) / 2.0
    affine[:3, 3] = (geometry.affine @ old_centre)[:3] - affine[:3, :3] @ new_centre
    return Geometry(affine, geometry.known)


def body_mask(volume: Volume) -> Mask:
    """The patient without table and air, slice by slice: the largest soft part, with its holes (lungs, gut) filled."""
    mask = np.zeros(volume.data.shape, dtype=bool)
    for index, plane in enumerate(volume.data):
        eroded = ndimage.binary_erosion(plane > BODY_THRESHOLD_HU, iterations=2, border_value=1)
        opened = ndimage.binary_dilation(eroded, iterations=2)
        labels, count = ndimage.label(opened)
        if count == 0:
            continue
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        mask[index] = ndimage.binary_fill_holes(labels == int(sizes.argmax()))
    return mask


@dataclass(frozen=True, slots=True)
class Calibration:
    """Median HU of air outside the body and of subcutaneous fat; None where too little of it is in view."""

    air_hu: float | None
    fat_hu: float | None

    @property
    def faults(self) -> tuple[str, ...]:
        """In words, which of air and fat lies outside its usual range."""
        checks = (("air", self.air_hu, AIR_LIMITS_HU), ("subcutaneous fat", self.fat_hu, FAT_LIMITS_HU))
        return tuple(
            f"{name} has {value:.0f} HU (usual {low:.0f} to {high:.0f})"
            for name, value, (low, high) in checks
            if value is not None and not low <= value <= high
        )


def calibration(volume: Volume) -> Calibration:
    """HU of the air around the body and of the fat under the skin, from up to nine slices spread over the volume.

    Padding below -1050 HU and anything denser than -700 HU (table, clothes) is left out of the air. Fat is what lies
    between -160 and -40 HU within 40 mm of the skin, one voxel away from other tissue.
    """
    chosen = np.unique(np.linspace(0, volume.data.shape[0] - 1, _CALIBRATION_SLICES).astype(int))
    part = Volume(volume.data[chosen], volume.geometry, volume.unit)
    body = body_mask(part)
    outside = ~ndimage.binary_dilation(body, _in_plane(), iterations=5)
    air = part.data[outside & (part.data > -1050.0) & (part.data < -700.0)]
    fat = part.data[_fat_under_skin(part, body)]
    return Calibration(_median(air), _median(fat))


def _fat_under_skin(volume: Volume, body: Mask) -> Mask:
    _, dy, dx = volume.geometry.spacing
    low, high = _FAT_SEARCH_HU
    fat = body & (volume.data > low) & (volume.data < high)
    fat = ndimage.binary_erosion(fat, _in_plane())
    near_skin = np.zeros_like(body)
    for index, plane in enumerate(body):
        near_skin[index] = ndimage.distance_transform_edt(plane, sampling=(dy, dx)) < _FAT_SHELL_MM
    return np.asarray(fat & near_skin, dtype=bool)


def _in_plane() -> NDArray[np.bool_]:
    return np.asarray(ndimage.generate_binary_structure(2, 1)[np.newaxis], dtype=bool)


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if values.size >= _FEWEST_VOXELS else None
