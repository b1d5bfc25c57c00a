"""Burned-in marks are masked, tissue is not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from steatoscope.imaging.preprocess.us_clean import display_copy, marks_mask, tissue_mask
from steatoscope.imaging.preprocess.us_sector import Sector, polar_coordinates

SHAPE = (400, 500)
RADIUS, ANGLE = polar_coordinates(SHAPE, (250.0, -30.0))
MASK = (RADIUS > 60) & (RADIUS < 380) & (np.abs(ANGLE) < 0.6)
SECTOR = Sector(MASK, (250.0, -30.0), 60.0, 380.0, -0.6, 0.6, "curvilinear", 1.0)


def tissue(seed=0, grey=35.0):
    speckle = np.random.default_rng(seed).rayleigh(grey / 1.25, SHAPE)
    return np.where(MASK, np.clip(cv2.GaussianBlur(speckle, (0, 0), 1.0), 0, 255), 0).astype(np.uint8)


def test_clean_tissue_has_no_marks():
    assert not marks_mask(tissue()[None], SECTOR).any()
    assert not marks_mask(tissue(grey=150.0)[None], SECTOR).any()


def test_text_inside_the_sector_is_masked():
    frame = tissue()
    drawn = np.zeros(SHAPE, np.uint8)
    cv2.putText(drawn, "LIVER 7", (220, 200), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 2)
    marks = marks_mask(np.where(drawn > 0, drawn, frame)[None].astype(np.uint8), SECTOR)
    assert marks[drawn > 0].mean() > 0.95
    assert marks.sum() < 6 * (drawn > 0).sum()


def test_a_trace_that_enters_the_sector_is_masked():
    frame = tissue()
    drawn = np.zeros(SHAPE, np.uint8)
    cv2.polylines(drawn, [np.array([[20, 300], [90, 180], [150, 210], [180, 390]], np.int32)], False, 230, 2)
    marks = marks_mask(np.maximum(frame, drawn)[None], SECTOR)
    assert marks[(drawn > 0) & MASK].mean() > 0.8


def test_tissue_is_the_sector_without_marks_and_display_fills_them():
    frame = tissue()
    frame[100:300, 249:251] = 250
    marks = marks_mask(frame[None], SECTOR)
    assert (tissue_mask(frame[None], SECTOR) == (MASK & ~marks)).all()
    assert marks[120:280, 250].mean() > 0.9
    shown = display_copy(frame, SECTOR, marks)
    assert shown[120:280, 250].mean() < 100
    assert (shown[~MASK] == 0).all()


@pytest.mark.realdata
def test_the_respiration_trace_of_a_real_frame_is_masked_and_few_others(data_dir):
    from steatoscope.core.image import Clip
    from steatoscope.imaging.preprocess.us_sector import find_sector

    counts = {}
    for number in (1, 10, 18, 33, 48):
        name = data_dir / "us" / "byra2018" / f"patient_{number:02d}" / "frame_01.png"
        frames = np.asarray(cv2.imread(str(name), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)[None]
        sector = find_sector(Clip(frames))
        assert sector is not None
        counts[number] = int(marks_mask(frames, sector).sum())
    assert counts[10] > 400
    assert counts[48] > 400
    assert counts[1] == counts[18] == counts[33] == 0
