"""Surface distances against closed forms, brute force and the published scores of a CHAOS submission."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from scipy.spatial.distance import cdist

from steatoscope.core.image import Mask
from steatoscope.science.metrics.overlap import overlap
from steatoscope.science.metrics.surface import surface_distances, surface_points


def _ball(centre: tuple[float, float, float], radius: float) -> Mask:
    places = np.indices((40, 40, 40)).transpose(1, 2, 3, 0) - np.array(centre)
    return np.asarray((places**2).sum(axis=3) <= radius**2)


def test_concentric_balls_lie_apart_by_the_difference_of_radii() -> None:
    found = surface_distances(_ball((20, 20, 20), 10.0), _ball((20, 20, 20), 15.0), (1.0, 1.0, 1.0))
    assert found.average == pytest.approx(5.0, abs=0.25)
    assert found.maximum == pytest.approx(5.0, abs=0.75)


def test_shift_along_an_axis_is_its_spacing_times_the_voxels() -> None:
    one = np.zeros((12, 12, 12), dtype=bool)
    one[4:7, 4:7, 4:7] = True
    for axis, spacing in enumerate((3.0, 0.5, 0.7)):
        found = surface_distances(np.roll(one, 2, axis=axis), one, (3.0, 0.5, 0.7))
        assert found.maximum == pytest.approx(2 * spacing)


def test_random_masks_as_brute_force() -> None:
    rng = np.random.default_rng(3)
    spacing = (2.5, 0.8, 1.1)
    one, other = rng.uniform(size=(2, 6, 8, 9)) < 0.2
    distances = cdist(surface_points(one, spacing), surface_points(other, spacing))
    there, back = distances.min(axis=1), distances.min(axis=0)
    found = surface_distances(one, other, spacing)
    assert found.average == pytest.approx((there.sum() + back.sum()) / (there.size + back.size))
    assert found.maximum == pytest.approx(max(there.max(), back.max()))
    assert found.percentile(95) == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))


def test_the_border_of_the_picture_is_no_surface() -> None:
    mask = np.zeros((8, 8), dtype=bool)
    mask[:, :4] = True
    assert np.array_equal(surface_points(mask, (1.0, 2.0)), [[row, 6.0] for row in range(8)])


def test_empty_masks() -> None:
    empty, full = np.zeros((5, 5), dtype=bool), np.zeros((5, 5), dtype=bool)
    full[1:4, 1:4] = True
    assert surface_distances(empty, full, (1.0, 1.0)).maximum == math.inf
    assert surface_distances(full, empty, (1.0, 1.0)).average == math.inf
    nothing = surface_distances(empty, empty, (1.0, 1.0))
    assert math.isnan(nothing.average)
    assert math.isnan(nothing.maximum)
    assert math.isnan(nothing.percentile())


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 0.0), (1.0, -1.0)])
def test_a_spacing_that_does_not_fit_is_refused(spacing: tuple[float, ...]) -> None:
    mask = np.ones((4, 4), dtype=bool)
    with pytest.raises(ValueError, match="spacing"):
        surface_distances(mask, mask, spacing)


@pytest.mark.realdata
def test_published_scores_of_a_challenge_submission(data_dir: Path) -> None:
    folder = data_dir / "ct" / "chaos_ct" / "Data_3D"
    masks = [
        np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0 for path in sorted((folder / name).glob("*.png"))])
        for name in ("Segmentation", "Ground")
    ]
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted((folder / "DICOM_anon").glob("*"))]
    heights = np.sort([float(header.ImagePositionPatient[2]) for header in headers])
    spacing = (float(np.diff(heights).mean()), *(float(side) for side in headers[0].PixelSpacing))
    distances, shared = surface_distances(masks[0], masks[1], spacing), overlap(masks[0], masks[1])
    assert shared.dice == pytest.approx(0.978, abs=0.0005)
    assert 100.0 * abs(shared.volume_difference) == pytest.approx(0.665, abs=0.0005)
    assert distances.average == pytest.approx(0.734, abs=0.0005)
    assert distances.maximum == pytest.approx(14.0, abs=0.05)
