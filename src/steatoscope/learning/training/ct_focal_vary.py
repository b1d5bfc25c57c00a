"""Random changes of liver slices before regions are painted: shape, contrast, liver HU, clipped grey, noise."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from steatoscope.core.image import Floats
from steatoscope.learning.training.augment import Warp, random_matrix
from steatoscope.learning.training.ct_focal_shapes import Generator, smooth_noise
from steatoscope.learning.training.ct_focal_slices import LiverSlice

WARP = Warp(rotation=0.3, zoom=0.2, aspect=0.1, shift=12.0, mirror=True)
LIVER_HU = (-10.0, 135.0)
FAT_HU, AIR_HU, SOFT_HU = (-120.0, -80.0), -1000.0, 45.0
MOST_NOISE_HU = 14.0


def warped_slice(item: LiverSlice, rng: Generator) -> LiverSlice:
    """A slice turned, scaled, shifted and mirrored at random."""
    rows, columns = item.hu.shape
    matrix = random_matrix(rng, (rows, columns), WARP)

    def moved(layer: Floats, fill: float) -> Floats:
        size = (columns, rows)
        return np.asarray(cv2.warpAffine(layer, matrix, size, flags=cv2.INTER_LINEAR, borderValue=fill))

    liver, outside, unknown = (
        moved(layer.astype(np.float32), fill) > 0.5
        for layer, fill in ((item.liver, 0.0), (item.outside, 1.0), (item.unknown, 0.0))
    )
    hu = moved(item.hu.astype(np.float32), 0.0 if item.unknown.any() else AIR_HU)
    return replace(item, hu=np.round(hu).astype(np.int16), liver=liver, outside=outside, unknown=unknown)


def vary_hu(item: LiverSlice, rng: Generator) -> Floats:
    """HU (rows, columns) of a slice with weaker contrast agent, another liver fat and another noise, at random."""
    hu = item.hu.astype(np.float32)
    if rng.random() < 0.5:
        hu = cv2.GaussianBlur(hu, (0, 0), rng.uniform(0.5, 1.4))
    if rng.random() < 0.5:
        soft = (hu > SOFT_HU) & (hu < 250.0)
        hu = np.where(soft, SOFT_HU + rng.uniform(0.1, 0.8) * (hu - SOFT_HU), hu)
    if rng.random() < 0.6:
        liver = cv2.GaussianBlur(item.liver.astype(np.float32), (0, 0), 1.0)
        hu = hu + liver * (rng.uniform(*LIVER_HU) - float(np.median(hu[item.liver])))
    hu = filled(item, hu, rng.uniform(*FAT_HU))
    noise = smooth_noise(rng, hu.shape, rng.uniform(0.5, 1.3)) * rng.uniform(0.0, MOST_NOISE_HU)
    return np.asarray(hu + noise, dtype=np.float32)


def filled(item: LiverSlice, hu: Floats, fat_hu: float) -> Floats:
    """HU with fat where grey was clipped at 0 and air outside the body."""
    with_fat = np.where(item.unknown & ~item.liver, np.float32(fat_hu), hu)
    return np.asarray(np.where(item.outside, np.float32(AIR_HU), with_fat), dtype=np.float32)
