"""Words and callipers over tissue of any brightness are found; speckle, vessels and traces are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.preprocess.us_clean import marks_mask
from steatoscope.imaging.preprocess.us_sector import Sector, find_sector, polar_coordinates
from steatoscope.imaging.preprocess.us_words import burned_marks

SHAPE = (400, 500)
RADIUS, ANGLE = polar_coordinates(SHAPE, (250.0, -30.0))
MASK = (RADIUS > 60) & (RADIUS < 380) & (np.abs(ANGLE) < 0.6)
SECTOR = Sector(MASK, (250.0, -30.0), 60.0, 380.0, -0.6, 0.6, "curvilinear", 1.0)


def tissue(seed=0, grey=100.0):
    """Speckle two pixels wide, log-compressed to a spread of about 20 grey levels."""
    draw = np.random.default_rng(seed).normal(size=(2, *SHAPE))
    envelope = np.hypot(*(cv2.GaussianBlur(part, (0, 0), 1.5) for part in draw))
    levels = grey + 20.0 * np.log(envelope / np.median(envelope))
    return np.where(MASK, np.clip(levels, 0, 255), 0).astype(np.uint8)


def written(frame, words, place, grey=255, size=0.5):
    ink = np.zeros(SHAPE, np.uint8)
    cv2.putText(ink, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1, cv2.LINE_AA)
    return np.round(frame * (1 - ink / 255.0) + grey * (ink / 255.0)).astype(np.uint8), ink > 128


def crossed(frame, centre, arm, *, slanted):
    x, y = centre
    u, v = (arm, arm) if slanted else (arm, 0)
    out = cv2.line(frame.copy(), (x - u, y - v), (x + u, y + v), 255, 1)
    return cv2.line(out, (x - v, y + u), (x + v, y - u), 255, 1)


@pytest.mark.parametrize("grey", [30.0, 100.0, 150.0])
def test_speckle_of_any_brightness_holds_no_marks(grey):
    found = burned_marks(tissue(1, grey)[None], SECTOR)
    assert not found
    assert not found.ink.any()


@pytest.mark.parametrize("grey", [30.0, 100.0, 150.0])
def test_a_word_is_found_where_it_stands(grey):
    frame, ink = written(tissue(2, grey), "LIVER", (220, 200))
    found = burned_marks(frame[None], SECTOR)
    (box,) = found.words
    rows, columns = np.nonzero(ink)
    assert box[0] == pytest.approx(columns.min(), abs=3)
    assert box[2] == pytest.approx(columns.max() + 1, abs=3)
    assert box[1] == pytest.approx(rows.min(), abs=3)
    assert box[3] == pytest.approx(rows.max() + 1, abs=3)
    assert found.ink[ink].mean() > 0.7


def test_words_over_bright_tissue_are_found_where_the_measuring_mask_misses_them():
    frame, ink = written(tissue(3, 120.0), "RT LOBE", (220, 200))
    assert marks_mask(frame[None], SECTOR)[ink].mean() < 0.1
    assert burned_marks(frame[None], SECTOR)


@pytest.mark.parametrize("slanted", [False, True])
@pytest.mark.parametrize("arm", [4, 6, 9])
def test_one_calliper_is_found(arm, slanted):
    found = burned_marks(crossed(tissue(4), (230, 220), arm, slanted=slanted)[None], SECTOR)
    assert found.crosses == ((230 - arm, 220 - arm, 231 + arm, 221 + arm),)


def test_one_bar_ring_or_letter_alone_is_no_mark():
    bar = tissue(5)
    bar[200:203, 220:250] = 255
    ring = cv2.circle(tissue(5), (250, 220), 8, 255, 1)
    letter, _ink = written(tissue(5), "T", (240, 220))
    for frame in (bar, ring, letter):
        assert not burned_marks(frame[None], SECTOR)


def test_soft_bright_dots_in_a_row_are_tissue():
    frame = tissue(6, 60.0).astype(np.float64)
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    for column in range(200, 300, 16):
        frame += 160.0 * np.exp(-((x - column) ** 2 + (y - 210) ** 2) / (2 * 3.0**2))
    assert not burned_marks(np.clip(frame, 0, 255).astype(np.uint8)[None], SECTOR)


def test_what_is_not_in_every_frame_is_no_mark():
    frame, _ink = written(tissue(7), "LIVER", (220, 200))
    assert burned_marks(np.stack([frame, frame]), SECTOR)
    assert not burned_marks(np.stack([frame, tissue(8)]), SECTOR)


def test_words_outside_the_sector_do_not_count():
    frame, _ink = written(tissue(9), "GE 12:34", (5, 20))
    assert not burned_marks(frame[None], SECTOR)


def test_a_simulated_scan_is_clean_until_something_is_written_on_it():
    clip = simulate_us(20.0, seed=3).clip
    sector = find_sector(clip)
    assert sector is not None
    assert not burned_marks(clip.frames, sector)
    rows, columns = np.nonzero(sector.mask)
    place = (int(columns.mean()) - 40, int(rows.mean()))
    marked = np.stack(
        [cv2.putText(frame.copy(), "LIVER RT", place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1) for frame in clip.frames]
    )
    assert burned_marks(marked, sector).words


@pytest.mark.realdata
def test_real_pictures_without_words_are_clean_and_a_pictogram_is_told(data_dir):
    from steatoscope.core.image import Clip

    def found(path):
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        sector = find_sector(Clip(grey[None]))
        return burned_marks(grey[None], sector)

    assert not found(data_dir / "us" / "byra2018" / "patient_10" / "frame_01.png")
    assert found(data_dir / "us" / "aul" / "images" / "malignant_228.jpg").words
