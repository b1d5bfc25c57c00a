"""Regions of fat maps with known deviations."""

from __future__ import annotations

import numpy as np

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Volume
from steatoscope.science.segment.regions import fatty_regions

SPACING = (5.0, 2.0, 2.0)


def _liver() -> np.ndarray:
    mask = np.zeros((10, 80, 80), dtype=bool)
    mask[:, 10:70, 10:60] = True
    return mask


def _map(
    base: float, patch: float | None = None, *, known: bool = True, box: tuple[slice, ...] | None = None
) -> Volume:
    rng = np.random.default_rng(11)
    data = np.full((10, 80, 80), base, dtype=np.float32)
    if patch is not None:
        data[box or (slice(3, 7), slice(30, 45), slice(20, 35))] = patch
    data += rng.normal(0.0, 2.0, data.shape).astype(np.float32)
    return Volume(data, Geometry.from_spacing(SPACING, known=known), "percent")


def test_uniform_liver_has_no_regions() -> None:
    assert fatty_regions(_map(10.0), _liver(), 5.5) == []


def test_fatty_patch_has_its_place_and_size() -> None:
    (region,) = fatty_regions(_map(4.0, 25.0), _liver(), 5.5)
    assert region.kind == "fatty"
    x0, y0, x1, y1, plane = region.box
    assert abs(x0 - 20) <= 2
    assert abs(x1 - 35) <= 2
    assert abs(y0 - 30) <= 2
    assert abs(y1 - 45) <= 2
    assert 3 <= plane < 7
    truth_ml = 4 * 15 * 15 * 20.0 / 1000.0
    assert region.size_ml is not None
    assert 0.7 * truth_ml < region.size_ml < 1.4 * truth_ml
    assert 0.0 < region.score <= 1.0


def test_spared_patch_in_a_fatty_liver() -> None:
    wide = (slice(2, 8), slice(25, 37), slice(15, 55))
    (region,) = fatty_regions(_map(25.0, 12.0, box=wide), _liver(), 5.5)
    assert region.kind == "spared"


def test_strip_along_the_border_is_taken_for_a_fault_of_the_mask() -> None:
    strip = (slice(2, 8), slice(10, 70), slice(10, 20))
    assert fatty_regions(_map(4.0, 25.0, box=strip), _liver(), 5.5) == []


def test_patch_with_one_side_at_the_border_is_kept() -> None:
    side = (slice(2, 8), slice(30, 45), slice(10, 30))
    (region,) = fatty_regions(_map(4.0, 25.0, box=side), _liver(), 5.5)
    assert region.kind == "fatty"


def test_compact_spot_without_fat_is_no_lesion() -> None:
    fat = _map(20.0)
    rows, cols = np.mgrid[:80, :80]
    spot = (rows - 40) ** 2 + (cols - 35) ** 2 < 64
    data = fat.data.copy()
    data[4:6][:, spot] -= 19.0
    (region,) = fatty_regions(Volume(data, fat.geometry, "percent"), _liver(), 5.5)
    assert region.kind == "spared"


def test_fat_below_the_threshold_is_not_fatty() -> None:
    assert fatty_regions(_map(1.0, 9.0), _liver(), 15.5) == []


def test_sizes_are_unknown_without_geometry() -> None:
    (region,) = fatty_regions(_map(4.0, 25.0, known=False), _liver(), 5.5)
    assert region.size_ml is None
    assert region.size_mm2 is None
    assert region.size_px is not None


def test_tiny_liver_gives_nothing() -> None:
    mask = np.zeros((10, 80, 80), dtype=bool)
    mask[5, 40:43, 40:43] = True
    assert fatty_regions(_map(4.0, 25.0), mask, 5.5) == []
