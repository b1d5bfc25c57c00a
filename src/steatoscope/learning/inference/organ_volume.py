"""An organ on a volume from probabilities slice by slice: radiological orientation, 3-D consistency, exact way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Floats, Mask

THRESHOLD = 0.5
SMOOTHING_MM = 2.5
PROBED_SLICES = 7
Slices = NDArray[np.floating]
Predict = Callable[[Slices], Floats]


@dataclass(frozen=True, slots=True)
class AxialView:
    """How an array (slices, rows, columns) is turned so that rows run to posterior and columns to the patient's left.

    ``order`` permutes the axes, ``flips`` reverses them afterwards (DICOM patient space: x left, y posterior, z up).
    ``turns`` are further quarter turns in the plane, for pictures whose geometry is unknown.
    """

    order: tuple[int, int, int] = (0, 1, 2)
    flips: tuple[bool, bool, bool] = (False, False, False)
    turns: int = 0

    @classmethod
    def of(cls, geometry: Geometry) -> AxialView:
        """The view of a volume with known geometry; oblique volumes take the nearest axes."""
        directions = geometry.affine[:3, [2, 1, 0]]
        unit = directions / np.linalg.norm(directions, axis=0)
        axes = _assignment(np.abs(unit))
        signs = [unit[patient, axis] < 0 for patient, axis in zip((2, 1, 0), axes, strict=True)]
        return cls(axes, (False, bool(signs[1]), bool(signs[2])))

    def apply(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """The array in radiological orientation."""
        found = np.transpose(array, self.order)
        found = found[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]
        return np.ascontiguousarray(np.rot90(found, self.turns, axes=(1, 2)))

    def undo(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """An array in radiological orientation in the volume's own axes again."""
        found = np.rot90(array, -self.turns, axes=(1, 2))
        found = found[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]
        return np.ascontiguousarray(np.transpose(found, np.argsort(self.order)))


@dataclass(frozen=True, eq=False)
class FoundOrgan:
    """A mask in the volume's grid (None: nothing found), and its mean probability as confidence (0-1)."""

    mask: Mask | None
    confidence: float


def find_organ(volume: Slices, geometry: Geometry, predict: Predict, *, least_ml: float = 0.0) -> FoundOrgan:
    """The organ of a volume (slices, rows, columns) from ``predict``: probabilities of the same shape.

    Slices are read in radiological orientation; where the geometry is unknown the quarter turn with the surest answer
    is taken. Probabilities are smoothed across slices (Gaussian, 2.5 mm), cut at 0.5, and the largest component is
    kept, filled slice by slice. Smaller than ``least_ml`` counts as not found.
    """
    view = AxialView.of(geometry) if geometry.known else upright(volume, predict)
    turned = np.asarray(view.apply(volume), dtype=np.float32)
    across = geometry.spacing[view.order[0]]
    probability = consistent(predict(turned), across)
    mask = largest_filled(probability >= THRESHOLD)
    if not mask.any() or (geometry.known and mask.sum() * geometry.voxel_ml < least_ml):
        return FoundOrgan(None, 0.0)
    confidence = float(probability[mask].mean())
    return FoundOrgan(np.asarray(view.undo(mask), dtype=np.bool_), confidence)


def consistent(probability: Floats, spacing_mm: float) -> Floats:
    """Probabilities (slices, rows, columns) smoothed across slices, so that one slice does not stand alone."""
    if len(probability) < 3:
        return probability
    sigma = min(SMOOTHING_MM / max(spacing_mm, 0.1), 3.0)
    return np.asarray(ndimage.gaussian_filter1d(probability, sigma, axis=0, mode="nearest"), dtype=np.float32)


def largest_filled(mask: Mask) -> Mask:
    """The largest connected component of a mask (slices, rows, columns), holes within slices filled."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept = labels == int(sizes.argmax())
    return np.stack([ndimage.binary_fill_holes(part) for part in kept])


def upright(volume: Slices, predict: Predict) -> AxialView:
    """The quarter turn under which the organ is seen surest on a few slices across the volume."""
    chosen = np.unique(np.linspace(0, len(volume) - 1, PROBED_SLICES).round().astype(int))
    views = [AxialView(turns=turns) for turns in range(4)]
    scores = [_sureness(predict(np.asarray(view.apply(volume[chosen]), dtype=np.float32))) for view in views]
    best = int(np.argmax(scores))
    return views[best] if scores[best] > 1.05 * scores[0] else views[0]


def _sureness(probability: Floats) -> float:
    """Area found, counted by how far its probability lies above one half."""
    return float(np.clip(probability - THRESHOLD, 0.0, None).sum())


def _assignment(closeness: NDArray[np.float64]) -> tuple[int, int, int]:
    """For patient axes z, y and x the array axis that runs most along each, every axis once."""
    from scipy.optimize import linear_sum_assignment

    _, axes = linear_sum_assignment(-closeness[[2, 1, 0]])
    return int(axes[0]), int(axes[1]), int(axes[2])
