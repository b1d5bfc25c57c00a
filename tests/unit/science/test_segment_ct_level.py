"""Ends of a liver outline with another attenuation are cut off, changes within it are not."""

from __future__ import annotations

import numpy as np

from steatoscope.science.segment.ct_level import of_one_level


def tapered() -> tuple[np.ndarray, np.ndarray]:
    """A column of slices that narrows to both ends, with noise of 5 HU about 50."""
    mask = np.zeros((20, 40, 40), dtype=bool)
    for index, side in enumerate([6, 6, 6, 8, *([30] * 12), 8, 6, 6, 6]):
        mask[index, 5 : 5 + side, 5 : 5 + side] = True
    return mask, np.random.default_rng(0).normal(50.0, 5.0, mask.shape).astype(np.float32)


def test_ends_of_another_level_go_and_one_level_stays():
    mask, hu = tapered()
    assert np.array_equal(of_one_level(mask, hu), mask)
    hu[:3] -= 40.0
    hu[18:] += 60.0
    kept = of_one_level(mask, hu)
    assert not kept[:3].any()
    assert not kept[18:].any()
    assert np.array_equal(kept[3:18], mask[3:18])


def test_a_dark_middle_and_a_large_dark_end_stay():
    mask, hu = tapered()
    hu[8:11] -= 40.0
    assert np.array_equal(of_one_level(mask, hu), mask)
    large = mask[4:12].copy()
    dark = hu[4:12].copy()
    dark[:2] -= 40.0
    assert np.array_equal(of_one_level(large, dark), large)


def test_a_single_slice_and_an_empty_mask_stay():
    mask, hu = tapered()
    assert np.array_equal(of_one_level(mask[5:6], hu[5:6] - 80.0), mask[5:6])
    assert not of_one_level(np.zeros_like(mask), hu).any()
