"""Orientation, consistency across slices, and the way back to the volume's own axes."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Floats
from steatoscope.learning.inference.organ_volume import AxialView, consistent, find_organ, largest_filled


def _geometry(columns: list[list[float]]) -> Geometry:
    affine = np.eye(4)
    affine[:3, :3] = np.array(columns).T
    return Geometry(affine)


PLACES = {
    "axial": _geometry([[1, 0, 0], [0, 1, 0], [0, 0, 3]]),
    "flipped": _geometry([[-1, 0, 0], [0, -1, 0], [0, 0, 3]]),
    "coronal": _geometry([[1, 0, 0], [0, 0, -1], [0, 2, 0]]),
    "sagittal": _geometry([[0, 1, 0], [0, 0, -1], [2, 0, 0]]),
}


@pytest.mark.parametrize("name", PLACES)
def test_turning_and_back_is_exact(name: str) -> None:
    volume = np.random.default_rng(0).normal(size=(4, 5, 6))
    view = AxialView.of(PLACES[name])
    np.testing.assert_array_equal(view.undo(view.apply(volume)), volume)


@pytest.mark.parametrize("name", PLACES)
def test_rows_run_to_posterior_and_columns_to_the_left(name: str) -> None:
    geometry = PLACES[name]
    shape = (4, 5, 6)
    index = np.stack([*np.indices(shape)[::-1], np.ones(shape)], axis=-1)
    patient = index @ geometry.affine.T
    view = AxialView.of(geometry)
    left, posterior = (np.asarray(view.apply(patient[..., axis])) for axis in (0, 1))
    assert (np.diff(left, axis=2) > 0).all()
    assert (np.diff(posterior, axis=1) > 0).all()


def test_quarter_turns_come_back() -> None:
    volume = np.arange(24.0).reshape(1, 4, 6)
    for turns in range(4):
        view = AxialView(turns=turns)
        np.testing.assert_array_equal(view.undo(view.apply(volume)), volume)


def _seen(slices: np.ndarray) -> Floats:
    return np.where(slices > 0, 0.9, 0.1).astype(np.float32)


def test_the_largest_part_is_kept_and_filled() -> None:
    volume = np.zeros((8, 32, 32))
    volume[2:6, 5:20, 5:20] = 1.0
    volume[3:5, 10:12, 10:12] = -1.0
    volume[6, 28:30, 28:30] = 1.0
    found = find_organ(volume, Geometry.from_spacing((3.0, 1.0, 1.0)), _seen)
    assert found.mask is not None
    assert found.mask[3, 10, 10]
    assert not found.mask[6, 29, 29]
    assert 0.7 < found.confidence < 0.9


def test_too_little_is_nothing() -> None:
    volume = np.zeros((8, 32, 32))
    volume[2:4, 5:8, 5:8] = 1.0
    assert find_organ(volume, Geometry.from_spacing((3.0, 1.0, 1.0)), _seen, least_ml=1.0).mask is None
    assert find_organ(volume * 0.0, Geometry.from_spacing((3.0, 1.0, 1.0)), _seen).mask is None


def test_a_missing_slice_is_bridged_and_a_constant_is_kept() -> None:
    probability = np.full((7, 4, 4), 0.95, dtype=np.float32)
    np.testing.assert_allclose(consistent(probability, 2.0), probability, atol=1e-6)
    probability[3] = 0.2
    assert consistent(probability, 1.5)[3].min() > 0.5


def test_an_upside_down_picture_of_unknown_geometry_is_turned() -> None:
    volume = np.zeros((3, 24, 24))
    volume[:, 16:22, 4:20] = 1.0

    def only_on_top(slices: np.ndarray) -> Floats:
        rows = np.arange(slices.shape[1])[None, :, None]
        return np.where((slices > 0) & (rows < 12), 0.9, 0.1).astype(np.float32)

    found = find_organ(volume, Geometry.from_spacing((1.0, 1.0, 1.0), known=False), only_on_top)
    assert found.mask is not None
    np.testing.assert_array_equal(found.mask, volume > 0)


def test_largest_filled_of_nothing_is_nothing() -> None:
    assert not largest_filled(np.zeros((2, 4, 4), dtype=np.bool_)).any()
