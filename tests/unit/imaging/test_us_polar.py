"""Polar resampling against closed forms (clinical reference, section 4.4), and replay of its records."""

from __future__ import annotations

import json

import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.transforms import TransformRecord, replay
from steatoscope.imaging.preprocess.us_polar import (
    PolarGrid,
    beam_to_plane,
    from_polar,
    plane_to_beam,
    to_physical,
    to_polar,
)
from steatoscope.imaging.preprocess.us_sector import polar_coordinates

GRID = PolarGrid((160.0, -20.0), 40.0, 250.0, -0.5, 0.5, 120, 90)


@pytest.mark.parametrize(
    ("degrees", "depth", "x", "z"),
    [(30.0, 0.0, 30.0, -8.038476), (-30.0, 150.0, -105.0, 121.865335), (20.0, 80.0, 47.882820, 71.556967)],
)
def test_scan_conversion_vectors(degrees, depth, x, z):
    found = beam_to_plane(60.0, depth, np.radians(degrees))
    assert found == pytest.approx((x, z), abs=1e-6)
    assert plane_to_beam(60.0, *found) == pytest.approx((depth, np.radians(degrees)), abs=1e-9)


def test_inverse_vector():
    depth, angle = plane_to_beam(60.0, 40.0, 100.0)
    assert np.degrees(angle) == pytest.approx(14.036243, abs=1e-6)
    assert depth == pytest.approx(104.924225, abs=1e-6)


def test_polar_of_a_radial_ramp_is_its_radius():
    radius, angle = polar_coordinates((240, 320), GRID.apex)
    polar, _ = to_polar(radius.astype(np.float32), GRID)
    inside = GRID.radii[:, None] * np.cos(GRID.directions)[None] - 20.0 < 238.0
    expected = np.broadcast_to(GRID.radii[:, None], polar.shape)
    assert np.abs(polar - expected)[inside & (expected > 45)].max() < 0.05
    turned, _ = to_polar(angle.astype(np.float32), GRID)
    assert np.abs(turned - GRID.directions[None])[inside & (expected > 45)].max() < 0.002


def test_there_and_back():
    radius, angle = polar_coordinates((240, 320), GRID.apex)
    inside = (radius > 45) & (radius < 240) & (np.abs(angle) < 0.45)
    image = np.where(radius > 0, 100 + 50 * np.sin(radius / 20) * np.cos(4 * angle), 0).astype(np.float32)
    polar, _ = to_polar(image, GRID)
    back, _ = from_polar(polar, GRID, (240, 320))
    assert np.abs(back - image)[inside].mean() < 0.5
    assert (back[(np.abs(angle) > 0.52) | (radius > 252)] == 0).all()


def test_records_replay_to_the_same_array():
    image = np.random.default_rng(0).integers(0, 255, (240, 320)).astype(np.uint8)
    scaled, first = to_physical(image, (0.5, 0.4), 0.5)
    polar, second = to_polar(scaled, GRID)
    back, third = from_polar(polar, GRID, (240, 320))
    stored = json.loads(
        json.dumps([{"name": r.name, "parameters": dict(r.parameters)} for r in (first, second, third)])
    )
    again = replay(image, [TransformRecord(**record) for record in stored])
    assert (again == back).all()


def test_physical_scale():
    image = np.zeros((100, 200), np.uint8)
    scaled, _ = to_physical(image, (0.5, 0.25), 0.5)
    assert scaled.shape == (100, 100)
    with pytest.raises(SteatoscopeError) as fault:
        to_physical(image, None, 0.5)
    assert fault.value.code == "E_SCALE"
