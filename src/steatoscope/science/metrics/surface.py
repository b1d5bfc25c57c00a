"""Distances in mm between the surfaces of two masks (Heimann, IEEE Trans Med Imaging 2009; Kavur, Med Image Anal 2021).

The surface of a mask are its voxels with a face-neighbour outside it; beyond the edge of the view counts as inside, so
that a mask cut by the view has no surface there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.science.metrics.overlap import boolean_pair

_PERCENTILE: Final = 95.0


@dataclass(frozen=True, slots=True)
class SurfaceDistances:
    """Average symmetric (``assd``), largest (``mssd``) and 95th percentile (``hd95``) surface distance in mm.

    ``hd95`` is the larger of the two directed percentiles. All are NaN where a mask has no surface.
    """

    assd: float
    mssd: float
    hd95: float


def surface_distances(
    mask: NDArray[np.bool_], reference: NDArray[np.bool_], spacing: tuple[float, ...]
) -> SurfaceDistances:
    """Compare masks of one shape with ``spacing`` in mm along each axis.

    Raises ValueError where shapes differ, or the spacing does not fit or is not positive.
    """
    found, truth = boolean_pair(mask, reference)
    if len(spacing) != found.ndim or min(spacing) <= 0.0:
        raise ValueError(f"spacing {spacing} does not fit masks with {found.ndim} axes")
    one, other = surface(found), surface(truth)
    if not one.any() or not other.any():
        return SurfaceDistances(math.nan, math.nan, math.nan)
    box = ndimage.find_objects((one | other).astype(np.int8))[0]
    there, back = _directed(one[box], other[box], spacing), _directed(other[box], one[box], spacing)
    return SurfaceDistances(
        assd=float((there.sum() + back.sum()) / (there.size + back.size)),
        mssd=float(max(there.max(), back.max())),
        hd95=float(max(np.percentile(there, _PERCENTILE), np.percentile(back, _PERCENTILE))),
    )


def surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The surface voxels of a mask, of its shape."""
    inner = ndimage.binary_erosion(mask, ndimage.generate_binary_structure(mask.ndim, 1), border_value=1)
    return np.asarray(mask & ~inner, dtype=np.bool_)


def _directed(start: NDArray[np.bool_], end: NDArray[np.bool_], spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """Distance in mm from each surface voxel of ``start`` to the nearest of ``end``."""
    away = ndimage.distance_transform_edt(~end, sampling=spacing)
    return np.asarray(away[start], dtype=np.float64)
