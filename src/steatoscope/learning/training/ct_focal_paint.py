"""Simulated focal regions painted into liver slices: lesions replace the tissue, focal fat and sparing shift its HU.

Ranges of size and attenuation: cysts 0-15 HU; hypo- and hyperdense lesions 5-50 mm; focal fat 10-60 HU below the liver,
geographic or wedge-shaped, at the falciform ligament or gallbladder fossa, without mass effect, vessels running through
it undisplaced (Hamer et al., RadioGraphics 2006).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.ct_localiser import SPARED_BELOW_HU
from steatoscope.learning.training.ct_focal_shapes import (
    Generator,
    geographic,
    inner_point,
    lobulated,
    smooth_noise,
    wedge,
)

LABELS = ("lesion", "fatty", "spared")
MOST_REGIONS = 3
LESION_MM, FAT_MM = (5.0, 50.0), (15.0, 80.0)
LESION_HU, FAT_HU, SPARED_HU, CYST_HU = (15.0, 70.0), (10.0, 60.0), (10.0, 40.0), (0.0, 15.0)
LEAST_CONTRAST = 12.0
LEAST_VISIBLE = 8.0
LEAST_AREA = 16
LEAST_INSIDE, MOST_OF_LIVER = 0.6, 0.35
TRIES = 12


@dataclass(frozen=True, eq=False)
class PaintedRegion:
    """A region of label 1-3 (``LABELS``): mask (rows, columns), sort, diameter of its area's circle, mean shift."""

    label: int
    mask: Mask
    sort: str
    diameter_mm: float
    contrast_hu: float

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 in canvas pixels, ends excluded."""
        x, y, width, height = cv2.boundingRect(self.mask.astype(np.uint8))
        return int(x), int(y), int(x + width), int(y + height)


def paint_regions(hu: Floats, liver: Mask, rng: Generator) -> tuple[Floats, list[PaintedRegion]]:
    """A slice (rows, columns; HU) with one to three regions painted into its liver, and these regions.

    Regions that noise would hide (contrast times diameter below eight standard deviations of the liver's noise), that
    lie outside the liver or on one another are drawn anew, at most twelve times.
    """
    found = np.asarray(hu, dtype=np.float32).copy()
    level, noise = float(np.median(hu[liver])), noise_sd(hu, liver)
    regions: list[PaintedRegion] = []
    taken = np.zeros(liver.shape, dtype=np.bool_)
    wanted = int(rng.integers(1, MOST_REGIONS + 1))
    for _ in range(TRIES):
        if len(regions) == wanted:
            break
        painted, region = _painted(found, liver, level, rng)
        if region is not None and _acceptable(region, liver, taken, noise):
            found = painted
            regions.append(region)
            taken |= cv2.dilate(region.mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    return found, regions


def noise_sd(hu: Floats, liver: Mask) -> float:
    """Robust spread of a liver after its slow changes are taken away, in HU."""
    residual = (hu - cv2.GaussianBlur(np.asarray(hu, dtype=np.float32), (0, 0), 4.0))[liver]
    return max(1.4826 * float(np.median(np.abs(residual - np.median(residual)))), 1.0)


def _painted(hu: Floats, liver: Mask, level: float, rng: Generator) -> tuple[Floats, PaintedRegion | None]:
    label = int(rng.choice([1, 1, 2, 3] if level < SPARED_BELOW_HU else [1, 1, 2]))
    if label == 1:
        return _lesion(hu, liver, level, rng)
    sign, (low, high) = (-1.0, FAT_HU) if label == 2 else (1.0, SPARED_HU)
    sort = "wedge" if rng.random() < 0.4 else "geographic"
    diameter = float(np.exp(rng.uniform(*np.log(FAT_MM))))
    soft = (wedge if sort == "wedge" else geographic)(rng, liver, diameter) * liver
    shift = sign * rng.uniform(low, high)
    region = _region(label, soft, sort, shift)
    if region is None:
        return hu, None
    one_part = soft * cv2.dilate(region.mask.astype(np.uint8), np.ones((7, 7), np.uint8))
    painted = hu + one_part * shift * (1.0 + 0.1 * smooth_noise(rng, hu.shape, 6.0))
    return painted.astype(np.float32), region


def _lesion(hu: Floats, liver: Mask, level: float, rng: Generator) -> tuple[Floats, PaintedRegion | None]:
    sort = str(rng.choice(["hypodense", "hypodense", "hyperdense", "cyst"]))
    contrast = rng.uniform(*LESION_HU) * (1.0 if sort == "hyperdense" else -1.0)
    if sort == "cyst":
        contrast = rng.uniform(*CYST_HU) - level
    if abs(contrast) < LEAST_CONTRAST:
        return hu, None
    diameter = float(np.exp(rng.uniform(*np.log(LESION_MM))))
    soft = lobulated(rng, (hu.shape[0], hu.shape[1]), inner_point(rng, liver), diameter)
    inside = soft * liver
    if inside.sum() < LEAST_INSIDE * soft.sum():
        return hu, None
    target = level + contrast + (0.0 if sort == "cyst" else _inner_structure(rng, soft, contrast, diameter))
    painted = hu * (1.0 - inside) + inside * (target + _grain(hu))
    return painted.astype(np.float32), _region(1, inside, sort, contrast)


def _inner_structure(rng: Generator, soft: Floats, contrast: float, diameter: float) -> Floats:
    """Texture, and now and then a rim or a core of other attenuation."""
    texture = smooth_noise(rng, soft.shape, rng.uniform(2.0, 5.0)) * abs(contrast) * rng.uniform(0.0, 0.25)
    if diameter > 12.0 and rng.random() < 0.3:
        deep = cv2.GaussianBlur(soft, (0, 0), diameter / 6.0)
        texture = texture - contrast * rng.uniform(-0.4, 0.7) * (deep < 0.6)
    return np.asarray(texture, dtype=np.float32)


def _grain(hu: Floats) -> Floats:
    """The slice's noise without its vessels: what is left of it above a small blur, strong values cut."""
    residual = hu - cv2.GaussianBlur(hu, (0, 0), 2.0)
    limit = 3.0 * 1.4826 * float(np.median(np.abs(residual))) + 1.0
    return np.asarray(np.clip(residual, -limit, limit), dtype=np.float32)


def _region(label: int, soft: Floats, sort: str, contrast: float) -> PaintedRegion | None:
    mask = soft > 0.5
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return None
    largest = int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) + 1
    area = float(stats[largest, cv2.CC_STAT_AREA])
    return PaintedRegion(label, parts == largest, sort, float(np.sqrt(4.0 * area / np.pi)), float(contrast))


def _acceptable(region: PaintedRegion, liver: Mask, taken: Mask, noise: float) -> bool:
    area = int(region.mask.sum())
    visible = abs(region.contrast_hu) * region.diameter_mm >= LEAST_VISIBLE * noise
    return visible and LEAST_AREA <= area <= MOST_OF_LIVER * liver.sum() and not bool(taken[region.mask].any())
