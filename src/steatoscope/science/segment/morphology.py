"""Small morphology in millimetres, so that thick slices and single slices are treated alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.canonical import Triple


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
    if mask.shape[0] < 4 or spacing[0] > 6.0:
        planes = [ndimage.distance_transform_edt(_framed(p), sampling=spacing[1:])[1:-1, 1:-1] for p in mask]
        return np.asarray(np.stack(planes), dtype=np.float32)
    padded = np.pad(mask, ((1, 1), (0, 0), (0, 0)), mode="edge")
    return np.asarray(ndimage.distance_transform_edt(padded, sampling=spacing)[1:-1], dtype=np.float32)


def _framed(plane: Mask) -> Mask:
    return np.pad(plane, 1, mode="edge")


def eroded(mask: Mask, spacing: Triple, radius_mm: float) -> Mask:
    """Erosion by a ball of ``radius_mm``."""
    return np.asarray(depth_mm(mask, spacing) > radius_mm)


def dilated(mask: Mask, spacing: Triple, radius_mm: float) -> Mask:
    """Dilation by a ball of ``radius_mm``."""
    if not mask.any():
        return mask.copy()
    return np.asarray(depth_mm(~mask, spacing) <= radius_mm) | mask


def opened(mask: Mask, spacing: Triple, radius_mm: float) -> Mask:
    """Opening by a ball of ``radius_mm``."""
    return dilated(eroded(mask, spacing, radius_mm), spacing, radius_mm) & mask


def opened_2d(mask: Mask, spacing: Triple, radius_mm: float) -> Mask:
    """Opening slice by slice with a disc of ``radius_mm``."""
    flat = (spacing[0], spacing[1], spacing[2])
    return np.stack([opened(plane[None], flat, radius_mm)[0] for plane in mask])


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
    return ((rows * spacing[1]) ** 2 + (cols * spacing[2]) ** 2 <= radius_mm**2).astype(np.float32)


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
