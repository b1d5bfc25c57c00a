"""Texture against hand-computed matrices, and the measurements of a report."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from us_pictures import drawn_sector, sloped, true_sector

from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.science.quantify.us_quantify import measure_us
from steatoscope.science.quantify.us_texture import (
    CooccurrenceFeatures,
    cooccurrence,
    first_order,
    local_entropy,
    patch_texture,
    patches,
)

HARALICK = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 2, 2, 2], [2, 2, 3, 3]])


def test_haralicks_own_example_by_hand() -> None:
    # Horizontal neighbours, symmetric (Haralick, 1973): 24 pairs, counts
    # [[4, 2, 1, 0], [2, 4, 0, 0], [1, 0, 6, 1], [0, 0, 1, 2]].
    p = np.array([[4, 2, 1, 0], [2, 4, 0, 0], [1, 0, 6, 1], [0, 0, 1, 2]]) / 24.0
    i, j = np.indices((4, 4))
    mean = (i * p).sum()
    variance = ((i - mean) ** 2 * p).sum()
    found = cooccurrence((HARALICK * 64).astype(np.uint8), levels=4, distances=(1,), angles=(0.0,))
    assert found.contrast == pytest.approx(14.0 / 24.0)
    assert found.dissimilarity == pytest.approx((2 * 2 + 2 * 2 + 2 * 1) / 24.0)
    assert found.homogeneity == pytest.approx((p / (1 + (i - j) ** 2)).sum())
    assert found.energy == pytest.approx(np.sqrt((p**2).sum()))
    assert found.correlation == pytest.approx(((i - mean) * (j - mean) * p).sum() / variance)
    assert found.entropy == pytest.approx(-(p[p > 0] * np.log2(p[p > 0])).sum())


def test_uniform_stripes_and_noise() -> None:
    flat = cooccurrence(np.full((32, 32), 100, np.uint8))
    assert (flat.contrast, flat.homogeneity, flat.energy, flat.entropy) == (0.0, 1.0, 1.0, 0.0)
    stripes = np.tile(np.array([0, 80], np.uint8), (32, 16))
    across = cooccurrence(stripes, distances=(1,), angles=(0.0,))
    along = cooccurrence(stripes, distances=(1,), angles=(np.pi / 2,))
    assert across.contrast == pytest.approx(100.0)
    assert across.correlation == pytest.approx(-1.0)
    assert along.contrast == 0.0
    noise = cooccurrence(np.random.default_rng(0).integers(0, 256, (256, 256)).astype(np.uint8))
    assert noise.contrast == pytest.approx(2 * (32**2 - 1) / 12.0, rel=0.02)
    assert noise.entropy == pytest.approx(10.0, abs=0.05)
    assert noise.correlation == pytest.approx(0.0, abs=0.02)


def test_patches_lie_inside_the_mask_and_are_spread() -> None:
    mask = np.zeros((200, 300), bool)
    mask[20:180, 40:260] = True
    mask[90:110, 140:160] = False
    corners = patches(mask, 32, limit=15)
    assert len(corners) == 15
    assert all(mask[r : r + 32, c : c + 32].all() for r, c in corners)
    assert {r < 90 for r, _ in corners} == {True, False}
    assert patches(mask[:30, :30], 32) == []
    assert patch_texture(np.zeros((30, 30), np.uint8), mask[:30, :30], 32) is None


def test_patch_texture_is_the_median_over_patches() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (64, 64)).astype(np.uint8)
    mask = np.ones(frame.shape, bool)
    found = patch_texture(frame, mask, 32)
    assert found is not None
    each = [astuple(cooccurrence(frame[r : r + 32, c : c + 32])) for r, c in patches(mask, 32)]
    np.testing.assert_allclose(astuple(found), np.median(each, axis=0))


def test_first_order_statistics() -> None:
    found = first_order(np.array([1.0, 2.0, 3.0, 4.0, 10.0]))
    assert found.mean == 4.0
    assert found.sd == pytest.approx(np.sqrt(10.0))
    assert found.skewness == pytest.approx((-27 - 8 - 1 + 216) / 5 / 10**1.5)
    assert found.kurtosis == pytest.approx((81 + 16 + 1 + 1296) / 5 / 100 - 3.0)
    assert found.snr == pytest.approx(4.0 / np.sqrt(10.0))
    assert first_order(np.full(9, 7)).snr is None
    with pytest.raises(ValueError, match="no pixels"):
        first_order(np.array([]))


def test_local_entropy_counts_levels() -> None:
    mask = np.ones((60, 60), bool)
    assert local_entropy(np.full((60, 60), 33, np.uint8), mask) == 0.0
    checks = (np.indices((60, 60)).sum(axis=0) % 2 * 128).astype(np.uint8)
    assert local_entropy(checks, mask) == pytest.approx(1.0, abs=0.01)
    assert local_entropy(checks, np.zeros_like(mask)) is None


def test_the_reports_measurements() -> None:
    phantom = simulate_us(10.0, 2, view="AR", frames=2)
    frames, sector = phantom.clip.frames, true_sector(phantom)
    found = {m.name: m for m in measure_us(frames, sector, phantom.sector, phantom.clip.pixel_mm)}
    assert set(found) == {
        "attenuation_slope",
        "mean_grey",
        "speckle_snr",
        "nakagami_m",
        *(f"glcm_{name}" for name in CooccurrenceFeatures.__slots__),
        "local_entropy",
    }
    assert found["attenuation_slope"].unit == "grey/cm"
    expected = -2 * 3.5 * (phantom.truth["attenuation_db_cm_mhz"] - 0.6) * 255.0 / 60.0
    assert found["attenuation_slope"].value == pytest.approx(expected, abs=1.5)
    assert all(m.value is not None and np.isfinite(m.value) for m in found.values())
    again = {m.name: m for m in measure_us(frames, sector, phantom.sector, phantom.clip.pixel_mm)}
    assert again == found
    plain = measure_us(frames, sector, phantom.sector, None)[0]
    assert plain.unit == "grey/px"


def test_without_tissue_nothing_is_measured() -> None:
    sector = drawn_sector()
    found = measure_us(sloped(-0.2)[None], sector, np.zeros_like(sector.mask), None)
    assert all(m.value is None and m.quality == "poor" for m in found)
