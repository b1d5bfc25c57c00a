"""The fit of whole echo trains against simulated truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import EchoTrain
from steatoscope.imaging.phantoms.mr_torso import LIVER_FAT_PERCENT, SETTINGS, Torso, TorsoSetting, simulate_torso
from steatoscope.science.quantify.mr_fit import fit_fat_water
from steatoscope.science.quantify.mr_maps import FatWaterFit
from steatoscope.science.quantify.mr_model import signal
from steatoscope.science.quantify.mr_roi import liver_fat_fraction
from steatoscope.science.quantify.mr_voxels import fit_voxels


def _fit(torso: Torso) -> FatWaterFit:
    return fit_fat_water(torso.train, mask=torso.body)


def _swapped(torso: Torso, fit: FatWaterFit) -> int:
    return int((np.abs(fit.pdff - torso.tissue.fat_percent)[torso.liver] > 50).sum())


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_torso_is_fitted_without_swap_and_without_bias(name: str) -> None:
    bias = []
    for seed in range(1, 6):
        torso = simulate_torso(SETTINGS[name], seed)
        fit = _fit(torso)
        assert _swapped(torso, fit) == 0
        assert fit.phase_sign == 1
        assert not fit.bipolar
        assert "magnitude discrimination" in fit.method
        bias.append(float(np.mean(fit.pdff[torso.liver] - torso.tissue.fat_percent[torso.liver])))
    assert np.abs(bias).max() <= 0.1
    assert abs(np.mean(bias)) <= 0.06


@pytest.mark.parametrize("name", ["3T snr15", "1.5T four echoes"])
def test_precession_is_found_from_the_data(name: str) -> None:
    torso = simulate_torso(replace(SETTINGS[name], precession=-1), 7)
    fit = _fit(torso)
    assert fit.phase_sign == -1
    assert "W_SIGN" in [note.code for note in fit.notes]
    assert _swapped(torso, fit) == 0
    np.testing.assert_allclose(np.median((fit.field_hz + torso.tissue.field_hz)[torso.liver]), 0.0, atol=1.0)


@pytest.mark.parametrize("turn", [(0.4, 0.004), (1.2, 0.01), (-0.8, 0.0)])
@pytest.mark.parametrize("field_t", [1.5, 3.0])
def test_bipolar_readout_is_found_and_corrected(turn: tuple[float, float], field_t: float) -> None:
    torso = simulate_torso(TorsoSetting(field_t=field_t, bipolar_rad=turn), 8)
    fit = _fit(torso)
    assert fit.bipolar
    assert "W_BIPOLAR" in [note.code for note in fit.notes]
    assert _swapped(torso, fit) == 0
    for region, percent in enumerate(LIVER_FAT_PERCENT, start=1):
        assert liver_fat_fraction(fit, torso.regions == region).value_percent == pytest.approx(percent, abs=0.5)


def test_bulk_path_agrees_with_the_exact_fit() -> None:
    torso = simulate_torso(TorsoSetting(snr=60.0), 9)
    fit = _fit(torso)
    some = np.flatnonzero(torso.liver)[::97]
    pick = lambda item: item.ravel()[some]  # noqa: E731
    exact = fit_voxels(
        torso.train.data.reshape(6, -1)[:, some],
        torso.train.echo_times_s,
        torso.train.field_strength_t,
        r2star=pick(fit.r2star),
        field_hz=pick(fit.field_hz),
    )
    assert np.median(np.abs(exact.pdff - 100 * abs(pick(fit.fat)) / (abs(pick(fit.fat)) + abs(pick(fit.water))))) < 5e-3
    np.testing.assert_allclose(np.median(pick(fit.r2star) - exact.r2star), 0.0, atol=0.02)
    np.testing.assert_allclose(fit.field_hz[torso.liver], torso.tissue.field_hz[torso.liver], atol=8.0)


def test_maps_are_empty_outside_the_mask_and_typed() -> None:
    torso = simulate_torso(TorsoSetting(), 1)
    fit = _fit(torso)
    assert np.isnan(fit.pdff[~torso.body]).all()
    assert np.isfinite(fit.pdff[torso.liver]).all()
    assert (fit.water[~torso.body] == 0).all()
    assert (fit.water.dtype, fit.pdff.dtype, fit.r2star.dtype) == (np.complex64, np.float32, np.float32)
    assert fit.noise_sd == pytest.approx(100 / 40 / np.sqrt(2), rel=0.05)


def test_foreground_is_found_where_no_mask_is_given() -> None:
    torso = simulate_torso(TorsoSetting(), 2)
    fit = fit_fat_water(torso.train)
    assert fit.mask[torso.liver].all()
    assert fit.mask[~torso.body].mean() < 0.6
    assert _swapped(torso, fit) == 0


def test_the_same_input_gives_the_same_maps() -> None:
    torso = simulate_torso(TorsoSetting(snr=15.0), 4)
    np.testing.assert_array_equal(_fit(torso).pdff, _fit(torso).pdff)


def test_uneven_echoes_are_fitted() -> None:
    torso = simulate_torso(TorsoSetting(), 3)
    times = np.array([1.1e-3, 2.0e-3, 3.3e-3, 4.0e-3, 5.2e-3, 7.1e-3])
    tissue, rng = torso.tissue, np.random.default_rng(0)
    share = tissue.fat_percent / 100
    clean = signal(
        times,
        3.0,
        water=tissue.density * (1 - share),
        fat=tissue.density * share,
        r2star=tissue.r2star,
        field_hz=tissue.field_hz,
    )
    noise = rng.normal(0, 1.5, (2, *clean.shape))
    data = (clean + noise[0] + 1j * noise[1]).astype(np.complex64)
    fit = fit_fat_water(EchoTrain(data, times, 3.0, torso.train.geometry, "complex"), mask=torso.body)
    assert _swapped(torso, fit) == 0
    assert abs(np.mean((fit.pdff - tissue.fat_percent)[torso.liver])) < 0.1


def test_mixed_fit_survives_a_spoilt_first_phase() -> None:
    torso = simulate_torso(TorsoSetting(), 6)
    data = torso.train.data.copy()
    data[0] *= np.complex64(np.exp(0.35j))
    train = replace(torso.train, data=data)
    spoilt = fit_fat_water(train, mask=torso.body)
    mixed = fit_fat_water(train, mask=torso.body, method="mixed")
    bias = [
        abs(liver_fat_fraction(fit, torso.regions == 3).value_percent - LIVER_FAT_PERCENT[2]) for fit in (spoilt, mixed)
    ]
    assert bias[0] > 0.8
    assert bias[1] < 0.3
    assert mixed.relative_residual < spoilt.relative_residual


def test_mixed_and_magnitude_fits_need_four_echoes() -> None:
    torso = simulate_torso(TorsoSetting(echoes=3), 6)
    with pytest.raises(SteatoscopeError, match="E_TE"):
        fit_fat_water(torso.train, mask=torso.body, method="mixed")
    magnitude = replace(torso.train, data=np.abs(torso.train.data), kind="magnitude")
    with pytest.raises(SteatoscopeError, match="E_TE"):
        fit_fat_water(magnitude, mask=torso.body)


def test_three_echoes_are_fitted() -> None:
    torso = simulate_torso(TorsoSetting(echoes=3), 6)
    fit = _fit(torso)
    assert _swapped(torso, fit) == 0
    assert fit.phase_sign == 1


def test_magnitudes_alone_give_the_liver_without_swapped_regions() -> None:
    torso = simulate_torso(TorsoSetting(snr=20.0, kind="magnitude"), 1)
    fit = _fit(torso)
    assert fit.magnitude is not None
    for region, percent in enumerate(LIVER_FAT_PERCENT, start=1):
        read = liver_fat_fraction(fit, torso.regions == region)
        assert read.value_percent == pytest.approx(percent, abs=0.6)
        assert read.refusal is None
    assert (np.abs(fit.pdff - torso.tissue.fat_percent)[torso.liver] > 50).mean() < 0.03


@pytest.mark.parametrize(
    "times", [[1e-3, 2e-3], [1e-3, 1e-3, 2e-3], [0.0, 1e-3, 2e-3], [2.3026e-3, 4.6052e-3, 6.9078e-3]]
)
def test_echo_times_that_allow_no_fit_are_refused(times: list[float]) -> None:
    data = np.ones((len(times), 1, 32, 32), np.complex64)
    train = EchoTrain(data, np.array(times), 3.0, Geometry.from_spacing((5, 2, 2)), "complex")
    with pytest.raises(SteatoscopeError, match="E_TE"):
        fit_fat_water(train)


@pytest.mark.parametrize("field", [0.0, float("nan"), 30.0])
def test_an_impossible_field_is_refused(field: float) -> None:
    torso = simulate_torso(TorsoSetting(), 1)
    with pytest.raises(SteatoscopeError, match="E_TE"):
        fit_fat_water(replace(torso.train, field_strength_t=field))


def test_nothing_to_fit_is_an_error_not_a_zero() -> None:
    torso = simulate_torso(TorsoSetting(), 1)
    with pytest.raises(SteatoscopeError, match="E_EMPTY"):
        fit_fat_water(torso.train, mask=np.zeros_like(torso.body))
    empty = replace(torso.train, data=np.zeros_like(torso.train.data))
    with pytest.raises(SteatoscopeError, match="E_EMPTY"):
        fit_fat_water(empty)


def test_voxels_that_are_not_numbers_are_left_out() -> None:
    torso = simulate_torso(TorsoSetting(), 1)
    data = torso.train.data.copy()
    data[2, 3, 80, 60] = np.nan
    fit = fit_fat_water(replace(torso.train, data=data), mask=torso.body)
    assert not fit.mask[3, 80, 60]
    assert _swapped(torso, fit) == 0


def test_rounded_echo_times_are_noted() -> None:
    torso = simulate_torso(TorsoSetting(), 1)
    train = replace(torso.train, echo_times_s=np.array([1.2, 2.1, 3.1, 4.0, 5.0, 6.0]) * 1e-3)
    assert "W_TE" in [note.code for note in fit_fat_water(train, mask=torso.body).notes]
