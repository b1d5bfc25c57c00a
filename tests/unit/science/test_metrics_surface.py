"""Surface distances: closed forms, a brute-force twin, and a published score of a real pair of masks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.distance import cdist

from steatoscope.science.metrics.overlap import overlap
from steatoscope.science.metrics.surface import surface, surface_distances

SPACING = (3.0, 0.7, 0.9)


def _box(shape: tuple[int, ...], *sides: slice) -> NDArray[np.bool_]:
    mask = np.zeros(shape, dtype=bool)
    mask[sides] = True
    return mask


def test_equal_masks_lie_on_each_other() -> None:
    cube = _box((8, 8, 8), slice(2, 6), slice(2, 6), slice(2, 6))
    found = surface_distances(cube, cube, SPACING)
    assert (found.assd, found.mssd, found.hd95) == (0.0, 0.0, 0.0)


def test_single_voxels_apart() -> None:
    one, other = np.zeros((5, 5, 5), dtype=bool), np.zeros((5, 5, 5), dtype=bool)
    one[1, 1, 1], other[2, 3, 1] = True, True
    expected = math.hypot(3.0, 2 * 0.7)
    found = surface_distances(one, other, SPACING)
    assert (found.assd, found.mssd, found.hd95) == pytest.approx((expected, expected, expected))


def test_agrees_with_all_pairs_of_points() -> None:
    rng = np.random.default_rng(0)
    one, other = (
        np.logical_or.accumulate(rng.random((6, 12, 11)) < 0.02, axis=axis) & (rng.random((6, 12, 11)) < 0.8)
        for axis in (1, 2)
    )
    points = [np.argwhere(surface(mask)) * SPACING for mask in (one, other)]
    gaps = cdist(*points)
    there, back = gaps.min(axis=1), gaps.min(axis=0)
    found = surface_distances(one, other, SPACING)
    assert found.assd == pytest.approx(np.concatenate([there, back]).mean())
    assert found.mssd == pytest.approx(max(there.max(), back.max()))
    assert found.hd95 == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))


def test_surface_is_one_voxel_thick_and_open_at_the_edge_of_view() -> None:
    cube = _box((9, 9), slice(2, 7), slice(2, 7))
    assert surface(cube).sum() == 16
    cut = _box((9, 9), slice(0, 7), slice(2, 7))
    assert not surface(cut)[0, 3:6].any()


def test_no_surface_no_distance() -> None:
    cube = _box((5, 5), slice(1, 3), slice(1, 3))
    found = surface_distances(cube, np.zeros_like(cube), (1.0, 1.0))
    assert math.isnan(found.assd)
    assert math.isnan(found.mssd)
    assert math.isnan(found.hd95)


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 0.0), (1.0, 1.0, 1.0)])
def test_spacing_must_fit(spacing: tuple[float, ...]) -> None:
    cube = _box((5, 5), slice(1, 3), slice(1, 3))
    with pytest.raises(ValueError, match="spacing"):
        surface_distances(cube, cube, spacing)


@pytest.mark.realdata
@pytest.mark.slow
def test_published_score_of_the_chaos_sample(data_dir: Path) -> None:
    folder = data_dir / "ct" / "chaos_ct" / "Data_3D"
    truth, found = _stack(folder / "Ground"), _stack(folder / "Segmentation")
    spacing = _spacing(folder / "DICOM_anon")
    shared = overlap(found, truth)
    assert shared.dice == pytest.approx(0.978, abs=5e-4)
    assert shared.ravd_percent == pytest.approx(0.665, abs=5e-4)
    distances = surface_distances(found, truth, spacing)
    assert distances.assd == pytest.approx(0.734, abs=5e-4)
    assert distances.mssd == pytest.approx(14.0, abs=1e-6)


def _stack(folder: Path) -> NDArray[np.bool_]:
    return np.stack([np.asarray(Image.open(path)) > 0 for path in sorted(folder.glob("*.png"))])


def _spacing(folder: Path) -> tuple[float, float, float]:
    heads = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(folder.glob("*.dcm"))[:2]]
    step = abs(float(heads[1].ImagePositionPatient[2]) - float(heads[0].ImagePositionPatient[2]))
    rows, columns = (float(value) for value in heads[0].PixelSpacing)
    return step, rows, columns
