"""Homogeneous compartments: regions of one attenuation, thick enough to be an organ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from steatoscope.core.image import Floats, Mask
from steatoscope.science.segment.morphology import closed, depth_mm, dilated, eroded, filled_2d, gaussian_mm
from steatoscope.science.segment.torso import SOFT_HU, Torso

MIN_BAND_HU = 9.0
MAX_BAND_HU = 16.0
MAX_DRIFT_HU = 20.0
DRIFT_MM = 15.0
DRIFT_ROUNDS = 3
MODE_STEP_HU = 2.0


@dataclass(frozen=True, eq=False)
class Compartment:
    """A connected region around one attenuation: its mask, centre and spread in HU, and prior-weighted volume in ml."""

    mask: Mask
    centre: float
    spread: float
    score: float


def soft_tissue(torso: Torso) -> Mask:
    """Soft tissue within the muscle envelope: neither fat, air nor bone."""
    low, high = SOFT_HU
    return torso.inner & (torso.hu > low) & (torso.hu < high) & ~torso.air


def modes(values: Floats, weights: Floats, count: int = 6) -> list[float]:
    """Peaks of the weighted histogram of ``values`` in HU, strongest first."""
    if values.size == 0:
        return []
    edges = np.arange(SOFT_HU[0], SOFT_HU[1] + MODE_STEP_HU, MODE_STEP_HU)
    counts, _ = np.histogram(values, bins=edges, weights=weights)
    smooth = ndimage.gaussian_filter1d(counts.astype(np.float64), 1.5, mode="constant")
    inner = smooth[1:-1]
    peaks = np.flatnonzero((inner >= smooth[:-2]) & (inner > smooth[2:]) & (inner > 0.04 * smooth.max())) + 1
    ranked = sorted(peaks, key=lambda k: -smooth[k])[:count]
    return [float(0.5 * (edges[k] + edges[k + 1])) for k in ranked]


def spread_around(values: Floats, centre: float) -> tuple[float, float]:
    """Median and robust standard deviation of the values near ``centre``, in HU."""
    near = values[np.abs(values - centre) < 20.0]
    if near.size < 10:
        return centre, MIN_BAND_HU / 2.5
    middle = float(np.median(near))
    return middle, float(1.4826 * np.median(np.abs(near - middle)))


def cores(torso: Torso, soft: Mask, prior: Floats, radius_mm: float) -> list[Compartment]:
    """The best core for each attenuation that is common where the prior is high, best score first.

    A core is a connected region within a band of HU that survives an erosion by ``radius_mm``; its score is its
    prior-weighted volume in ml.
    """
    deep = eroded(soft, torso.spacing, radius_mm) & (prior > 0.3)
    values = torso.hu[deep]
    found = []
    for peak in modes(values, prior[deep]):
        centre, spread = spread_around(values, peak)
        band = soft & (np.abs(torso.hu - centre) < float(np.clip(2.5 * spread, MIN_BAND_HU, MAX_BAND_HU)))
        core = _best_component(eroded(band, torso.spacing, radius_mm), prior)
        if core is not None:
            middle, spread = spread_around(torso.hu[core], centre)
            score = float(prior[core].sum()) * torso.voxel_ml * min(1.0, 6.0 / spread)
            found.append(Compartment(core, middle, spread, score))
    return sorted(found, key=lambda c: -c.score)


def _best_component(mask: Mask, prior: Floats) -> Mask | None:
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    if count == 0:
        return None
    sums = np.bincount(labels.ravel(), weights=prior.ravel())
    sums[0] = 0.0
    if sums.max() <= 0.0:
        return None
    return np.asarray(labels == int(np.argmax(sums)))


def grown(torso: Torso, core: Compartment, allowed: Mask, radius_mm: float) -> Mask:
    """A core grown back to the border of its attenuation band, without thin or loosely attached tissue.

    The band follows slow changes of attenuation within the organ (perfusion, beam hardening) over a few rounds.
    """
    width = float(np.clip(3.0 * core.spread, MIN_BAND_HU + 3.0, MAX_BAND_HU + 2.0))
    mask = core.mask
    for _ in range(DRIFT_ROUNDS):
        centre = np.clip(_drift(torso, mask, core.centre), core.centre - MAX_DRIFT_HU, core.centre + MAX_DRIFT_HU)
        band = closed(allowed & (np.abs(torso.hu - centre) < width), torso.spacing, 1.5) & allowed
        thick = eroded(band, torso.spacing, radius_mm)
        labels, _ = ndimage.label(thick)
        hit = np.unique(labels[mask & thick])
        mask = dilated(np.isin(labels, hit[hit > 0]), torso.spacing, radius_mm + 1.0) & band
    return filled_2d(closed(mask, torso.spacing, 4.0) & allowed)


def _drift(torso: Torso, mask: Mask, fallback: float) -> Floats:
    """Attenuation of the region around each voxel: a wide normalised mean over the mask, in HU."""
    weight = gaussian_mm(mask.astype(np.float32), torso.spacing, DRIFT_MM)
    total = gaussian_mm(np.where(mask, torso.hu - fallback, 0.0).astype(np.float32), torso.spacing, DRIFT_MM)
    return np.asarray(fallback + total / (weight + 0.02), dtype=np.float32)


def largest_depth(mask: Mask, torso: Torso) -> float:
    """Radius in mm of the largest ball (disc for single slices) inside a mask."""
    return float(depth_mm(mask, torso.spacing).max()) if mask.any() else 0.0
