"""Drawn ultrasound pictures with known physics, for the tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from steatoscope.imaging.phantoms.us import USPhantom
from steatoscope.imaging.preprocess.us_sector import Sector, polar_coordinates

SHAPE = (400, 600)
APEX = (299.5, 4.0)
INNER, OUTER, HALF = 20.0, 370.0, 0.8
PX_PER_CM = 22.0
PIXEL_MM = (10.0 / PX_PER_CM, 10.0 / PX_PER_CM)


def drawn_sector() -> Sector:
    radius, angle = polar_coordinates(SHAPE, APEX)
    mask = (radius >= INNER) & (radius <= OUTER) & (np.abs(angle) <= HALF)
    return Sector(mask, APEX, INNER, OUTER, -HALF, HALF, "sector", 1.0)


def sloped(slope_grey_px: float, *, top: float = 150.0, speckle: float = 0.0, seed: int = 0) -> NDArray[np.uint8]:
    """A sector whose grey falls linearly with depth, with log-Rayleigh speckle of unit times ``speckle``."""
    sector = drawn_sector()
    radius, _ = sector.polar()
    amplitude = np.random.default_rng(seed).rayleigh(1.0, SHAPE)
    noise = speckle * 20.0 * np.log10(np.maximum(amplitude, 1e-3)) * 255.0 / 60.0
    grey = top + slope_grey_px * (radius - INNER) + noise
    return np.where(sector.mask, np.clip(np.rint(grey), 0, 255), 0).astype(np.uint8)


def true_sector(phantom: USPhantom) -> Sector:
    where = phantom.truth["geometry"]
    return Sector(
        phantom.sector,
        (where["apex_px"][0], where["apex_px"][1]),
        where["inner_radius_px"],
        where["outer_radius_px"],
        where["angle_left_rad"],
        where["angle_right_rad"],
        phantom.geometry.probe,
        1.0,
    )
