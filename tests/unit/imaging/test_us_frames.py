"""Which frames of a clip are kept, and colour."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_frames import coloured_share, select_frames
from steatoscope.imaging.preprocess.us_sector import Sector

MASK = np.zeros((60, 80), bool)
MASK[5:55, 10:70] = True
SECTOR = Sector(MASK, (40.0, -100.0), 105.0, 160.0, -0.3, 0.3, "curvilinear", 1.0)


def clip(frames, **facts):
    return Clip(np.stack(frames).astype(np.uint8), **facts)


def noise(count, seed=0):
    return list(np.random.default_rng(seed).integers(20, 120, (count, 60, 80)))


def test_frozen_copies_and_differences_outside_the_sector_are_dropped():
    one, two = noise(2)
    copy = one.copy()
    copy[0, 0] = 255
    choice = select_frames(clip([one, copy, one, two, two]), SECTOR)
    assert choice.indices.tolist() == [0, 3]
    assert choice.frozen.tolist() == [1, 2, 4]


def test_coloured_frames_are_left_out():
    choice = select_frames(clip(noise(3), coloured=np.array([0.0, 0.02, 0.004])), SECTOR)
    assert choice.indices.tolist() == [0, 2]
    assert choice.coloured.tolist() == [1]
    empty = select_frames(clip(noise(2), coloured=np.array([0.1, 0.02])), SECTOR)
    assert empty.indices.size == 0


@pytest.mark.parametrize(("time_ms", "step"), [(33.3, 4), (50.0, 2), (125.0, 1), (None, 1)])
def test_rate_is_thinned_to_between_five_and_ten_a_second(time_ms, step):
    choice = select_frames(clip(noise(12), frame_time_ms=time_ms), SECTOR, limit=12)
    assert choice.indices.tolist() == list(range(0, 12, step))
    if time_ms:
        assert 5 <= 1000 / (time_ms * step) <= 10


def test_odd_blurred_and_moving_frames_are_passed_over():
    base = noise(1)[0].astype(float)
    rng = np.random.default_rng(2)
    frames = [base + rng.normal(0, 3, base.shape) for _ in range(10)]
    frames[4] = np.full(base.shape, 70.0)
    choice = select_frames(clip(frames), SECTOR, limit=5)
    assert choice.indices.size == 5
    assert 4 not in choice.indices


def test_colour_share_counts_tissue_only():
    colour = np.full((60, 80, 3), 90, np.uint8)
    colour[:5, :, 0] = 255
    assert coloured_share(colour, SECTOR) == 0.0
    colour[5:10, 10:70, 2] = 200
    assert coloured_share(colour, SECTOR) == pytest.approx(0.1)
