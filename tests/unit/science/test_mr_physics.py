"""T1 bias, Dixon, iron and noise against published tables and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.science.quantify import mr_dixon, mr_iron, mr_noise, mr_t1
from steatoscope.science.quantify.mr_fraction import (
    discriminated_fraction,
    fat_fraction,
    magnitude_fraction,
    water_fat_phase_deg,
)
from steatoscope.science.quantify.mr_model import FatSpectrum, signal

T1_TABLE = [
    (1.5, 120, 70, 1.515188, (7.386, 14.410, 27.473, 39.371)),
    (1.5, 10, 10, 1.243903, (6.145, 12.143, 23.721, 34.773)),
    (1.5, 15, 5, 1.056805, (5.269, 10.508, 20.899, 31.173)),
    (1.5, 10, 3, 1.031827, (5.151, 10.286, 20.506, 30.662)),
    (3.0, 120, 70, 1.838100, (8.821, 16.960, 31.485, 44.064)),
    (3.0, 10, 10, 1.412449, (6.920, 13.565, 26.096, 37.708)),
    (3.0, 10, 3, 1.055642, (5.264, 10.498, 20.881, 31.149)),
]
SINGLE_PEAK = FatSpectrum("single", (-3.4,), (1.0,), "one peak")
DIXON_TABLE = [
    (1.5, 0, (-4.825, -29.251, 0.000, -4.825, -29.251)),
    (1.5, 5, (0.658, -21.326, 4.069, -0.363, -22.801)),
    (1.5, 10, (6.140, -13.401, 8.215, 4.182, -16.231)),
    (1.5, 20, (17.105, 2.450, 16.744, 13.535, -2.712)),
    (1.5, 30, (28.070, 18.300, 25.602, 23.247, 11.328)),
    (3.0, 0, (-2.357, -12.949, 0.000, -2.357, -12.949)),
    (3.0, 5, (2.879, -6.654, 4.069, 1.904, -7.826)),
    (3.0, 10, (8.115, -0.359, 8.215, 6.245, -2.607)),
    (3.0, 20, (18.586, 12.231, 16.744, 15.176, 8.131)),
    (3.0, 30, (29.057, 24.821, 25.602, 24.452, 19.283)),
]


@pytest.mark.parametrize(("field", "repetition", "flip", "factor", "seen"), T1_TABLE)
def test_t1_bias_equals_the_table(
    field: float, repetition: float, flip: float, factor: float, seen: tuple[float, ...]
) -> None:
    bias = mr_t1.t1_bias(repetition, flip, field)
    assert bias.factor == pytest.approx(factor, abs=2e-6)
    for true, expected in zip((5, 10, 20, 30), seen, strict=True):
        apparent = mr_t1.apparent_fraction(true, bias.factor)
        assert apparent == pytest.approx(expected, abs=6e-4)
        assert mr_t1.corrected_fraction(apparent, bias.factor) == pytest.approx(true)
    assert (bias.note() is not None) == (factor > 1.1)
    assert bias.low_grades_allowed == (factor <= 1.3)


@pytest.mark.parametrize(("field", "true", "seen"), DIXON_TABLE)
def test_two_point_dixon_shows_the_known_bias(field: float, true: float, seen: tuple[float, ...]) -> None:
    opposed = mr_dixon.opposed_time_s(field)
    cases = [(SINGLE_PEAK, 40.0), (SINGLE_PEAK, 200.0), ("hamilton2011_6", 0.0), ("hamilton2011_6", 40.0)]
    cases.append(("hamilton2011_6", 200.0))
    for (spectrum, rate), expected in zip(cases, seen, strict=True):
        times = [opposed, 2 * opposed]
        op, ip = np.abs(signal(times, field, water=100.0 - true, fat=true, r2star=rate, spectrum=spectrum))
        # The table's echo times imply a gyromagnetic ratio rounded to 42.57 MHz/T, hence the third decimal.
        assert float(mr_dixon.two_point_fraction(ip, op)) == pytest.approx(expected, abs=6e-3)


def test_opposed_phase_times_and_the_choice_of_echoes() -> None:
    assert mr_dixon.opposed_time_s(1.5) * 1e3 == pytest.approx(2.302607, abs=1e-6)
    assert mr_dixon.opposed_time_s(3.0) * 1e3 == pytest.approx(1.151304, abs=1e-6)
    assert mr_dixon.dixon_echoes([1.2e-3, 2.4e-3, 4.6e-3], 3.0) == mr_dixon.DixonEchoes(0, 1, 2)
    assert mr_dixon.dixon_echoes([2.3e-3, 4.6e-3], 1.5) == mr_dixon.DixonEchoes(0, 1, None)
    assert mr_dixon.dixon_echoes([2.3e-3, 4.6e-3], 3.0) is None


@pytest.mark.parametrize("true", [0.0, 10.0, 30.0])
def test_three_point_dixon_removes_the_decay(true: float) -> None:
    opposed = mr_dixon.opposed_time_s(3.0)
    times = np.array([opposed, 2 * opposed, 4 * opposed])
    op, ip1, ip2 = np.abs(signal(times, 3.0, water=100 - true, fat=true, r2star=200.0, spectrum=SINGLE_PEAK))
    percent, rate = mr_dixon.three_point_fraction(ip1, op, ip2, (times[1], times[0], times[2]))
    assert float(percent) == pytest.approx(true, abs=1e-9)
    assert float(rate) == pytest.approx(200.0)


def test_dixon_without_signal_is_unknown_not_zero() -> None:
    assert np.isnan(mr_dixon.two_point_fraction([0.0], [0.0]))[0]


@pytest.mark.parametrize(("rate", "iron"), [(28.72, 0.588), (100.0, 2.443), (200.0, 5.046)])
def test_liver_iron_equals_the_published_examples(rate: float, iron: float) -> None:
    assert mr_iron.liver_iron_mg_g(rate, 1.5) == pytest.approx(iron, abs=6e-4)
    assert mr_iron.liver_iron_mg_g(2 * rate, 3.0) == pytest.approx(iron, abs=6e-4)


def test_iron_classes_and_codes() -> None:
    assert [mr_iron.iron_class(r, 1.5) for r in (65, 66, 225, 476)] == ["normal", "mild", "moderate", "severe"]
    assert [mr_iron.iron_class(r, 2.9) for r in (119, 120, 436, 953)] == ["normal", "mild", "moderate", "severe"]
    assert mr_iron.iron_code(40, 1.5, 1.2e-3) is None
    assert mr_iron.iron_code(150, 1.5, 1.2e-3) == "W_IRON"
    assert mr_iron.iron_code(401, 1.5, 1.2e-3) == "E_IRON"
    assert mr_iron.iron_code(650, 3.0, 1.2e-3) == "W_IRON"
    assert mr_iron.iron_code(300, 3.0, 4e-3) == "E_IRON"


def test_rician_mean_equals_the_table() -> None:
    expected = [1.253314, 1.548572, 2.272383, 3.172577, 5.101070, 10.050127]
    np.testing.assert_allclose(mr_noise.rician_mean([0, 1, 2, 3, 5, 10]), expected, atol=1e-6)
    assert float(mr_noise.rician_mean(20.0, 10.0)) == pytest.approx(22.72383, abs=1e-5)


def test_noise_is_recovered_from_background_and_residual() -> None:
    rng = np.random.default_rng(3)
    assert mr_noise.noise_from_background(np.hypot(*rng.normal(0, 4.0, (2, 20000)))) == pytest.approx(4.0, rel=0.02)
    assert mr_noise.noise_from_background(np.zeros(20000)) is None
    assert mr_noise.noise_from_background(np.ones(10)) is None
    chi = (rng.normal(0, 4.0, (6, 20000)) ** 2).sum(axis=0).astype(np.float32)
    assert mr_noise.noise_from_residual(chi, 6, 6, 2) == pytest.approx(4.0, rel=0.02)
    assert mr_noise.noise_from_residual(chi, 3, 6, 2) is None


def test_discrimination_is_exact_without_noise_and_takes_away_the_floor() -> None:
    rng = np.random.default_rng(5)
    water, fat = np.full(4, 70 + 0j, np.complex64), np.array([0, 10, 60, 200], np.complex64)
    exact = 100 * fat.real / (70 + fat.real)
    np.testing.assert_allclose(discriminated_fraction(water, fat), exact, atol=1e-5)
    np.testing.assert_allclose(magnitude_fraction(water, fat), exact, atol=1e-5)
    noise = rng.normal(0, 3.0, (2, 2, 40000))
    noisy_water = (100 + noise[0, 0] + 1j * noise[0, 1]).astype(np.complex64)
    noisy_fat = (noise[1, 0] + 1j * noise[1, 1]).astype(np.complex64)
    assert magnitude_fraction(noisy_water, noisy_fat).mean() > 3.0
    assert abs(discriminated_fraction(noisy_water, noisy_fat).mean()) < 0.15


def test_fraction_falls_back_to_magnitudes_where_water_and_fat_are_out_of_phase() -> None:
    water = np.full(100, 80, np.complex64)
    turned = (20 * np.exp(1j * np.deg2rad(-49.6)) * np.ones(100)).astype(np.complex64)
    assert water_fat_phase_deg(water, turned) == pytest.approx(49.6, abs=1e-3)
    percent, _, discriminated = fat_fraction(water, turned)
    assert not discriminated
    np.testing.assert_allclose(percent, 20.0, atol=1e-4)
    assert fat_fraction(water, np.abs(turned).astype(np.complex64))[2]


def test_fraction_of_nothing_is_unknown() -> None:
    nothing = np.zeros(1, np.complex64)
    assert np.isnan(magnitude_fraction(nothing, nothing))[0]
    assert np.isnan(discriminated_fraction(nothing, nothing))[0]
