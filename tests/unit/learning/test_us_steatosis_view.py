"""Canvas, channels, boxes and brightness features of the steatosis model against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_sector import Sector, polar_coordinates
from steatoscope.learning.inference.us_steatosis_boxes import (
    CELLS,
    FrameMaps,
    box_means,
    cell_places,
    centre_of_cell,
    frame_boxes,
    hepatorenal_index,
    index_quality,
    soft_mean,
)
from steatoscope.learning.inference.us_steatosis_deep import levelled, network_input, pooled
from steatoscope.learning.inference.us_steatosis_features import (
    halved,
    kidney_features,
    liver_features,
    polar,
    prepared,
    slope,
    view_features,
)
from steatoscope.learning.inference.us_steatosis_view import (
    APEX,
    COLUMNS,
    GRID,
    RADIUS,
    ROWS,
    localiser_channels,
    on_canvas,
    shrunk,
)

R, A = polar_coordinates((ROWS, COLUMNS), APEX)
INSIDE = (R > 4) & (R < RADIUS) & (np.abs(A) < 0.916)
SECTOR = Sector(INSIDE, APEX, 4.0, RADIUS, -0.916, 0.916, "sector", 0.9)


def speckled(seed=0, slope_per_radius=0.0):
    noise = np.random.default_rng(seed).normal(0.0, 10.0, (ROWS, COLUMNS))
    return np.where(INSIDE, 100.0 + noise + slope_per_radius * (R - 180.0) / RADIUS, 0.0)


def heat(row, column):
    found = np.zeros(CELLS, np.float32)
    found[row, column] = 1.0
    return found


MAPS = FrameMaps(heat(30, 55), heat(36, 40), 0.9)


def test_the_training_scanners_picture_is_not_resampled():
    frames = np.random.default_rng(0).integers(1, 255, (2, ROWS, COLUMNS)).astype(np.uint8)
    view = on_canvas(frames, SECTOR, INSIDE)
    assert (view.scale, view.shift) == (1.0, (0.0, 0.0))
    assert np.array_equal(view.frames[1][INSIDE], frames[1][INSIDE])
    assert not view.frames[:, ~INSIDE].any()


def test_another_picture_is_placed_by_apex_and_radius_and_boxes_come_back():
    shape = (900, 1300)
    apex, radius = (640.0, 30.0), 2.0 * RADIUS
    r, a = polar_coordinates(shape, apex)
    mask = (r < radius) & (np.abs(a) < 0.916)
    view = on_canvas(
        mask[None].astype(np.uint8) * 200, replace(SECTOR, mask=mask, apex=apex, outer_radius=radius), mask
    )
    assert view.scale == pytest.approx(0.5)
    assert view.scale * apex[0] + view.shift[0] == pytest.approx(APEX[0])
    x0, y0, x1, y1 = view.to_picture((APEX[0], APEX[1], APEX[0] + 28, APEX[1] + 28))
    assert (x0, y0, x1 - x0, y1 - y0) == pytest.approx((*apex, 56.0, 56.0))
    assert (view.tissue & INSIDE).sum() / INSIDE.sum() > 0.97
    back = view.map_to_picture(INSIDE.astype(np.float32), shape)
    assert (back[mask] > 0.5).mean() > 0.97


def test_a_curved_probe_is_placed_by_its_box():
    mask = np.zeros((500, 700), bool)
    mask[100:300, 100:500] = True
    view = on_canvas(mask[None].astype(np.uint8) * 90, replace(SECTOR, mask=mask, kind="curvilinear"), mask)
    rows, columns = np.nonzero(view.tissue)
    assert rows.min() == pytest.approx(APEX[1], abs=2)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(APEX[0], abs=2)
    assert columns.max() < COLUMNS


def test_channels_do_not_know_gain_and_do_not_see_outside():
    grey, inside = shrunk(speckled()), shrunk(INSIDE)
    channels = localiser_channels(grey, inside)
    assert channels.shape == (4, *GRID)
    louder = localiser_channels(np.where(inside > 0.5, grey + 20.0, grey).astype(np.float32), inside)
    assert np.allclose(louder[0], channels[0], atol=1e-4)
    assert np.median(np.abs(louder[1] - channels[1])[inside > 0.5]) < 0.01
    assert not channels[:2, inside <= 0.5].any()


def test_levelling_undoes_any_tilt_in_depth():
    plain, tilted = speckled(), speckled() + np.where(INSIDE, 0.2 * R, 0.0)
    one, other = levelled(plain, INSIDE, R), levelled(tilted, INSIDE, R)
    gap = (one - other)[INSIDE]
    assert np.ptp(gap) < 1e-9
    assert abs(slope(R[INSIDE], one[INSIDE])) < 1e-9


def test_level_features_hold_under_tilt_where_plain_ones_move():
    frames = [prepared(image, INSIDE) for image in (speckled(), speckled() + np.where(INSIDE, 0.1 * (R - 180), 0.0))]
    found = [view_features(f) | liver_features(f, MAPS) | kidney_features(f, MAPS) for f in frames]
    for name in found[0]:
        if name.startswith("level") and name != "level_bend":
            assert found[0][name] == pytest.approx(found[1][name], abs=0.05), name
    rise = found[1]["plain_slope_all"] - found[0]["plain_slope_all"]
    assert rise == pytest.approx(0.1 * RADIUS, rel=0.01)
    deepest = [one["plain_band_80_98"] - one["plain_band_06_14"] for one in found]
    assert deepest[1] - deepest[0] > 20


def test_gain_moves_no_feature():
    frames = [prepared(np.where(INSIDE, image, 0.0), INSIDE) for image in (speckled(), speckled() + 15.0)]
    found = [view_features(f) | liver_features(f, MAPS) | kidney_features(f, MAPS) for f in frames]
    assert {name: pytest.approx(value, abs=1e-6) for name, value in found[0].items()} == found[1]


def test_liver_against_cortex_is_the_grey_difference_of_the_boxes():
    image = speckled()
    x, y = centre_of_cell(40, 36)
    image[int(y) - 30 : int(y) + 31, int(x) - 30 : int(x) + 31] -= 40.0
    found = kidney_features(prepared(image, INSIDE), MAPS)
    assert found["plain_difference"] == pytest.approx(40.0, abs=2.0)
    assert found["plain_kidney_ring"] < -25


def test_halving_takes_means_of_tissue_only():
    image, tissue = np.full((ROWS, COLUMNS), 7.0), np.ones((ROWS, COLUMNS), bool)
    tissue[0, 0], image[0, 0] = False, 1000.0
    small, inside = halved(image, tissue)
    assert np.allclose(small, 7.0)
    assert inside.all()
    radius, angle = polar(2)
    assert radius.shape == small.shape == angle.shape
    assert radius[100, 150] == pytest.approx(R[200:202, 300:302].mean(), abs=0.01)


def test_box_means_and_soft_means():
    image = np.where(INSIDE, np.indices((ROWS, COLUMNS))[1].astype(float), 0.0)
    values, share = box_means(*halved(image, INSIDE))
    assert values[30, 50] == pytest.approx(centre_of_cell(50, 30)[0], abs=1.5)
    assert share[30, 50] == pytest.approx(1.0)
    assert soft_mean(values, share, heat(30, 50)) == pytest.approx(values[30, 50])
    assert np.isnan(soft_mean(values, share, heat(0, 0)))


def test_boxes_follow_the_maps_and_quality_falls_when_they_wander():
    steady = frame_boxes([MAPS, MAPS])
    assert steady[0].liver == pytest.approx(
        (*np.subtract(centre_of_cell(55, 30), 14), *np.add(centre_of_cell(55, 30), 14))
    )
    assert steady[0].kidney_focus == pytest.approx(1.0)
    frames = np.where(INSIDE, 100, 0).astype(np.uint8)[None].repeat(2, axis=0)
    good = index_quality(steady, [0.9, 0.9], frames, INSIDE)
    assert good == pytest.approx(0.9)
    far = [steady[0], replace(steady[1], kidney=tuple(v + 60 for v in steady[1].kidney))]
    assert index_quality(far, [0.9, 0.9], frames, INSIDE) < 0.5 * good
    assert index_quality(steady, [0.9, 0.9], np.zeros_like(frames), INSIDE) == 0.0


def test_index_is_the_ratio_and_unknown_where_the_cortex_is_black():
    assert hepatorenal_index(90.0, 60.0) == pytest.approx(1.5)
    assert np.isnan(hepatorenal_index(90.0, 0.0))
    assert np.isnan(hepatorenal_index(90.0, float("nan")))


def test_network_input_is_standard_and_pooling_is_a_weighted_mean():
    shown = network_input(speckled() * 1.7 + 9.0, INSIDE) * 128.0 + 127.0
    cut = INSIDE[1:433, 6:630]
    assert shown[cut].mean() == pytest.approx(90.0, abs=0.5)
    assert shown[cut].std() == pytest.approx(32.0, abs=0.7)
    assert np.allclose(shown[~cut], 0.0, atol=1e-4)
    maps = np.random.default_rng(1).normal(size=(5, 27, 39)).astype(np.float32)
    assert np.allclose(pooled(maps, np.ones(CELLS, np.float32)), maps.mean(axis=(1, 2)), atol=1e-5)
    maps[0] = 3.0
    assert pooled(maps, heat(20, 20))[0] == pytest.approx(3.0)


def test_cells_lie_on_the_canvas():
    radius, angle = cell_places()
    x, y = centre_of_cell(10, 20)
    assert radius[20, 10] == pytest.approx(np.hypot(x - APEX[0], y - APEX[1]))
    assert angle[20, 10] == pytest.approx(np.arctan2(x - APEX[0], y - APEX[1]))
    assert Clip(np.zeros((1, ROWS, COLUMNS), np.uint8)).frames.shape[1:] == (ROWS, COLUMNS)
