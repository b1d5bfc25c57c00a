"""Depth slope and attenuation against drawn slopes, the closed form, and phantoms."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from us_pictures import HALF, PIXEL_MM, PX_PER_CM, drawn_sector, sloped, true_sector

from steatoscope.core.image import Clip
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.phantoms.us_acoustics import USSettings
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.science.quantify.us_attenuation import (
    MachineSettings,
    attenuation_coefficient,
    depth_slope,
    measure_attenuation,
)

MACHINE = MachineSettings(frequency_mhz=3.5, dynamic_range_db=60.0, tgc_db_cm_mhz=0.6)


def test_inverse_of_the_echo_equation() -> None:
    # f 3.5, alpha 0.80, alpha_tgc 0.60, DR 60: -1.40 dB/cm = -5.95 grey/cm.
    assert attenuation_coefficient(-5.95, MACHINE) == pytest.approx(0.80, abs=1e-9)
    assert attenuation_coefficient(0.0, MACHINE) == pytest.approx(0.60)


@pytest.mark.parametrize("slope", [-0.3, -0.1, 0.0, 0.12])
def test_drawn_slopes_are_read_exactly(slope: float) -> None:
    found = depth_slope(sloped(slope), drawn_sector(), drawn_sector().mask)
    assert found is not None
    assert found.grey_per_px == pytest.approx(slope, abs=2e-3)
    assert found.quality == "ok"


def test_drawn_slopes_are_read_through_speckle_within_their_interval() -> None:
    inside = 0
    for seed in range(12):
        found = depth_slope(sloped(-0.2, speckle=1.0, seed=seed), drawn_sector(), drawn_sector().mask)
        assert found is not None
        assert found.grey_per_px == pytest.approx(-0.2, abs=0.02)
        inside += abs(found.grey_per_px + 0.2) <= found.half_width()
    assert inside >= 9


def test_vessels_lines_and_shadows_do_not_count() -> None:
    picture = sloped(-0.2, speckle=0.5)
    for centre in ((230, 150), (330, 190), (380, 140), (290, 250)):
        cv2.circle(picture, centre, 13, 4, -1)
    cv2.line(picture, (180, 230), (420, 245), 255, 5)
    sector = drawn_sector()
    _, angle = sector.polar()
    shadowed = np.where(sector.mask & (angle > 0.55 * HALF), np.maximum(picture.astype(int) - 35, 0), picture)
    found = depth_slope(shadowed.astype(np.uint8), sector, sector.mask)
    assert found is not None
    assert found.grey_per_px == pytest.approx(-0.2, abs=0.02)


def test_black_and_white_depths_are_left_out() -> None:
    steep = sloped(-0.9, top=200.0, speckle=0.3)
    found = depth_slope(steep, drawn_sector(), drawn_sector().mask)
    assert found is not None
    assert found.grey_per_px == pytest.approx(-0.9, abs=0.03)
    assert found.reach_px[1] < 230


def test_the_unit_says_what_is_known() -> None:
    frames, sector = sloped(-0.2)[None], drawn_sector()
    plain = measure_attenuation(frames, sector, sector.mask, None)
    scaled = measure_attenuation(frames, sector, sector.mask, PIXEL_MM)
    known = measure_attenuation(frames, sector, sector.mask, PIXEL_MM, MACHINE)
    unscaled = measure_attenuation(frames, sector, sector.mask, None, MACHINE)
    assert (plain.name, plain.unit) == ("attenuation_slope", "grey/px")
    assert (scaled.name, scaled.unit) == ("attenuation_slope", "grey/cm")
    assert (known.name, known.unit) == ("attenuation_coefficient", "dB/cm/MHz")
    assert (unscaled.name, unscaled.unit) == ("attenuation_slope", "grey/px")
    assert plain.value is not None
    assert scaled.value == pytest.approx(plain.value * PX_PER_CM)
    assert known.value == pytest.approx(0.6 + 0.2 * PX_PER_CM * 60.0 / 255.0 / 7.0, abs=0.01)
    assert known.interval is not None
    assert known.interval.low < known.value < known.interval.high


def test_too_little_tissue_gives_no_value() -> None:
    sector = drawn_sector()
    speck = np.zeros_like(sector.mask)
    speck[150:170, 290:310] = True
    assert depth_slope(sloped(-0.2), sector, speck) is None
    found = measure_attenuation(sloped(-0.2)[None], sector, speck, None)
    assert found.value is None
    assert found.quality == "poor"
    black = measure_attenuation(np.zeros((1, *sector.mask.shape), np.uint8), sector, sector.mask, None)
    assert black.value is None


@pytest.mark.parametrize("probe", ["curvilinear", "sector"])
@pytest.mark.parametrize("view", ["AR", "HR"])
def test_recovers_the_attenuation_of_phantoms_in_the_liver(probe: str, view: str) -> None:
    errors = []
    for seed in range(4):
        for pdff in (2.0, 15.0, 30.0):
            phantom = simulate_us(pdff, seed, view=view, probe=probe)  # type: ignore[arg-type]
            found = measure_attenuation(
                phantom.clip.frames, true_sector(phantom), phantom.liver, phantom.clip.pixel_mm, MACHINE
            )
            assert found.value is not None
            errors.append(found.value / phantom.truth["attenuation_db_cm_mhz"] - 1.0)
    assert np.max(np.abs(errors)) < 0.10
    assert abs(np.mean(errors)) < 0.03


@pytest.mark.parametrize("view", ["AR", "HR"])
def test_recovers_it_without_an_outline(view: str) -> None:
    for seed in range(4):
        phantom = simulate_us(12.0, 10 + seed, view=view)  # type: ignore[arg-type]
        sector = find_sector(phantom.clip)
        assert sector is not None
        found = measure_attenuation(phantom.clip.frames, sector, sector.mask, phantom.clip.pixel_mm, MACHINE)
        assert found.value == pytest.approx(phantom.truth["attenuation_db_cm_mhz"], rel=0.10)


@pytest.mark.parametrize(
    "settings",
    [
        USSettings(frequency_mhz=2.5, dynamic_range_db=70.0, tgc_db_cm_mhz=0.5),
        USSettings(frequency_mhz=4.5, dynamic_range_db=60.0, tgc_db_cm_mhz=0.75, gain_db=-25.0),
        USSettings(dynamic_range_db=50.0, gain_db=-26.0, depth_cm=18.0),
    ],
)
def test_recovers_it_at_other_settings(settings: USSettings) -> None:
    machine = MachineSettings(settings.frequency_mhz, settings.dynamic_range_db, settings.tgc_db_cm_mhz)
    for seed in range(3):
        phantom = simulate_us(10.0, seed, view="AR", settings=settings)
        found = measure_attenuation(
            phantom.clip.frames, true_sector(phantom), phantom.liver, phantom.clip.pixel_mm, machine
        )
        assert found.value == pytest.approx(phantom.truth["attenuation_db_cm_mhz"], rel=0.10)


def test_liver_behind_a_vessel_is_not_mistaken_for_less_attenuation() -> None:
    sector = drawn_sector()
    radius, _ = sector.polar()
    grey = np.where(sector.mask, 160.0 - 0.25 * radius, 0.0)
    # An oblique vessel whose blood loses 0.25 grey/px less; behind it everything is brighter by that.
    y, x = np.indices(sector.mask.shape)
    start = 120.0 + 0.25 * np.abs(x - 300)
    crossed = np.clip(y - start, 0.0, 30.0)
    noise = np.random.default_rng(0).normal(0.0, 8.0, grey.shape)
    picture = np.where((crossed > 0) & (crossed < 30.0), 15.0, grey + 0.9 * crossed + noise)
    picture = np.where(sector.mask, np.clip(picture, 0, 255), 0).astype(np.uint8)
    found = depth_slope(picture, sector, sector.mask)
    assert found is not None
    assert found.grey_per_px == pytest.approx(-0.25, abs=0.02)


@pytest.mark.realdata
def test_grey_falls_faster_in_fatty_livers(data_dir: Path) -> None:
    root = data_dir / "us" / "byra2018"
    steep: dict[bool, list[float]] = {True: [], False: []}
    sector = None
    for row in csv.DictReader((root / "labels.csv").read_text(encoding="utf-8").splitlines()):
        path = root / f"patient_{int(row['patient_id']):02d}" / "frame_01.png"
        frame = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
        sector = sector or find_sector(Clip(frame[None]))
        assert sector is not None
        found = depth_slope(frame, sector, sector.mask)
        assert found is not None
        steep[float(row["fat_percent"]) >= 5.0].append(-found.grey_per_px)
    fatty, lean = np.array(steep[True]), np.array(steep[False])
    # 0.895 for the whole-sector slope in the us-fat reference: a cue of this scanner's preset.
    assert float((fatty[:, None] > lean[None]).mean()) > 0.85
