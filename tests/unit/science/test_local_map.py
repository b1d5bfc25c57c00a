"""Masked smoothing: constants stay constant, nothing leaks in, thin masks stay finite."""

import numpy as np
import pytest

from steatoscope.core.geometry import Geometry
from steatoscope.science.quantify.local_map import smooth_inside

GEOMETRY = Geometry.from_spacing((5.0, 1.0, 1.0))


def test_a_constant_stays_constant_beside_a_bright_neighbour() -> None:
    values = np.full((3, 20, 20), 1000.0)
    mask = np.zeros(values.shape, dtype=bool)
    mask[:, :, :10] = True
    values[mask] = 50.0
    smooth = smooth_inside(values, mask, GEOMETRY, 3.0)
    assert smooth[mask] == pytest.approx(50.0, abs=1e-3)
    assert np.isnan(smooth[~mask]).all()


def test_noise_shrinks_as_the_kernel_says() -> None:
    noise = np.random.default_rng(1).normal(0.0, 10.0, (1, 200, 200))
    smooth = smooth_inside(noise, np.ones(noise.shape, dtype=bool), GEOMETRY, 2.0)
    inner = smooth[0, 20:-20, 20:-20]
    assert inner.std() == pytest.approx(10.0 / (2.0 * 2.0 * np.sqrt(np.pi)), rel=0.1)


def test_missing_values_are_left_out() -> None:
    values = np.full((1, 9, 9), 7.0)
    values[0, 4, 4] = np.nan
    smooth = smooth_inside(values, np.ones(values.shape, dtype=bool), GEOMETRY, 1.5)
    assert np.isnan(smooth[0, 4, 4])
    assert smooth[0, 4, 5] == pytest.approx(7.0, abs=1e-4)
