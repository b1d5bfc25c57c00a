from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Volume
from steatoscope.core.transforms import TransformRecord, apply, replay
from steatoscope.imaging.phantoms.ct import simulate_ct
from steatoscope.imaging.preprocess.ct import WINDOWS, body_mask, calibration, clip_scale, resample, window


def _ramp(shape: tuple[int, int, int] = (6, 40, 50), spacing: tuple[float, float, float] = (5.0, 1.0, 0.8)) -> Volume:
    """HU that rise linearly in patient space: linear interpolation must reproduce them anywhere."""
    affine = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    affine[:3, 3] = (-20.0, 15.0, 100.0)
    return Volume(_plane(affine, shape), Geometry(affine), "HU")


def _plane(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    k, i, j = np.indices(shape)
    x, y, z = (affine[:3, :3] @ np.stack([j, i, k]).reshape(3, -1) + affine[:3, 3:]).reshape(3, *shape)
    return np.asarray(2.0 * x - 3.0 * y + 0.5 * z, dtype=np.float32)


def test_window_is_linear_between_its_ends() -> None:
    level, width = WINDOWS["liver"]
    grey = window(np.array([-200.0, -45.0, 30.0, 105.0, 900.0]), level_hu=level, width_hu=width)
    np.testing.assert_array_equal(grey, [0, 0, 128, 255, 255])
    assert grey.dtype == np.uint8


def test_clip_scale_runs_from_zero_to_one() -> None:
    scaled = clip_scale(np.array([-1000.0, -100.0, 50.0, 200.0, 3000.0]), low_hu=-100.0, high_hu=200.0)
    np.testing.assert_allclose(scaled, [0.0, 0.0, 0.5, 1.0, 1.0])


@pytest.mark.parametrize("spacing", [(2.5, 1.0, 0.8), (5.0, 2.0, 1.6), (3.0, 1.5, 1.5)])
def test_resampling_keeps_every_value_at_its_place(spacing: tuple[float, float, float]) -> None:
    volume = _ramp()
    found, _ = resample(volume, spacing)
    assert found.geometry.spacing == pytest.approx(spacing)
    expected = _plane(found.geometry.affine, found.data.shape)
    # The outermost voxels may lie beyond the last old centre, where the nearest value is repeated.
    inner = (slice(1, -1), slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(found.data[inner], expected[inner], atol=1e-3)


def test_resampling_keeps_an_oblique_geometry_centred() -> None:
    turn = np.eye(4)
    turn[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    volume = Volume(_ramp().data, Geometry(turn @ _ramp().geometry.affine), "HU")
    found, _ = resample(volume, (2.5, 2.0, 1.6))
    centres = [(v.geometry.affine @ [*((np.array(v.data.shape[::-1]) - 1) / 2.0), 1.0])[:3] for v in (volume, found)]
    np.testing.assert_allclose(centres[0], centres[1], atol=1e-9)
    assert found.geometry.spacing == pytest.approx((2.5, 2.0, 1.6))


def test_records_survive_json_and_replay_to_the_same_array() -> None:
    volume = _ramp()
    small, first = resample(volume, (2.5, 2.0, 1.6))
    shown, second = apply("ct.window", small.data, level_hu=30.0, width_hu=150.0)
    stored = json.loads(json.dumps([[r.name, dict(r.parameters)] for r in (first, second)]))
    again = replay(volume.data, [TransformRecord(name, parameters) for name, parameters in stored])
    np.testing.assert_array_equal(again, shown)


def test_masks_resample_by_nearest_voxel() -> None:
    mask = np.zeros((4, 20, 20), dtype=np.uint8)
    mask[1:3, 5:15, 5:15] = 1
    fine, _ = apply("ct.resample", mask, spacing_mm=[4.0, 2.0, 2.0], new_spacing_mm=[2.0, 1.0, 1.0], order=0)
    assert set(np.unique(fine)) == {0, 1}
    assert fine.sum() == 8 * mask.sum()


def test_calibration_faults_are_named() -> None:
    phantom = simulate_ct(10.0, 1, slice_mm=20.0)
    good = calibration(phantom.volume)
    assert good.faults == ()
    off = calibration(Volume(phantom.volume.data + np.float32(60.0), phantom.volume.geometry, "HU"))
    assert len(off.faults) == 2
    assert off.faults[0].startswith("air has -940 HU")
    scaled = calibration(Volume(phantom.volume.data * np.float32(1.2), phantom.volume.geometry, "HU"))
    assert any("fat" in fault for fault in scaled.faults)


def test_calibration_without_air_or_fat_in_view_is_unknown() -> None:
    flat = Volume(np.full((2, 64, 64), 50.0, dtype=np.float32), Geometry.from_spacing((5.0, 1.0, 1.0)), "HU")
    found = calibration(flat)
    assert (found.air_hu, found.fat_hu, found.faults) == (None, None, ())
    assert body_mask(flat).all()


def test_body_leaves_out_the_table_and_keeps_the_lungs() -> None:
    phantom = simulate_ct(10.0, 1, slice_mm=20.0)
    body = body_mask(phantom.volume)
    lungs = phantom.masks["body"] & (phantom.volume.data < -700.0)
    assert lungs.any()
    assert body[lungs].mean() > 0.98
    table = ~phantom.masks["body"] & (phantom.volume.data > -400.0)
    assert body[table].mean() < 0.2
    empty = Volume(np.full((1, 40, 40), -1000.0, dtype=np.float32), Geometry.from_spacing((5.0, 1.0, 1.0)), "HU")
    assert not body_mask(empty).any()


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["Training", "Test1", "Validation3"])
def test_a_real_slice_is_calibrated(data_dir: Path, name: str) -> None:
    pydicom = pytest.importorskip("pydicom")
    header = pydicom.dcmread(data_dir / "ct" / "unenhanced_borderline" / f"{name}.dcm")
    row, column = (float(value) for value in header.PixelSpacing)
    geometry = Geometry.from_spacing((3.0, row, column))
    found = calibration(Volume(header.pixel_array[None].astype(np.float32), geometry, "HU"))
    assert found.air_hu == pytest.approx(-1005.0, abs=15.0)
    assert found.fat_hu == pytest.approx(-103.0, abs=8.0)
    assert found.faults == ()
