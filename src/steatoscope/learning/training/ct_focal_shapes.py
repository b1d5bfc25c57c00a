"""Outlines of simulated focal regions on the localiser's window, one millimetre a pixel."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask

Generator = np.random.Generator
Point = tuple[float, float]
MEDIAL_SHARE = 0.5


def lobulated(rng: Generator, shape: tuple[int, int], centre: Point, diameter: float) -> Floats:
    """A round or lobulated region, 0-1 with a partial-volume edge, about a centre (x, y)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    turn, aspect = rng.uniform(0.0, np.pi), np.sqrt(rng.uniform(0.65, 1.0))
    dx, dy = x - centre[0], y - centre[1]
    u = (np.cos(turn) * dx + np.sin(turn) * dy) * aspect
    v = (-np.sin(turn) * dx + np.cos(turn) * dy) / aspect
    angle, radius = np.arctan2(v, u), np.full(shape, diameter / 2.0, dtype=np.float32)
    for order in (2, 3, 4, 5):
        radius *= 1.0 + rng.uniform(0.0, 0.25 / order) * np.cos(order * angle + rng.uniform(0.0, 2 * np.pi))
    return _edged(radius - np.hypot(u, v), rng.uniform(0.5, 2.0))


def wedge(rng: Generator, liver: Mask, diameter: float) -> Floats:
    """A wedge 0-1 whose base lies on the capsule and whose apex points into the liver, with an uneven border."""
    y, x = np.mgrid[: liver.shape[0], : liver.shape[1]].astype(np.float32)
    base, middle = border_point(rng, liver), _middle(liver)
    away = np.array(middle) - np.array(base)
    direction = away / max(float(np.hypot(*away)), 1e-6)
    turn = rng.uniform(-0.5, 0.5)
    direction = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ direction
    along = (x - base[0]) * direction[0] + (y - base[1]) * direction[1]
    across = np.abs((x - base[0]) * direction[1] - (y - base[1]) * direction[0])
    width = rng.uniform(0.3, 0.7) * np.clip(diameter - along, 0.0, None)
    return _edged(np.minimum(width - across, diameter - along) + _uneven(rng, liver.shape, 2.5), rng.uniform(0.8, 2.5))


def geographic(rng: Generator, liver: Mask, diameter: float) -> Floats:
    """A region 0-1 with straight and uneven borders that begins at the liver's edge, more often front and medial."""
    y, x = np.mgrid[: liver.shape[0], : liver.shape[1]].astype(np.float32)
    centre = border_point(rng, liver)
    inset = (np.array(_middle(liver)) - np.array(centre)) * rng.uniform(0.0, 0.3)
    turn, aspect = rng.uniform(0.0, np.pi), np.sqrt(rng.uniform(0.45, 1.0))
    dx, dy = x - centre[0] - inset[0], y - centre[1] - inset[1]
    u = np.abs(np.cos(turn) * dx + np.sin(turn) * dy) * aspect
    v = np.abs(-np.sin(turn) * dx + np.cos(turn) * dy) / aspect
    power = rng.uniform(2.5, 6.0)
    reach = diameter / 2.0 - (u**power + v**power) ** (1.0 / power)
    return _edged(reach + _uneven(rng, liver.shape, 0.08 * diameter), rng.uniform(0.8, 3.0))


def inner_point(rng: Generator, liver: Mask) -> Point:
    """A random place (x, y) in a liver that is not empty."""
    rows, columns = np.nonzero(liver)
    i = int(rng.integers(rows.size))
    return float(columns[i]), float(rows[i])


def border_point(rng: Generator, liver: Mask) -> Point:
    """A random place (x, y) on a liver's border; half of them front and medial, as by ligament and gallbladder."""
    rim = liver & (cv2.erode(liver.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    rows, columns = np.nonzero(rim if rim.any() else liver)
    if rng.random() < MEDIAL_SHARE:
        medial = columns > np.quantile(columns, 0.5)
        front = medial & (rows < np.quantile(rows[medial], 0.75)) if medial.any() else medial
        if front.any():
            rows, columns = rows[front], columns[front]
    i = int(rng.integers(rows.size))
    return float(columns[i]), float(rows[i])


def smooth_noise(rng: Generator, shape: tuple[int, ...], sigma: float) -> Floats:
    """Gaussian noise of unit spread, correlated over ``sigma`` pixels."""
    raw = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), sigma)
    return np.asarray(raw / max(float(raw.std()), 1e-6), dtype=np.float32)


def _uneven(rng: Generator, shape: tuple[int, ...], height: float) -> Floats:
    return smooth_noise(rng, shape, rng.uniform(3.0, 7.0)) * np.float32(height)


def _edged(depth: NDArray[np.floating], softness: float) -> Floats:
    return np.asarray(np.clip(0.5 + depth / (2.0 * softness), 0.0, 1.0), dtype=np.float32)


def _middle(liver: Mask) -> Point:
    rows, columns = np.nonzero(liver)
    return float(columns.mean()), float(rows.mean())
