"""Geometry: spacing, volume and the way to NIfTI and back."""

import numpy as np
import pytest

from steatoscope.core.geometry import Geometry


def oblique() -> Geometry:
    angle = np.deg2rad(30.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([0.7, 0.8, 5.0])
    affine[:3, 3] = [-100.0, 20.0, 7.0]
    return Geometry(affine)


def test_spacing_is_slice_row_column() -> None:
    assert oblique().spacing == pytest.approx((5.0, 0.8, 0.7))


def test_voxel_volume() -> None:
    assert oblique().voxel_ml == pytest.approx(5.0 * 0.8 * 0.7 / 1000.0)


def test_nifti_round_trip() -> None:
    geometry = oblique()
    assert np.allclose(Geometry.from_ras(geometry.to_ras()).affine, geometry.affine)


def test_ras_turns_x_and_y_only() -> None:
    point = np.array([3.0, 2.0, 1.0, 1.0])
    lps, ras = oblique().affine @ point, oblique().to_ras() @ point
    assert ras[:3] == pytest.approx([-lps[0], -lps[1], lps[2]])


def test_same_space_sees_a_shift() -> None:
    moved = oblique().affine.copy()
    moved[2, 3] += 1.0
    assert oblique().same_space(oblique())
    assert not oblique().same_space(Geometry(moved))


def test_normal_is_a_unit_vector_along_slices() -> None:
    assert oblique().normal == pytest.approx([0.0, 0.0, 1.0])
