"""Fixed features of one ultrasound image for baselines, and what shortcuts read: everything but tissue."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask
from steatoscope.science.quantify.us_texture import first_order, local_entropy, patch_texture

Features = NDArray[np.float64]

CONTROLS: Final = (
    "control: outside the sector",
    "control: sector geometry",
    "control: image size",
    "control: mean grey",
)
_PATCH_SIDES: Final = (48, 32, 16)
_BINS: Final = 16
_THUMB: Final = 16
_LEVELS: Final = 8
_PERCENTILES: Final = (5, 25, 50, 75, 95)


def texture_features(image: NDArray[np.uint8], tissue: Mask) -> Features:
    """Six co-occurrence features, the median over patches that lie in ``tissue``; NaN where not even 16 pixels fit."""
    for side in _PATCH_SIDES:
        found = patch_texture(image, tissue, side)
        if found is not None:
            names = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation", "entropy")
            return np.array([getattr(found, name) for name in names])
    return np.full(6, np.nan)


def intensity_features(image: NDArray[np.uint8], tissue: Mask) -> Features:
    """Moments, percentiles, local entropy, a histogram of 16 bins, and mean grey in thirds of depth; NaN if empty."""
    if not tissue.any():
        return np.full(5 + len(_PERCENTILES) + _BINS + 3, np.nan)
    grey = image[tissue]
    moments = first_order(grey)
    entropy = local_entropy(image, tissue)
    rows = np.flatnonzero(tissue.any(axis=1))
    thirds = [_mean(image[part][tissue[part]]) for part in np.array_split(rows, 3)]
    return np.array(
        [
            moments.mean,
            moments.sd,
            moments.skewness,
            moments.kurtosis,
            np.nan if entropy is None else entropy,
            *np.percentile(grey, _PERCENTILES),
            *_histogram(grey),
            *thirds,
        ]
    )


def control_features(image: NDArray[np.uint8], sector: Mask) -> dict[str, Features]:
    """What each shortcut control reads of an image (rows, columns) whose tissue lies in ``sector``.

    Outside the sector: its grey as a thumbnail of 16 x 16 pixels and a histogram. Geometry: the sector's place, extent
    and edges at eight depths. Image size: rows, columns and their ratio. Mean grey: of the sector.
    """
    readings = (_outside(image, sector), _geometry(sector), _size(image), np.array([_mean(image[sector])]))
    return dict(zip(CONTROLS, readings, strict=True))


def _outside(image: NDArray[np.uint8], sector: Mask) -> Features:
    without = np.where(sector, 0, image).astype(np.float32)
    thumb = cv2.resize(without, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA)
    return np.concatenate([thumb.astype(np.float64).ravel(), _histogram(image[~sector])])


def _geometry(sector: Mask) -> Features:
    """In shares of the image's sides, 0 for an empty sector."""
    rows, columns = np.nonzero(sector)
    if not rows.size:
        return np.zeros(8 + 2 * _LEVELS)
    height, width = sector.shape
    y, x = rows / height, columns / width
    extent = [y.min(), y.max(), x.min(), x.max(), y.mean(), x.mean(), y.std(), x.std()]
    edges = [_edges(sector[row], width) for row in np.linspace(rows.min(), rows.max(), _LEVELS).round().astype(int)]
    return np.array([*extent, *np.ravel(edges)])


def _edges(row: NDArray[np.bool_], width: int) -> tuple[float, float]:
    inside = np.flatnonzero(row)
    return (float(inside[0]) / width, float(inside[-1]) / width) if inside.size else (0.0, 0.0)


def _size(image: NDArray[np.uint8]) -> Features:
    rows, columns = image.shape
    return np.array([rows, columns, rows / columns], dtype=np.float64)


def _histogram(grey: NDArray[np.uint8]) -> Features:
    return np.bincount(grey.ravel() // (256 // _BINS), minlength=_BINS) / max(grey.size, 1)


def _mean(grey: NDArray[np.uint8]) -> float:
    return float(grey.mean()) if grey.size else float("nan")
