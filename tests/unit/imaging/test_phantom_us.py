"""The ultrasound simulator against its own equations: geometry, speckle, level, masks, motion."""

from __future__ import annotations

import json

import numpy as np
import pytest

from steatoscope.imaging.phantoms.us import USPhantom, simulate_us
from steatoscope.imaging.phantoms.us_acoustics import Acoustics, USSettings, draw_acoustics, histology_percent
from steatoscope.imaging.phantoms.us_echo import compress
from steatoscope.imaging.phantoms.us_field import axial_only, beam_grid, convolve, texture, white
from steatoscope.imaging.phantoms.us_scanconvert import from_beams, scan_convert, scan_geometry, to_beams
from steatoscope.imaging.preprocess.us_sector import find_sector


@pytest.fixture(scope="module")
def healthy() -> USPhantom:
    return simulate_us(2.0, 1)


@pytest.mark.parametrize(
    ("degrees", "d", "x", "z"),
    [(30, 0, 30.0, -8.038476), (-30, 150, -105.0, 121.865335), (20, 80, 47.882820, 71.556967)],
)
def test_scan_conversion_matches_the_published_numbers(degrees: float, d: float, x: float, z: float) -> None:
    assert from_beams(np.array(d), np.radians(degrees), 60.0) == pytest.approx((x, z), abs=1e-6)
    assert to_beams(np.array(x), np.array(z), 60.0) == pytest.approx((d, np.radians(degrees)), abs=1e-6)


def test_inverse_scan_conversion() -> None:
    d, theta = to_beams(np.array(40.0), np.array(100.0), 60.0)
    assert np.degrees(theta) == pytest.approx(14.036243, abs=1e-6)
    assert d == pytest.approx(104.924225, abs=1e-6)


def test_curvilinear_probe_opens_74_6_degrees_and_fits_the_picture() -> None:
    geometry = scan_geometry("curvilinear", (434, 636), 16.0)
    assert np.degrees(2 * geometry.half_angle) == pytest.approx(74.6, abs=0.05)
    rows, columns = np.nonzero(geometry.mask())
    assert 0 < rows.min() < 8
    assert rows.max() < 434
    assert columns.min() > 0
    assert columns.max() < 635


def test_pictures_of_depth_and_angle_come_back_from_beams() -> None:
    geometry = scan_geometry("sector", (300, 400), 12.0)
    depth, angle = geometry.beams()
    ramp = np.broadcast_to(np.linspace(0.0, 12.0, 601, dtype=np.float32)[:, None], (601, 256))
    mask = geometry.mask()
    np.testing.assert_allclose(scan_convert(np.ascontiguousarray(ramp), geometry)[mask], depth[mask], atol=2e-3)
    fan = np.broadcast_to(np.linspace(-1, 1, 256, dtype=np.float32)[None] * geometry.half_angle, (601, 256))
    np.testing.assert_allclose(scan_convert(np.ascontiguousarray(fan), geometry)[mask], angle[mask], atol=2e-3)


@pytest.mark.parametrize("probe", ["curvilinear", "sector"])
def test_speckle_is_rayleigh_with_unit_power_at_every_depth(probe: str) -> None:
    grid = beam_grid(scan_geometry(probe, (434, 636), 16.0), 3.5)  # type: ignore[arg-type]
    field = np.concatenate([convolve(white(np.random.default_rng(s), grid.shape), grid) for s in range(6)], axis=1)
    amplitude = np.abs(field)
    assert float((amplitude**2).mean()) == pytest.approx(1.0, abs=0.03)
    assert float(amplitude.mean() / amplitude.std()) == pytest.approx(1.913058, abs=0.03)
    assert float((20 * np.log10(amplitude)).std()) == pytest.approx(5.570043, abs=0.12)
    for band in np.array_split(amplitude[20:-20], 4):
        assert float((band**2).mean()) == pytest.approx(1.0, abs=0.1)


def test_beams_widen_with_depth_and_pulses_do_not() -> None:
    grid = beam_grid(scan_geometry("curvilinear", (434, 636), 16.0), 3.5)
    impulse = np.zeros(grid.shape, np.complex64)
    widths, lengths = [], []
    for row in (150, 700):
        impulse[:] = 0
        impulse[row, 144] = 1.0
        spread = np.abs(convolve(impulse, grid)) ** 2
        assert float(spread.sum()) == pytest.approx(1.0, rel=0.01)
        step = (grid.angle[1] - grid.angle[0]) * (grid.depth[row] + 4.957)
        widths.append(2.0 * step * np.sqrt((spread.sum(0) * (np.arange(288) - 144) ** 2).sum()))
        lengths.append(np.sqrt((spread.sum(1) * (np.arange(grid.depth.size) - row) ** 2).sum()))
    assert widths[1] > 2.0 * widths[0]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.01)


@pytest.mark.parametrize("m", [0.8, 0.9, 1.0])
def test_clustered_scatterers_have_the_nakagami_parameter_asked_for(m: float) -> None:
    grid = beam_grid(scan_geometry("curvilinear", (434, 636), 16.0), 3.5)
    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        power = np.abs(convolve(white(rng, grid.shape) * texture(rng, grid, m), grid)) ** 2
        found.append(power.mean() ** 2 / power.var())
    assert float(np.mean(found)) == pytest.approx(m, abs=0.04)


def test_electronic_noise_is_white_between_beams() -> None:
    grid = beam_grid(scan_geometry("curvilinear", (434, 636), 16.0), 3.5)
    noise = axial_only(white(np.random.default_rng(0), grid.shape), grid)
    beside = np.abs((noise[:, 1:] * noise[:, :-1].conj()).mean())
    below = np.abs((noise[1:] * noise[:-1].conj()).mean())
    assert float(beside) < 0.03
    assert float(below) > 0.5


def test_grey_levels_follow_the_echo_equation() -> None:
    settings = USSettings(frequency_mhz=3.5, dynamic_range_db=60.0, tgc_db_cm_mhz=0.6, gain_db=-20.0)
    depth = np.linspace(0.0, 8.0, 81)
    echo = (10.0 ** (-2.0 * 3.5 * 0.8 * depth / 20.0))[:, None].astype(np.complex64)
    grey = compress(echo, depth, settings)[:, 0]
    # Residual slope -2 f (alpha - alpha_tgc) = -1.40 dB/cm = -5.95 grey/cm; -47.6 grey over 8 cm.
    np.testing.assert_allclose(np.diff(grey), -0.595, atol=1e-3)
    assert float(grey[-1] - grey[0]) == pytest.approx(-47.6, abs=0.01)
    assert float(grey[0]) == pytest.approx(255.0 * 40.0 / 60.0, abs=1e-3)


@pytest.mark.parametrize(
    ("pdff", "histology"), [(0, 0), (5.4, 5.0), (10.4, 19.0), (15.4, 33.0), (20.4, 66.0), (60, 100)]
)
def test_histology_runs_through_the_pooled_limits(pdff: float, histology: float) -> None:
    assert histology_percent(pdff) == pytest.approx(histology, abs=1e-9)


def test_histology_never_falls() -> None:
    values = [histology_percent(p) for p in np.linspace(0, 100, 500)]
    assert np.all(np.diff(values) >= 0)


def test_fat_changes_acoustics_as_published() -> None:
    def mean(pdff: float) -> Acoustics:
        people = [draw_acoustics(pdff, np.random.default_rng(s)) for s in range(400)]
        return Acoustics(*np.mean([[getattr(p, n) for n in Acoustics.__slots__] for p in people], axis=0))

    lean, fatty = mean(0.0), mean(28.9)
    assert lean.attenuation_db_cm_mhz == pytest.approx(0.50, abs=0.01)
    assert fatty.attenuation_db_cm_mhz == pytest.approx(0.847, abs=0.01)
    assert fatty.echogenicity_db - lean.echogenicity_db == pytest.approx(11.3 * (1 - np.exp(-28.9 / 12)), abs=0.2)
    assert lean.portal_wall_db == pytest.approx(8.0)
    assert fatty.portal_wall_db < 1.0
    assert lean.speed_m_s - fatty.speed_m_s == pytest.approx(1.7 * 28.9, abs=0.8)
    assert 0.8 <= lean.nakagami_m <= 0.9 < fatty.nakagami_m


def test_views_have_their_organs(healthy: USPhantom) -> None:
    attenuation = simulate_us(2.0, 1, view="AR")
    assert healthy.kidney is not None
    assert attenuation.kidney is None
    assert set(healthy.masks) == {"sector", "liver", "vessels", "kidney"}
    assert set(attenuation.masks) == {"sector", "liver", "vessels"}
    for mask in (*healthy.masks.values(), *attenuation.masks.values()):
        assert mask.shape == (434, 636)
        assert mask.dtype == bool
        assert not (mask & ~healthy.sector).any()
        assert mask.any()
    assert not (healthy.liver & (healthy.kidney | healthy.vessels)).any()
    rows, columns = np.nonzero(healthy.kidney)
    area = healthy.kidney.sum() * (healthy.geometry.pixel_mm[0] / 10.0) ** 2
    assert 12.0 < area < 45.0
    assert rows.mean() > np.nonzero(healthy.liver)[0].mean()
    assert columns.mean() > np.nonzero(healthy.liver)[1].mean()


def test_vessels_are_dark_and_nothing_shines_outside_the_sector(healthy: USPhantom) -> None:
    frame = healthy.clip.frames[0].astype(float)
    assert frame[healthy.vessels].mean() < 0.6 * frame[healthy.liver].mean()
    assert not frame[~healthy.sector].any()
    assert (healthy.clip.frames[0] == 255).mean() < 0.02


def test_a_fatty_liver_is_brighter_than_cortex_at_equal_depth() -> None:
    def difference(pdff: float, seed: int) -> float:
        phantom = simulate_us(pdff, seed, settings=USSettings(tgc_db_cm_mhz=0.501 + 0.012 * pdff))
        depth, _ = phantom.geometry.beams()
        assert phantom.kidney is not None
        same = (depth > 8.0) & (depth < 11.0)
        frame = phantom.clip.frames[0]
        cortex = phantom.kidney & same
        return float(np.median(frame[phantom.liver & same]) - np.median(frame[cortex])) * 60.0 / 255.0

    lean = np.mean([difference(1.0, s) for s in range(4)])
    fatty = np.mean([difference(25.0, s) for s in range(4)])
    assert 0.0 < lean < 5.0
    assert 6.0 < fatty - lean < 14.0


def test_the_sector_is_found_again(healthy: USPhantom) -> None:
    for phantom in (healthy, simulate_us(8.0, 3, probe="sector", view="AR")):
        sector = find_sector(phantom.clip)
        assert sector is not None
        assert (sector.mask & phantom.sector).sum() / (sector.mask | phantom.sector).sum() > 0.9
        assert sector.apex == pytest.approx(phantom.truth["geometry"]["apex_px"], abs=4.0)


def test_organs_slide_in_a_clip_and_the_wall_stays() -> None:
    slow = USSettings(frame_time_ms=500.0)
    clip = simulate_us(5.0, 2, view="HR", frames=4, settings=slow).clip.frames.astype(float)
    wall, organs = clip[:, 12:30, 280:350], clip[:, 150:330, 200:450]
    same = np.corrcoef(wall[0].ravel(), wall[3].ravel())[0, 1]
    moved = np.corrcoef(organs[0].ravel(), organs[3].ravel())[0, 1]
    assert same > 0.95
    assert moved < 0.7
    shifts = [np.corrcoef(organs[0][:, :-k].ravel(), organs[3][:, k:].ravel())[0, 1] for k in range(1, 40)]
    assert max(shifts) > moved


def test_consecutive_frames_look_alike() -> None:
    clip = simulate_us(5.0, 2, frames=2).clip
    assert clip.frames.shape == (2, 434, 636)
    assert np.corrcoef(clip.frames[0].ravel(), clip.frames[1].ravel())[0, 1] > 0.9


def test_a_seed_gives_the_same_phantom_and_another_seed_another(healthy: USPhantom) -> None:
    again, other = simulate_us(2.0, 1), simulate_us(2.0, 2)
    np.testing.assert_array_equal(healthy.clip.frames, again.clip.frames)
    assert (healthy.liver != other.liver).any()


def test_the_truth_is_json_and_complete(healthy: USPhantom) -> None:
    truth = json.loads(json.dumps(dict(healthy.truth)))
    assert truth["pdff_percent"] == 2.0
    assert truth["histology_percent"] == pytest.approx(2.0 / 5.4 * 5.0)
    assert truth["attenuation_db_cm_mhz"] == truth["acoustics"]["attenuation_db_cm_mhz"]
    assert (truth["frequency_mhz"], truth["dynamic_range_db"], truth["tgc_db_cm_mhz"]) == (3.5, 60.0, 0.6)
    assert healthy.clip.pixel_mm == tuple(truth["geometry"]["pixel_mm"])
    with pytest.raises(ValueError, match="0-100"):
        simulate_us(-1.0)
    with pytest.raises(ValueError, match="at least one frame"):
        simulate_us(1.0, frames=0)
    with pytest.raises(ValueError, match="positive"):
        USSettings(depth_cm=0.0)
