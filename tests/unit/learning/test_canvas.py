"""The canvas keeps aspect, and masks and boxes come back where they were."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.learning.inference.canvas import Placement, bounding_box, standardised
from steatoscope.learning.inference.prepare import ct_grey, network_input, prepare_ct, prepare_mr, prepare_us


@pytest.mark.parametrize("size", [(434, 636), (100, 300), (96, 128), (700, 200)])
def test_a_smooth_disc_comes_back_exactly(size: tuple[int, int]) -> None:
    rows, columns = np.indices(size)
    disc = np.hypot(rows - 0.5 * size[0], columns - 0.45 * size[1]) < 0.3 * min(size)
    placement = Placement.fitting(size, (5, 4, size[1] - 7, size[0] - 3), (192, 256))
    back = placement.from_canvas(placement.to_canvas(disc)[None])[0] > 0.5
    overlap = 2.0 * (back & disc).sum() / (back.sum() + disc.sum())
    assert overlap > 0.985


def test_boxes_return_to_the_picture() -> None:
    placement = Placement.fitting((400, 600), (100, 50, 500, 350), (192, 256))
    assert placement.scale == pytest.approx((0.64, 0.64))
    corners = np.array([placement.target], dtype=np.float64)
    np.testing.assert_allclose(placement.box_from_canvas(corners), [[100, 50, 500, 350]])


def test_an_empty_box_is_refused() -> None:
    with pytest.raises(ValueError, match="no pixel"):
        Placement.fitting((10, 10), (3, 3, 3, 8), (32, 32))


def test_bounding_box_ends_are_excluded() -> None:
    mask = np.zeros((10, 12), dtype=np.bool_)
    mask[2:5, 3:9] = True
    assert bounding_box(mask) == (3, 2, 9, 5)


def test_gain_does_not_reach_the_network() -> None:
    rng = np.random.default_rng(0)
    inside = np.ones((40, 40), dtype=np.bool_)
    grey = rng.uniform(60.0, 180.0, (40, 40))
    np.testing.assert_allclose(standardised(grey + 20.0, inside), standardised(grey, inside), atol=1e-4)


def test_hu_keep_their_scale_and_fat_livers_stay_visible() -> None:
    hu = np.array([[-1000.0, -150.0, -20.0, 50.0, 250.0, 900.0]])
    np.testing.assert_allclose(ct_grey(hu)[0], [0.0, 0.0, 82.875, 127.5, 255.0, 255.0])
    body = np.full((64, 64), -1000.0)
    body[10:50, 8:56] = 40.0
    prepared = prepare_ct(body)
    assert prepared.placement.box == (8, 10, 56, 50)
    assert network_input(prepared, "ct").max() == pytest.approx((121.125 - 110.0) / 60.0, abs=1e-3)


def test_mr_units_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    signal = rng.gamma(2.0, 20.0, (64, 64))
    one, other = (network_input(prepare_mr(signal * k), "mr") for k in (1.0, 3000.0))
    np.testing.assert_allclose(one, other, atol=1e-3)


def test_ultrasound_outside_the_sector_is_not_seen() -> None:
    frame = np.full((200, 300), 90, dtype=np.uint8)
    tissue = np.zeros((200, 300), dtype=np.bool_)
    tissue[20:180, 50:250] = True
    other = np.where(tissue, frame, 255).astype(np.uint8)
    np.testing.assert_array_equal(
        network_input(prepare_us(frame, tissue), "us"), network_input(prepare_us(other, tissue), "us")
    )
