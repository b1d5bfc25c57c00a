"""The canonical frame: every stored orientation leads to the same canonical array, and masks come back exactly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from steatoscope.core.geometry import Geometry
from steatoscope.science.segment.canonical import frame_of
from steatoscope.science.segment.morphology import depth_mm, dilated, eroded, opened


def _stored(order: tuple[int, int, int], flips: tuple[bool, bool, bool]) -> tuple[np.ndarray, Geometry]:
    """A canonical ramp (S, P, L) stored with its axes permuted and reversed, and the affine that says so."""
    rng = np.random.default_rng(7)
    canonical = rng.normal(size=(4, 5, 6)).astype(np.float32)
    steps = (3.0, 1.5, 2.0)
    directions = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=float)  # S, P, L in LPS
    array = np.transpose(canonical, np.argsort(order))
    affine = np.eye(4)
    for axis in range(3):
        stored_axis = order[axis]
        sign = -1.0 if flips[axis] else 1.0
        if flips[axis]:
            array = np.flip(array, stored_axis)
        affine[:3, 2 - stored_axis] = sign * steps[axis] * directions[axis]
    return np.ascontiguousarray(array), Geometry(affine)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", list(itertools.product([False, True], repeat=3)))
def test_every_orientation_is_undone(order: tuple[int, int, int], flips: tuple[bool, bool, bool]) -> None:
    array, geometry = _stored(order, flips)
    reference, _ = _stored((0, 1, 2), (False, False, False))
    frame = frame_of(geometry)
    assert frame.spacing == (3.0, 1.5, 2.0)
    assert np.array_equal(frame.forward(array), reference)
    mask = array > 0
    assert np.array_equal(frame.back(np.asarray(frame.forward(mask))), mask)


def test_coarse_means_and_fine_masks_agree_on_blocks() -> None:
    geometry = Geometry.from_spacing((3.0, 1.0, 1.0))
    frame = frame_of(geometry).with_target(3.0)
    assert frame.factors == (1, 3, 3)
    data = np.zeros((2, 30, 31), dtype=np.float32)
    data[:, 9:21, 9:21] = 1.0
    coarse = frame.coarse(data)
    assert coarse.shape == (2, 10, 11)
    assert coarse[0, 3:7, 3:7].min() == 1.0
    fine = frame.fine(coarse > 0.5, data.shape)
    assert fine.shape == data.shape
    assert np.array_equal(fine, data > 0.5) or (fine ^ (data > 0.5)).sum() <= 4 * 4 * 2  # corners may be cut


def test_unknown_geometry_means_usual_display() -> None:
    frame = frame_of(Geometry.from_spacing((1.0, 1.0, 1.0), known=False))
    assert frame.order == (0, 1, 2)
    assert frame.flips == (False, False, False)


def test_morphology_counts_in_millimetres() -> None:
    mask = np.zeros((11, 41, 41), dtype=bool)
    mask[5, 20, 20] = True
    ball = dilated(mask, (3.0, 1.0, 1.0), 9.0)
    z, y, x = np.nonzero(ball)
    radius = np.sqrt((3.0 * (z - 5)) ** 2 + (y - 20.0) ** 2 + (x - 20.0) ** 2)
    assert radius.max() <= 9.0
    assert (
        ball.sum()
        == (np.hypot(np.hypot(*np.ogrid[-20:21, -20:21])[None], 3.0 * np.arange(-5, 6)[:, None, None]) <= 9.0).sum()
    )
    assert eroded(ball, (3.0, 1.0, 1.0), 8.0).sum() >= 1
    thin = np.zeros((11, 41, 41), dtype=bool)
    thin[:, :, 10:13] = True
    assert not opened(thin, (3.0, 1.0, 1.0), 4.0).any()


def test_array_ends_are_no_border() -> None:
    mask = np.zeros((8, 20, 20), dtype=bool)
    mask[:, :, 10:] = True
    depth = depth_mm(mask, (1.0, 1.0, 1.0))
    assert depth[0, 0, 10] == 1.0
    assert depth[0, 0, 19] == 10.0
