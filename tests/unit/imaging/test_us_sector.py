"""Sector detection on drawn sectors with known geometry and on the real sets."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_sector import find_sector, polar_coordinates

SHAPE = (480, 640)


def draw(apex=(320.0, 20.0), inner=60.0, outer=420.0, half=0.6, shape=SHAPE, seed=0, grey=90.0):
    radius, angle = polar_coordinates(shape, apex)
    inside = (radius >= inner) & (radius <= outer) & (np.abs(angle) <= half)
    speckle = np.random.default_rng(seed).rayleigh(grey / 1.25, shape)
    picture = np.where(inside, np.clip(speckle, 12, 255), 0.0).astype(np.uint8)
    return picture, inside


def iou(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


def decorated(picture):
    drawn = picture.copy()
    cv2.putText(drawn, "65 HR", (560, 450), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
    cv2.polylines(drawn, [np.array([[5, 440], [40, 440], [45, 400], [50, 460], [120, 440]], np.int32)], False, 230, 1)
    drawn[20:120, 610:628] = np.linspace(255, 0, 100, dtype=np.uint8)[:, None]
    return drawn


@pytest.mark.parametrize(
    ("apex", "inner", "outer", "half"),
    [
        ((320.0, 20.0), 60.0, 420.0, 0.6),
        ((300.0, -60.0), 130.0, 500.0, 0.5),
        ((318.0, 5.0), 4.0, 360.0, 0.916),
        ((350.0, 30.0), 90.0, 400.0, 0.45),
    ],
)
def test_recovers_the_drawn_geometry(apex, inner, outer, half):
    picture, inside = draw(apex, inner, outer, half)
    sector = find_sector(Clip(decorated(picture)[None]))
    assert sector is not None
    assert iou(sector.mask, inside) > 0.95
    assert sector.apex == pytest.approx(apex, abs=4.0)
    assert sector.angle_left == pytest.approx(-half, abs=0.015)
    assert sector.angle_right == pytest.approx(half, abs=0.015)
    assert sector.outer_radius == pytest.approx(outer, abs=5.0)
    assert sector.kind == ("sector" if inner < 0.12 * outer else "curvilinear")


def test_text_trace_and_grey_bar_stay_outside():
    picture, inside = draw()
    sector = find_sector(Clip(decorated(picture)[None]))
    assert sector is not None
    assert not (sector.mask & ~inside & (decorated(picture) > 0)).any()


def test_an_edge_in_the_dark_is_found_from_its_twin():
    picture, inside = draw()
    _, angle = polar_coordinates(SHAPE, (320.0, 20.0))
    radius, _ = polar_coordinates(SHAPE, (320.0, 20.0))
    picture[(angle > 0.2) & (radius > 110)] = 0
    sector = find_sector(Clip(picture[None]))
    assert sector is not None
    assert iou(sector.mask, inside) > 0.9


def test_a_display_background_of_grey_is_left_out():
    picture, inside = draw(grey=120.0)
    hand = cv2.dilate(inside.astype(np.uint8), np.ones((19, 19), np.uint8)) > 0
    picture = np.where(hand & ~inside, 24, np.where(inside, np.maximum(picture, 30), 0)).astype(np.uint8)
    sector = find_sector(Clip(picture[None]))
    assert sector is not None
    assert iou(sector.mask, inside) > 0.93


def test_linear_probe_and_scale():
    picture = np.zeros(SHAPE, np.uint8)
    picture[40:400, 150:500] = np.clip(np.random.default_rng(1).rayleigh(70, (360, 350)), 12, 255)
    sector = find_sector(Clip(picture[None]))
    assert sector is not None
    assert sector.kind == "linear"
    assert iou(sector.mask, picture > 0) > 0.97
    large, inside = draw(apex=(640.0, 40.0), inner=120.0, outer=840.0, shape=(960, 1280))
    found = find_sector(Clip(large[None]))
    assert found is not None
    assert found.mask.shape == (960, 1280)
    assert iou(found.mask, inside) > 0.95
    assert found.outer_radius == pytest.approx(840.0, abs=8.0)


def test_nothing_to_see_and_text_pages_give_none():
    assert find_sector(Clip(np.zeros((1, *SHAPE), np.uint8))) is None
    page = np.full(SHAPE, 255, np.uint8)
    for line in range(20, 470, 22):
        cv2.putText(page, "the quick brown fox jumps over the lazy dog", (10, line), 0, 0.6, 0, 1)
    assert find_sector(Clip(page[None])) is None


def test_same_pixels_same_sector():
    picture, _ = draw(seed=3)
    one, two = find_sector(Clip(picture[None])), find_sector(Clip(picture[None]))
    assert one is not None
    assert two is not None
    assert one.apex == two.apex
    assert (one.mask == two.mask).all()


def read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


@pytest.mark.realdata
def test_found_on_single_frames_of_byra(data_dir):
    for folder in sorted((data_dir / "us" / "byra2018").glob("patient_*")):
        sector = find_sector(Clip(read(sorted(folder.glob("*.png"))[0])[None]))
        assert sector is not None, folder.name
        assert sector.apex == pytest.approx((317.5, 7.25), abs=2.0)
        assert sector.outer_radius == pytest.approx(360.0, abs=3.0)
        assert not sector.mask[10:110, 605:].any()


@pytest.mark.realdata
def test_matches_the_outlines_of_aul(data_dir):
    folder = data_dir / "us" / "aul"
    notes = json.loads((folder / "annotations.json").read_text())
    good = []
    for name in sorted(notes)[::9]:
        image = read(folder / "images" / f"{name}.jpg")
        drawn = np.zeros(image.shape, np.uint8)
        cv2.fillPoly(drawn, [np.round(np.array(notes[name]["outline"])).astype(np.int32)], 1)
        sector = find_sector(Clip(image[None]))
        good.append(sector is not None and iou(sector.mask, drawn > 0) >= 0.9)
    assert np.mean(good) >= 0.95
