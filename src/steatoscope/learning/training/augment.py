"""Random changes of training pictures: shape, speckle, gain, dynamic range, tilt, shadow, contrast, bias field, HU.

Every function takes its generator, so that a step's batch depends on nothing but seed and step. Pictures are grey
0-255 on the network's canvas; CT pictures carry HU.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats

Generator = np.random.Generator
FAT_HU, AIR_HU = (-120.0, -60.0), -150.0
LIVER_HU = (-30.0, 150.0)
SOFT_TISSUE_HU = 45.0


@dataclass(frozen=True, slots=True)
class Warp:
    """Ranges of a random affine map: rotation (radians), log scale, log aspect, shift (canvas pixels), mirroring."""

    rotation: float = 0.25
    zoom: float = 0.22
    aspect: float = 0.12
    shift: float = 18.0
    mirror: bool = True


def random_matrix(rng: Generator, size: tuple[int, int], warp: Warp) -> NDArray[np.float64]:
    """A random 2 x 3 matrix about the middle of a canvas (rows, columns), for cv2.warpAffine."""
    angle, zoom, aspect = (rng.uniform(-1.0, 1.0, 3) * (warp.rotation, warp.zoom, warp.aspect)).tolist()
    flip = -1.0 if warp.mirror and rng.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([flip * np.exp(zoom + aspect), np.exp(zoom - aspect)])
    middle = np.array([(size[1] - 1) / 2.0, (size[0] - 1) / 2.0])
    return np.column_stack([linear, middle - linear @ middle + rng.uniform(-warp.shift, warp.shift, 2)])


def warped(layers: NDArray[np.uint8], matrix: NDArray[np.float64], *, nearest: bool = False) -> Floats:
    """Layers (n, rows, columns) moved by a matrix, 0 where nothing came from."""
    size = (layers.shape[2], layers.shape[1])
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return np.stack([cv2.warpAffine(layer, matrix, size, flags=how) for layer in layers]).astype(np.float32)


def vary_us(grey: Floats, rng: Generator) -> Floats:
    """B-mode: gamma, dynamic range, gain, tilts in depth and across, speckle, blur and shadows."""
    rows, columns = grey.shape
    z = (grey / 255.0) ** np.exp(rng.uniform(-0.5, 0.5))
    z = z * rng.uniform(0.7, 1.35) + rng.uniform(-0.1, 0.1)
    z = z + np.linspace(-1.0, 1.0, rows)[:, None] * rng.uniform(-0.15, 0.15)
    z = z + np.linspace(-1.0, 1.0, columns)[None] * rng.uniform(-0.06, 0.06)
    if rng.random() < 0.5:
        z = z + _noise(rng, grey.shape, rng.uniform(0.5, 1.5)) * rng.uniform(0.0, 0.15) * (np.abs(z) + 0.1)
    if rng.random() < 0.2:
        z = cv2.GaussianBlur(z, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.2:
        z = z * _shadow(rng, rows, columns)
    return np.asarray(np.clip(z, 0.0, 1.2) * 255.0, dtype=np.float32)


def vary_mr(grey: Floats, rng: Generator) -> Floats:
    """MR magnitude: gamma, a smooth coil field, noise, blur; now and then grey levels bent by a random curve."""
    z = np.clip(grey / 255.0, 0.0, 1.0)
    if rng.random() < 0.3:
        knots = np.sort(rng.uniform(0.0, 1.0, 3))
        z = np.interp(z, [0.0, 0.2, 0.45, 0.7, 1.0], [0.0, *knots, rng.uniform(0.4, 1.0)])
    z = z ** np.exp(rng.uniform(-0.6, 0.6))
    z = z * np.exp(_field(rng, grey.shape) * rng.uniform(0.0, 0.7))
    z = np.abs(z + _noise(rng, grey.shape, 0.6) * rng.uniform(0.0, 0.05))
    if rng.random() < 0.25:
        z = cv2.GaussianBlur(z, (0, 0), rng.uniform(0.3, 1.5))
    return np.asarray(np.clip(z, 0.0, 1.5) * 255.0, dtype=np.float32)


def vary_ct(hu: Floats, liver: Floats, outside: Floats, unknown: Floats, rng: Generator) -> Floats:
    """CT in HU: contrast weaker as in unenhanced scans, the liver's HU moved, fat and air put where grey was clipped.

    ``liver``, ``outside`` (of the body) and ``unknown`` (clipped at 0 HU, so fat or gas) are soft masks 0-1. The liver
    moves to a median between -30 HU (severe steatosis) and 150 HU (portal venous).
    """
    found = hu.copy()
    if rng.random() < 0.55:
        strength = rng.uniform(0.05, 0.8)
        soft = (found > SOFT_TISSUE_HU) & (found < 250.0)
        found = np.where(soft, SOFT_TISSUE_HU + strength * (found - SOFT_TISSUE_HU), found)
    if rng.random() < 0.75 and (inside := liver > 0.9).any():
        found = found + liver * (rng.uniform(*LIVER_HU) - float(np.median(found[inside])))
    fat = rng.uniform(*FAT_HU) + 8.0 * _noise(rng, hu.shape, 2.0)
    gas = _blobs(rng, hu.shape) if rng.random() < 0.6 else np.zeros(hu.shape, dtype=np.float32)
    filling = np.where(gas > 0.5, AIR_HU, fat)
    found = np.where(unknown * (1.0 - liver) > 0.5, filling, found)
    found = np.where(outside > 0.5, AIR_HU, found)
    if rng.random() < 0.3:
        found = cv2.GaussianBlur(found, (0, 0), rng.uniform(0.4, 1.3))
    return np.asarray(found + _noise(rng, hu.shape, rng.uniform(0.4, 1.2)) * rng.uniform(0.0, 25.0), dtype=np.float32)


def _noise(rng: Generator, shape: tuple[int, ...], sigma: float) -> Floats:
    raw = rng.standard_normal(shape, dtype=np.float32)
    smoothed = cv2.GaussianBlur(raw, (0, 0), sigma)
    return np.asarray(smoothed / max(float(smoothed.std()), 1e-6), dtype=np.float32)


def _field(rng: Generator, shape: tuple[int, ...]) -> Floats:
    coarse = rng.standard_normal((4, 4)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _blobs(rng: Generator, shape: tuple[int, ...]) -> Floats:
    coarse = (rng.random((8, 8)) < 0.3).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _shadow(rng: Generator, rows: int, columns: int) -> Floats:
    """A dark stripe that begins at some depth, as behind a rib or gas."""
    x = np.arange(columns)[None] - columns * rng.uniform(0.1, 0.9)
    y = np.arange(rows)[:, None] / rows
    width = columns * rng.uniform(0.02, 0.08) * (0.5 + y)
    depth = rng.uniform(0.3, 0.8) * (y > rng.uniform(0.05, 0.6))
    return np.asarray(1.0 - depth * np.exp(-((x / width) ** 2)), dtype=np.float32)
