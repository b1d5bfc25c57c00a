"""A liver mask keeps what has the liver's own fat level, and the phantom's liver alone."""

import numpy as np
import pytest

from steatoscope.core.image import Volume
from steatoscope.imaging.phantoms.mr import simulate_mr
from steatoscope.science.quantify.mr_fit import fit_fat_water
from steatoscope.science.segment.mr import find_mr_liver
from steatoscope.science.segment.mr_level import of_one_fat_level

SPACING = (6.0, 2.0, 2.0)


def two_organs() -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((6, 60, 80), dtype=bool)
    mask[:, 10:50, 5:70] = True
    fat = np.full(mask.shape, 12.0, dtype=np.float32)
    fat[:, :, 52:] = 0.0
    return mask, fat + np.random.default_rng(0).normal(0, 1, mask.shape).astype(np.float32)


def test_a_neighbour_with_other_fat_goes() -> None:
    mask, fat = two_organs()
    kept, share = of_one_fat_level(mask, fat, SPACING)
    assert not kept[:, :, 54:].any()
    assert kept[:, 14:46, 10:48].all()
    assert share == pytest.approx(47 / 65, abs=0.05)


def test_one_level_is_kept_and_nothing_is_lost_without_fat() -> None:
    mask, _ = two_organs()
    kept, share = of_one_fat_level(mask, np.full(mask.shape, 5.0, dtype=np.float32), SPACING)
    assert share > 0.97
    assert not (kept & ~mask).any()
    unknown, whole = of_one_fat_level(mask, np.full(mask.shape, np.nan, dtype=np.float32), SPACING)
    assert whole == 1.0
    assert np.array_equal(unknown, mask)


@pytest.mark.parametrize(("fat", "seed"), [(3.0, 2), (12.0, 1)])
def test_phantom_liver_without_its_neighbours(fat: float, seed: int) -> None:
    phantom = simulate_mr(fat, seed)
    fit = fit_fat_water(phantom.train)
    signal = np.sqrt((np.abs(phantom.train.data) ** 2).mean(axis=0)).astype(np.float32)
    geometry = phantom.train.geometry
    found = find_mr_liver(Volume(signal, geometry, "au"), Volume(fit.pdff, geometry, "percent"))
    truth = phantom.masks["liver"]
    assert found.mask is not None
    overlap = (found.mask & truth).sum()
    assert overlap / found.mask.sum() > 0.95
    assert 2 * overlap / (found.mask.sum() + truth.sum()) > 0.9
