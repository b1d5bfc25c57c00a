"""The exact fits against the five published vectors."""

from __future__ import annotations

import numpy as np
import pytest
from mr_vectors import VECTORS, Vector

from steatoscope.science.quantify.mr_magnitude import fit_magnitude_voxels
from steatoscope.science.quantify.mr_model import signal
from steatoscope.science.quantify.mr_voxels import fit_voxels

ALL = pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
WRONG_START = {
    "A": (13.4503, 98.9956, 0.005913),
    "B": (5.8661, 94.8158, 0.000463),
    "C": (26.5506, 67.8638, 0.001051),
    "D": (74.2806, 33.7038, 0.001069),
}


def _exact(vector: Vector) -> np.ndarray:
    return signal(
        vector.times_s,
        vector.field_t,
        water=vector.water,
        fat=vector.fat,
        r2star=vector.r2star,
        field_hz=vector.psi,
        phase_rad=vector.phase,
        spectrum=vector.spectrum,
    )


@ALL
def test_forward_model_equals_the_published_signal(vector: Vector) -> None:
    np.testing.assert_allclose(_exact(vector), vector.signal, atol=2e-6)


@ALL
@pytest.mark.parametrize("off", [0.8, 1.2])
def test_fit_returns_the_truth_to_a_millionth_from_a_start_a_fifth_off(vector: Vector, off: float) -> None:
    fit = fit_voxels(
        _exact(vector),
        vector.times_s,
        vector.field_t,
        r2star=off * vector.r2star,
        field_hz=off * vector.psi if vector.psi else 20.0 * (off - 1.0) * 5,
        spectrum=vector.spectrum,
    )
    turn = np.exp(1j * vector.phase)
    assert fit.water[0] == pytest.approx(vector.water * turn, rel=1e-6)
    assert fit.fat[0] == pytest.approx(vector.fat * turn, rel=1e-6)
    assert fit.r2star[0] == pytest.approx(vector.r2star, rel=1e-6)
    assert fit.field_hz[0] == pytest.approx(vector.psi, rel=1e-6, abs=1e-6)
    assert fit.pdff[0] == pytest.approx(vector.pdff, rel=1e-6)


@pytest.mark.parametrize("name", ["A", "B", "C", "D", "E"])
def test_magnitude_fit_prefers_the_right_start(name: str) -> None:
    vector = VECTORS[name]
    exact = np.abs(_exact(vector))[:, None]
    fits = fit_magnitude_voxels(exact, np.asarray(vector.times_s), vector.field_t, spectrum=vector.spectrum)
    right = 1 if name == "D" else 0
    assert fits[right, 3, 0] < fits[1 - right, 3, 0]
    water, fat, rate, cost = fits[right, :, 0]
    assert (water, fat, rate) == pytest.approx((vector.water, vector.fat, vector.r2star), rel=1e-6)
    assert cost < 1e-18


@pytest.mark.parametrize("name", sorted(WRONG_START))
def test_magnitude_fit_finds_the_known_wrong_optimum_from_the_wrong_start(name: str) -> None:
    vector = VECTORS[name]
    exact = np.abs(_exact(vector))[:, None]
    fits = fit_magnitude_voxels(exact, np.asarray(vector.times_s), vector.field_t, spectrum=vector.spectrum)
    water, fat, _, cost = fits[0 if name == "D" else 1, :, 0]
    expected_water, expected_fat, ratio = WRONG_START[name]
    assert (water, fat) == pytest.approx((expected_water, expected_fat), rel=2e-4)
    assert cost / np.sum(exact**2) == pytest.approx(ratio, rel=2e-3)
