"""What tissue alone shows of a mass and its liver: features on a canonical polar picture, pooled inside masks.

The sector is resampled to one grid of depth and angle, so that its shape, size and place in the picture are gone, and
grey is brought to the liver's own level and spread. Nothing outside the predicted liver and mass is read, except the
ring around the mass and what lies behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.imaging.preprocess.us_polar import PolarGrid, to_polar
from steatoscope.imaging.preprocess.us_sector import Sector

DEPTHS, ANGLES = 256, 192
RING, BEHIND, LEAST = 9, 48, 30
BANDS = (1.0, 2.0, 4.0)
GREY_MEAN, GREY_SPREAD = 90.0, 32.0

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PolarTissue:
    """Standardised grey (depths, angles) with the liver at mean 0 and spread 1, and masks of liver and mass."""

    grey: Floats
    liver: Mask
    mass: Mask

    @classmethod
    def of(cls, frame: NDArray[np.uint8], sector: Sector, liver: Mask, mass: Mask) -> PolarTissue:
        """From a frame (rows, columns) and masks of its shape; the liver is taken without the mass."""
        grid = PolarGrid.of(sector, DEPTHS, ANGLES)
        seen = sector.mask.astype(np.float32)
        layers = (frame * seen, seen, liver | mass, mass)
        light, share, organ, region = (to_polar(layer.astype(np.float32), grid)[0] for layer in layers)
        # Dividing by the share of sector in each sample keeps every pixel outside the sector out.
        shown = share > 0.5
        grey = np.where(shown, light / np.maximum(share, 0.5), 0.0)
        inside, lump = (organ > 0.5) & shown, (region > 0.5) & shown
        healthy = inside & ~lump
        values = grey[healthy] if healthy.sum() >= LEAST else grey[shown]
        middle = float(np.median(values)) if values.size else 0.0
        spread = 1.4826 * float(np.median(np.abs(values - middle))) if values.size else 0.0
        scaled = np.where(shown, (grey - middle) / (spread + 3.0), 0.0)
        return cls(np.asarray(scaled, dtype=np.float32), healthy, lump)

    def network_input(self) -> Floats:
        """Grey (depths, angles) as the frozen ImageNet network reads it, liver at grey 90."""
        shown = np.clip(self.grey * GREY_SPREAD + GREY_MEAN, 0.0, 255.0)
        return np.asarray((shown - 127.0) / 128.0, dtype=np.float32)


def tissue_features(polar: PolarTissue, frame_mass: Mask, frame_liver: Mask, score: float) -> dict[str, float]:
    """Named features; those of the mass are NaN where there is none. ``score`` is the detector's for the mass."""
    found = bool(frame_mass.any()) and int(polar.mass.sum()) >= LEAST
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RING + 1, 2 * RING + 1))
    grown = cv2.dilate(polar.mass.astype(np.uint8), kernel) > 0
    ring, away = grown & ~polar.mass & polar.liver, polar.liver & ~grown
    features = {"mass found": float(found), "score": score if found else 0.0}
    features |= {f"liver {name}": value for name, value in _texture(polar.grey, away).items()}
    inside = _texture(polar.grey, polar.mass if found else np.zeros_like(polar.mass))
    features |= {f"mass {name}": value for name, value in inside.items()}
    features["mass against ring"] = _mean(polar.grey, polar.mass) - _mean(polar.grey, ring) if found else np.nan
    features["behind against beside"] = _enhancement(polar) if found else np.nan
    features["edge"] = _edge(polar, ring) if found else np.nan
    return features | _shape(frame_mass, frame_liver, found)


def pooled(maps: Floats, mask: Mask) -> Values:
    """Means (channels,) of maps (channels, rows, columns), cells weighted by their share of a mask; NaN for none."""
    weight = cv2.resize(mask.astype(np.float32), (maps.shape[2], maps.shape[1]), interpolation=cv2.INTER_AREA)
    if weight.sum() <= 0.0:
        return np.full(maps.shape[0], np.nan)
    flat = maps.reshape(maps.shape[0], -1).astype(np.float64)
    return np.asarray(flat @ weight.ravel().astype(np.float64) / float(weight.sum()))


def deep_features(maps: Floats, polar: PolarTissue) -> dict[str, float]:
    """Frozen network maps pooled inside the liver and inside the mass."""
    parts: Mapping[str, Mask] = {"liver": polar.liver, "mass": polar.mass}
    return {f"{name} map {k}": float(v) for name, mask in parts.items() for k, v in enumerate(pooled(maps, mask))}


def _texture(grey: Floats, mask: Mask) -> dict[str, float]:
    names = ("mean", "spread", "p10", "p90", "skewness", *(f"band {sigma:g}" for sigma in BANDS))
    if int(mask.sum()) < LEAST:
        return dict.fromkeys(names, float("nan"))
    values = grey[mask].astype(np.float64)
    centred = values - values.mean()
    spread = float(values.std())
    low, high = np.percentile(values, [10, 90])
    found = [values.mean(), spread, low, high, float((centred**3).mean()) / max(spread**3, 1e-6)]
    for sigma in BANDS:
        fine, coarse = (cv2.GaussianBlur(grey, (0, 0), s) for s in (sigma, 1.6 * sigma))
        found.append(float((fine - coarse)[mask].std()))
    return dict(zip(names, map(float, found), strict=True))


def _enhancement(polar: PolarTissue) -> float:
    """Grey behind the mass against the liver beside, at the same depth: enhancement above 0, shadow below."""
    rows, columns = np.nonzero(polar.mass)
    bottom, left, right = int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1
    level = np.zeros_like(polar.mass)
    level[bottom : bottom + BEHIND] = True
    under = np.zeros_like(polar.mass)
    under[:, left:right] = True
    return _mean(polar.grey, level & under) - _mean(polar.grey, level & ~under & polar.liver)


def _edge(polar: PolarTissue, ring: Mask) -> float:
    """Gradient across the outline against that of the liver."""
    smooth = cv2.GaussianBlur(polar.grey, (0, 0), 2.0)
    slope = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    outline = cv2.morphologyEx(polar.mass.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
    return _mean(slope, outline) / max(_mean(slope, polar.liver & ~ring), 1e-3)


def _shape(mass: Mask, liver: Mask, found: bool) -> dict[str, float]:
    names = ("share of liver", "compactness", "solidity", "elongation")
    if not found:
        return dict.fromkeys(names, float("nan"))
    contours, _ = cv2.findContours(mass.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=cv2.contourArea)
    area, around = max(cv2.contourArea(outline), 1.0), max(cv2.arcLength(outline, True), 1.0)
    sides = cv2.minAreaRect(outline)[1]
    return {
        "share of liver": float(np.log(area / max(float((liver | mass).sum()), area))),
        "compactness": float(4.0 * np.pi * area / around**2),
        "solidity": float(area / max(cv2.contourArea(cv2.convexHull(outline)), 1.0)),
        "elongation": float(min(sides) / max(*sides, 1.0)),
    }


def _mean(values: Floats, mask: Mask) -> float:
    return float(values[mask].mean()) if mask.any() else float("nan")
