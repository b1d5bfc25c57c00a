"""Texture of B-mode tissue: grey-level co-occurrence (Haralick, 1973), first-order statistics, local entropy.

Co-occurrence uses 32 levels over 0-255, distances 1, 2 and 4 pixels and angles 0, 45, 90 and 135 degrees, symmetric,
averaged over all twelve, in square patches that lie in the tissue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask

LEVELS: Final = 32
DISTANCES: Final = (1, 2, 4)
ANGLES: Final = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)


@dataclass(frozen=True, slots=True)
class CooccurrenceFeatures:
    """Means over distances and angles; ``energy`` is the root of the angular second moment, ``entropy`` in bits."""

    contrast: float
    dissimilarity: float
    homogeneity: float
    energy: float
    correlation: float
    entropy: float


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """Mean and SD in grey, skewness, excess kurtosis, and mean over SD."""

    mean: float
    sd: float
    skewness: float
    kurtosis: float
    snr: float | None


def cooccurrence(
    patch: NDArray[np.uint8],
    *,
    levels: int = LEVELS,
    distances: tuple[int, ...] = DISTANCES,
    angles: tuple[float, ...] = ANGLES,
) -> CooccurrenceFeatures:
    """Co-occurrence features of a patch (rows, columns) of 8-bit grey."""
    from skimage.feature import graycomatrix, graycoprops

    quantised = (patch.astype(np.uint16) * levels // 256).astype(np.uint8)
    matrix = graycomatrix(quantised, list(distances), list(angles), levels=levels, symmetric=True, normed=True)
    names = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")
    values = {name: float(graycoprops(matrix, name).mean()) for name in names}
    logs = np.log2(matrix, out=np.zeros_like(matrix), where=matrix > 0)
    return CooccurrenceFeatures(**values, entropy=float(-(matrix * logs).sum(axis=(0, 1)).mean()))


def patches(mask: Mask, side: int, *, limit: int = 24) -> list[tuple[int, int]]:
    """Top-left corners (row, column) of square patches inside a mask, half overlapping, at most ``limit``, spread."""
    whole = np.pad(mask.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    area = whole[side:, side:] - whole[:-side, side:] - whole[side:, :-side] + whole[:-side, :-side]
    step = max(1, side // 2)
    rows, columns = np.nonzero(area[::step, ::step] == side * side)
    corners = [(int(r) * step, int(c) * step) for r, c in zip(rows, columns, strict=True)]
    chosen = np.unique(np.linspace(0, len(corners) - 1, min(limit, len(corners))).round().astype(int))
    return [corners[k] for k in chosen]


def patch_texture(frame: NDArray[np.uint8], mask: Mask, side: int = 48) -> CooccurrenceFeatures | None:
    """Median co-occurrence features over patches of a frame (rows, columns) inside a mask; None where none fits."""
    found = [cooccurrence(frame[r : r + side, c : c + side]) for r, c in patches(mask, side)]
    if not found:
        return None
    table = np.array([[getattr(one, name) for name in CooccurrenceFeatures.__slots__] for one in found])
    return CooccurrenceFeatures(*(float(v) for v in np.median(table, axis=0)))


def first_order(grey: NDArray[np.generic]) -> FirstOrder:
    """First-order statistics of grey levels; skewness and kurtosis are 0 and SNR None where there is no spread."""
    values = np.asarray(grey, dtype=np.float64).ravel()
    if values.size == 0:
        raise ValueError("no pixels")
    mean, sd = float(values.mean()), float(values.std())
    if sd == 0.0:
        return FirstOrder(mean, 0.0, 0.0, 0.0, None)
    z = (values - mean) / sd
    return FirstOrder(mean, sd, float((z**3).mean()), float((z**4).mean()) - 3.0, mean / sd)


def local_entropy(frame: NDArray[np.uint8], mask: Mask, radius: int = 5) -> float | None:
    """Median over the mask of the entropy (bits) of 32 grey levels within a disk; None for an empty mask."""
    from skimage.filters.rank import entropy
    from skimage.morphology import disk

    if not mask.any():
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    quantised = (frame[box] // (256 // LEVELS)).astype(np.uint8)
    inside = np.ascontiguousarray(mask[box])
    return float(np.median(entropy(quantised, disk(radius), mask=inside.astype(np.uint8))[inside]))
