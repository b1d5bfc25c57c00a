"""Windows, flips and ensembles against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.learning.inference.sliding import ensemble, gaussian_weights, sliding_window, starts, with_flip

RNG = np.random.default_rng(3)


def pointwise(x: np.ndarray) -> np.ndarray:
    """Two maps that depend on their own pixel only."""
    return np.stack([x[:, 0] * 2 - x[:, 1], np.abs(x[:, 1])], axis=1)


@pytest.mark.parametrize("shape", [(64, 64), (65, 130), (200, 50), (20, 30), (64, 20)])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.7])
def test_a_pointwise_function_is_unchanged(shape, overlap):
    images = RNG.normal(size=(3, 2, *shape)).astype(np.float32)
    found = sliding_window(pointwise, images, (64, 48), overlap=overlap, batch=4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, pointwise(images), rtol=1e-6, atol=1e-6)


def test_blending_weights_sum_to_one_and_follow_the_gaussian():
    """A window answers with its own number, so the map is the weighted mean of the numbers of the windows over it."""
    calls = iter(range(100))

    def numbered(x: np.ndarray) -> np.ndarray:
        return np.stack([np.full((1, *x.shape[2:]), next(calls), dtype=np.float32) for _ in x])

    found = sliding_window(numbered, np.zeros((1, 1, 32, 48), np.float32), (32, 32), overlap=0.5)[0, 0]
    weights = gaussian_weights((32, 32))[16]
    expected = weights[:16] / (weights[16:] + weights[:16])
    np.testing.assert_allclose(found[16, 16:32], expected, rtol=1e-5)
    assert np.all(found[:, :16] == 0.0)
    assert np.all(found[:, 32:] == 1.0)


@pytest.mark.parametrize(
    ("length", "window", "overlap"), [(10, 10, 0.5), (11, 10, 0.5), (512, 96, 0.25), (97, 96, 0.9)]
)
def test_starts_cover_the_side_with_the_asked_overlap(length, window, overlap):
    found = starts(length, window, overlap)
    assert found[0] == 0
    assert found[-1] + window == max(length, window)
    steps = np.diff(found)
    assert np.all(steps > 0)
    assert np.all(steps <= np.ceil(window * (1 - overlap)))


def test_gaussian_weights_are_symmetric_with_the_stated_width():
    weights = gaussian_weights((33, 65))
    assert weights[16, 32] == weights.max() == 1.0
    np.testing.assert_array_equal(weights, weights[::-1, ::-1])
    assert weights.min() == np.float32(1e-3)
    # One sigma, an eighth of 65 columns, is 8.125: between columns 40 and 41.
    assert weights[16, 41] < np.exp(-0.5) < weights[16, 40]


def test_the_flip_mean_is_symmetric_and_leaves_symmetric_functions_alone():
    images = RNG.normal(size=(2, 2, 8, 9)).astype(np.float32)
    np.testing.assert_allclose(with_flip(pointwise)(images), pointwise(images), rtol=1e-6, atol=1e-7)

    def shifted(x: np.ndarray) -> np.ndarray:
        return np.roll(x, 1, axis=-1)

    expected = (np.roll(images, 1, axis=-1) + np.roll(images, -1, axis=-1)) / 2
    np.testing.assert_allclose(with_flip(shifted)(images), expected, rtol=1e-6, atol=1e-7)


def test_an_ensemble_is_the_weighted_mean():
    images = RNG.normal(size=(2, 2, 4, 4)).astype(np.float32)
    members = [lambda x: x, lambda x: 3 * x]
    np.testing.assert_allclose(ensemble(members)(images), 2 * images, rtol=1e-6)
    np.testing.assert_allclose(ensemble(members, [3, 1])(images), 1.5 * images, rtol=1e-6)
    for wrong in ([], [1.0], [-1.0, 2.0], [0.0, 0.0]):
        with pytest.raises(ValueError, match="ensemble"):
            ensemble(members, wrong)
    with pytest.raises(ValueError, match="ensemble"):
        ensemble([])


@pytest.mark.parametrize(("shape", "overlap"), [((0, 1, 8, 8), 0.5), ((1, 8, 8), 0.5), ((1, 1, 8, 8), 1.0)])
def test_wrong_input_is_refused(shape, overlap):
    with pytest.raises(ValueError, match="sliding windows need"):
        sliding_window(pointwise, np.zeros(shape, np.float32), (8, 8), overlap=overlap)
