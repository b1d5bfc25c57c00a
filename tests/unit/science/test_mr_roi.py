"""The liver's fat fraction and the criteria against it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from steatoscope.imaging.phantoms.mr import simulate_mr
from steatoscope.imaging.phantoms.mr_torso import TorsoSetting, simulate_torso
from steatoscope.science.quantify import mr_guards
from steatoscope.science.quantify.mr_fit import fit_fat_water
from steatoscope.science.quantify.mr_magnitude import fit_magnitude_voxels
from steatoscope.science.quantify.mr_maps import FatWaterFit
from steatoscope.science.quantify.mr_model import signal
from steatoscope.science.quantify.mr_roi import liver_fat_fraction
from steatoscope.science.quantify.mr_spectrum_error import spectrum_sd


@pytest.fixture(scope="module")
def torso_fit() -> tuple[FatWaterFit, np.ndarray]:
    torso = simulate_torso(TorsoSetting(), 11)
    return fit_fat_water(torso.train, mask=torso.body), torso.regions


def test_value_interval_and_spread(torso_fit: tuple[FatWaterFit, np.ndarray]) -> None:
    fit, regions = torso_fit
    read = liver_fat_fraction(fit, regions == 3)
    assert read.value_percent == pytest.approx(16.0, abs=0.15)
    assert read.interval.low < 16.0 < read.interval.high
    assert 1.0 < read.interval.high - read.interval.low < 4.5
    assert read.iqr_percent[0] < read.median_percent < read.iqr_percent[1]
    assert read.iron == "normal"
    assert read.first_echo_snr == pytest.approx(40 * np.sqrt(2), rel=0.1)
    assert read.codes == ()
    assert read == liver_fat_fraction(fit, regions == 3)


def test_budget_names_every_error_of_the_interval(torso_fit: tuple[FatWaterFit, np.ndarray]) -> None:
    fit, regions = torso_fit
    read = liver_fat_fraction(fit, regions == 3)
    sizes = {one.source: one.sd_points for one in read.budget.sources}
    assert sizes["repeatability between examinations"] == 0.45
    assert sizes["slope against spectroscopy"] == pytest.approx(0.03 * read.value_percent)
    wrong = spectrum_sd(read.value_percent, read.r2star, fit.echo_times_s, fit.field_strength_t, fit.spectrum)
    assert sizes["choice of the fat spectrum"] == pytest.approx(wrong)
    assert 0.0 < sizes["noise and unevenness of the liver"] < 0.3
    half = 1.959964 * np.sqrt(np.sum(np.square(list(sizes.values()))))
    assert read.interval.high - read.value_percent == pytest.approx(half)


def test_interval_of_a_lean_liver_starts_at_zero(torso_fit: tuple[FatWaterFit, np.ndarray]) -> None:
    fit, regions = torso_fit
    read = liver_fat_fraction(fit, regions == 1)
    assert read.value_percent < 0.2
    assert read.interval.low == 0.0


def test_a_drifting_phase_does_not_cancel(torso_fit: tuple[FatWaterFit, np.ndarray]) -> None:
    fit, regions = torso_fit
    drift = np.exp(1j * np.linspace(0, 12, fit.water.shape[2])).astype(np.complex64)
    turned = replace(fit, water=fit.water * drift, fat=fit.fat * drift)
    assert liver_fat_fraction(turned, regions == 4).value_percent == pytest.approx(28.0, abs=0.2)


def test_vessels_do_not_dilute_the_value() -> None:
    phantom = simulate_mr(30.0, 5)
    read = liver_fat_fraction(fit_fat_water(phantom.train), phantom.masks["liver"])
    assert read.value_percent == pytest.approx(30.0, abs=0.6)


def test_a_swapped_liver_is_refused(torso_fit: tuple[FatWaterFit, np.ndarray]) -> None:
    fit, regions = torso_fit
    swapped = replace(fit, water=fit.fat, fat=fit.water, pdff=100 - fit.pdff)
    assert liver_fat_fraction(swapped, regions == 2).refusal == "E_SWAP"
    disputed = replace(fit, disputed=regions == 2)
    assert liver_fat_fraction(disputed, regions == 2).refusal == "E_SWAP"


def test_noise_and_iron_are_refused() -> None:
    noisy = simulate_torso(TorsoSetting(snr=5.0), 3)
    fit = fit_fat_water(noisy.train, mask=noisy.body)
    assert "E_NOISE" in liver_fat_fraction(fit, noisy.regions == 1).codes
    heavy = simulate_mr(10.0, 1, field_t=1.5, r2star=600.0)
    read = liver_fat_fraction(fit_fat_water(heavy.train), heavy.masks["liver"])
    assert "E_IRON" in read.codes
    assert read.r2star == pytest.approx(600.0, rel=0.1)


def test_an_empty_region_is_an_error(torso_fit: tuple[FatWaterFit, np.ndarray]) -> None:
    fit, regions = torso_fit
    with pytest.raises(ValueError, match="no fitted voxel"):
        liver_fat_fraction(fit, np.zeros_like(regions, dtype=bool))


def _regions_by_magnitude(field_t: float, percent: int, noise_sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Fat percent and cost ratio of 20 regions of 75 voxels, chosen by their summed residuals."""
    times = 1e-3 * ((1.15 + 0.96 * np.arange(6)) if field_t > 2 else (1.2 + 2.0 * np.arange(6)))
    clean = signal(times, field_t, water=100.0 - percent, fat=float(percent), r2star=50.0)
    noise = np.random.default_rng(percent).normal(0, noise_sd, (2, 6, 20 * 75))
    fits = fit_magnitude_voxels(np.abs(clean[:, None] + noise[0] + 1j * noise[1]), times, field_t, tolerance=1e-6)
    water, fat, _, cost = fits.reshape(2, 4, 20, 75).sum(axis=3).transpose(1, 0, 2)
    value = np.take_along_axis(100 * fat / (water + fat), np.argmin(cost, axis=0)[None], axis=0)[0]
    return value, cost.min(axis=0) / cost.max(axis=0)


@pytest.mark.parametrize("field_t", [1.5, 3.0])
@pytest.mark.parametrize("percent", range(0, 91, 10))
def test_regions_of_75_voxels_by_magnitude_are_not_swapped(field_t: float, percent: int) -> None:
    value, _ = _regions_by_magnitude(field_t, percent, 100 / 20 / np.sqrt(2))
    assert np.abs(value - percent).max() < 25


@pytest.mark.parametrize("field_t", [1.5, 3.0])
@pytest.mark.parametrize("percent", range(0, 91, 10))
def test_regions_swapped_in_stronger_noise_are_refused(field_t: float, percent: int) -> None:
    value, ratio = _regions_by_magnitude(field_t, percent, 100 / 20)
    wrong = np.abs(value - percent) > 25
    assert all(mr_guards.swap_code(v, 0.0, r) == "E_SWAP" for v, r in zip(value[wrong], ratio[wrong], strict=True))
    if percent <= 60:
        assert not wrong.any()


def test_criteria_are_pure_and_named() -> None:
    assert mr_guards.swap_code(10.0, 0.0) is None
    assert mr_guards.swap_code(61.0, 0.0) == "E_SWAP"
    assert mr_guards.swap_code(10.0, 0.02) == "E_SWAP"
    assert mr_guards.swap_code(10.0, 0.0, 0.99) == "E_SWAP"
    assert mr_guards.swap_code(10.0, 0.0, 0.9) is None
    assert mr_guards.noise_code(None) is None
    assert mr_guards.noise_code(9.0) == "E_NOISE"
    assert mr_guards.separation(np.array([1.15e-3, 2.11e-3, 3.07e-3]), 3.0) > 0.5
    exact = np.array([1.744, 4.82, 7.896, 10.972]) * 1e-3
    assert mr_guards.rounding_warning(exact) is None
    rounded = mr_guards.rounding_warning(np.array([2.3, 3.2, 4.1, 5.1, 6.0, 7.0]) * 1e-3)
    assert rounded is not None
    assert rounded.code == "W_TE"
