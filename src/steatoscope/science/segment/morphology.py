"""Small morphology in millimetres, so that thick slices and single slices are treated alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.canonical import Triple

FAR_MM = 1e4


def gaussian_mm(data: NDArray[np.float32], spacing: Triple, sigma_mm: float) -> Floats:
    """Gaussian smoothing with a width in mm along every axis; across slices only where these are thin."""
    sigma = [sigma_mm / s for s in spacing]
    if data.shape[0] == 1 or spacing[0] > 2.0 * sigma_mm:
        sigma[0] = 0.0
    return np.asarray(ndimage.gaussian_filter(data, sigma, mode="nearest", truncate=3.0), dtype=np.float32)


def depth_mm(mask: Mask, spacing: Triple) -> Floats:
    """Distance in mm of each voxel of a mask to its border, in 3-D; the array's ends are no border.

    With few slices, or slices thicker than 6 mm, the distance is taken within each slice.
    """
    depth = np.zeros(mask.shape, dtype=np.float32)
    box = box_around(mask, (1, 1, 1))
    if box is None:
        return depth
    part = mask[box]
    if part.all():
        depth[box] = FAR_MM
    elif mask.shape[0] < 4 or spacing[0] > 6.0:
        depth[box] = np.stack([_plane_depth(plane, spacing) for plane in part])
    else:
        depth[box] = ndimage.distance_transform_edt(part, sampling=spacing)
    return depth


def _plane_depth(plane: Mask, spacing: Triple) -> Floats:
    if plane.all():
        return np.full(plane.shape, FAR_MM, dtype=np.float32)
    return np.asarray(ndimage.distance_transform_edt(plane, sampling=spacing[1:]), dtype=np.float32)


def box_around(mask: Mask, margin: tuple[int, int, int]) -> tuple[slice, slice, slice] | None:
    """The bounding box of a mask, widened by ``margin`` voxels on each side within the array; None where empty."""
    spans = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        places = np.flatnonzero(mask.any(axis=others))
        if places.size == 0:
            return None
        spans.append(slice(max(int(places[0]) - margin[axis], 0), int(places[-1]) + 1 + margin[axis]))
    return spans[0], spans[1], spans[2]


def eroded(mask: Mask, spacing: Triple, radius_mm: float) -> Mask:
    """Erosion by a ball of ``radius_mm``."""
    return np.asarray(depth_mm(mask, spacing) > radius_mm)


def dilated(mask: Mask, spacing: Triple, radius_mm: float) -> Mask:
    """Dilation by a ball of ``radius_mm``."""
    result = mask.copy()
    margin = [int(np.ceil(radius_mm / step)) + 1 for step in spacing]
    box = box_around(mask, (margin[0], margin[1], margin[2]))
    if box is not None:
        flat = mask.shape[0] < 4 or spacing[0] > 6.0
        part = ~mask[box]
        if flat:
            result[box] = np.stack([_plane_depth(plane, spacing) <= radius_mm for plane in part])
        else:
            result[box] = ndimage.distance_transform_edt(part, sampling=spacing) <= radius_mm
    return result


def opened(mask: Mask, spacing: Triple, radius_mm: float) -> Mask:
    """Opening by a ball of ``radius_mm``."""
    return dilated(eroded(mask, spacing, radius_mm), spacing, radius_mm) & mask


def opened_2d(mask: Mask, spacing: Triple, radius_mm: float) -> Mask:
    """Opening slice by slice with a disc of ``radius_mm``."""
    return np.stack([opened(plane[None], spacing, radius_mm)[0] for plane in mask])


def closed(mask: Mask, spacing: Triple, radius_mm: float) -> Mask:
    """Closing by a ball of ``radius_mm``."""
    return eroded(dilated(mask, spacing, radius_mm), spacing, radius_mm) | mask


def disc_mean(data: NDArray[np.generic], spacing: Triple, radius_mm: float) -> Floats:
    """Mean over a disc of ``radius_mm`` around each voxel, slice by slice; zero beyond the border."""
    kernel = disc(spacing, radius_mm)
    weights = kernel[None] / kernel.sum()
    return np.asarray(ndimage.convolve(data.astype(np.float32), weights, mode="constant"), dtype=np.float32)


def disc(spacing: Triple, radius_mm: float) -> Floats:
    """A disc of ``radius_mm`` as 0/1 weights in the (row, column) grid."""
    ry, rx = (int(np.ceil(radius_mm / s)) for s in spacing[1:])
    rows, cols = np.mgrid[-ry : ry + 1, -rx : rx + 1]
    return np.asarray((rows * spacing[1]) ** 2 + (cols * spacing[2]) ** 2 <= radius_mm**2, dtype=np.float32)


def largest(mask: Mask) -> Mask | None:
    """The largest connected component (faces), None where there is none."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == int(np.argmax(sizes)))


def filled_2d(mask: Mask) -> Mask:
    """Holes filled slice by slice."""
    return np.stack([np.asarray(ndimage.binary_fill_holes(plane)) for plane in mask])
