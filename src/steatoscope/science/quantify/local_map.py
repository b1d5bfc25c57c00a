"""Local maps inside a mask: smoothing that never mixes in values from outside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Floats, Mask


def smooth_inside(values: NDArray[np.floating], mask: Mask, geometry: Geometry, sigma_mm: float) -> Floats:
    """Normalised Gaussian mean of ``values`` (slices, rows, columns) over ``mask`` only; NaN outside it.

    ``sigma_mm`` is turned into voxels by the spacing of ``geometry`` (unit voxels where the spacing is unknown), so that
    thick slices are hardly mixed. Normalised convolution (Knutsson and Westin, 1993).
    """
    from scipy import ndimage

    weight = (mask & np.isfinite(values)).astype(np.float32)
    sigma = [sigma_mm / step for step in geometry.spacing]
    filled = np.where(weight > 0, values, 0.0).astype(np.float32)
    total = ndimage.gaussian_filter(filled * weight, sigma, mode="constant")
    share = ndimage.gaussian_filter(weight, sigma, mode="constant")
    result = np.full(values.shape, np.nan, dtype=np.float32)
    inside = (weight > 0) & (share > 1e-6)
    result[inside] = total[inside] / share[inside]
    return result
