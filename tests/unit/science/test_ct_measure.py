from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import CTFacts, Mask, Volume
from steatoscope.imaging.phantoms.ct import CTPhantom, Phase, liver_hu, simulate_ct
from steatoscope.science.quantify.ct import fat_map, measure_ct, measurements
from steatoscope.science.quantify.ct_equations import EQUATIONS, fat_equivalent
from steatoscope.science.quantify.ct_quality import sharp_kernel
from steatoscope.science.quantify.ct_region import erode


@pytest.mark.parametrize(
    ("hu", "pickhardt", "kramer"),
    [
        (70, -2.40, -3.71),
        (65, 0.50, -0.92),
        (60, 3.40, 1.88),
        (55, 6.30, 4.67),
        (50, 9.20, 7.47),
        (48, 10.36, 8.59),
        (40, 15.00, 13.06),
        (30, 20.80, 18.65),
        (20, 26.60, 24.24),
        (10, 32.40, 29.83),
        (0, 38.20, 35.42),
        (-3, 39.94, 37.10),
    ],
)
def test_published_table(hu: float, pickhardt: float, kramer: float) -> None:
    assert EQUATIONS["pickhardt2018"].fat_percent(hu) == pytest.approx(pickhardt, abs=0.005)
    assert EQUATIONS["kramer2017"].fat_percent(hu) == pytest.approx(kramer, abs=0.006)
    assert EQUATIONS["pickhardt2018"].liver_hu(pickhardt) == pytest.approx(hu, abs=0.01)


@pytest.mark.parametrize("hu", [70.0, 55.0, 40.0, 20.0, 0.0])
def test_interval_covers_both_equations_and_the_scatter(hu: float) -> None:
    fat = fat_equivalent(hu, 0.5)
    difference = abs(fat.raw_percent - fat.alternatives["kramer2017"])
    assert fat.sd >= difference
    assert fat.sd > 2.8
    assert 3.0 < fat.sd < 4.5
    wider = fat_equivalent(hu, 0.5, kvp_known=False)
    if fat.low > 3.0:
        assert (fat.low - wider.low, wider.high - fat.high) == pytest.approx((3.0, 3.0))


@pytest.mark.parametrize(("hu", "se", "known"), [(55.0, 0.5, True), (40.0, 2.0, True), (35.0, 1.0, False)])
def test_budget_adds_up_to_the_interval(hu: float, se: float, known: bool) -> None:
    fat = fat_equivalent(hu, se, kvp_known=known)
    sizes = {one.source: one.sd_points for one in fat.budget.sources}
    assert sizes["scatter of patients about the equation"] == pytest.approx(2.809, abs=0.001)
    assert sizes["disagreement of published equations"] == pytest.approx(0.021 * -hu + 2.782, abs=1e-9)
    assert sizes["noise and unevenness of the liver"] == pytest.approx(0.58 * se)
    squares = math.sqrt(sum(one.sd_points**2 for one in fat.budget.sources if one.added == "squares"))
    half = 1.6448536 * squares + (0.0 if known else 3.0)
    assert (fat.raw_percent - fat.low, fat.high - fat.raw_percent) == pytest.approx((half, half))
    assert ("unknown tube voltage" in sizes) is not known


def test_raw_value_may_be_negative_the_shown_one_not() -> None:
    fat = fat_equivalent(72.0, 0.5)
    assert fat.raw_percent == pytest.approx(-3.56)
    assert fat.value_percent == fat.low == 0.0 < fat.high
    with pytest.raises(UsageError, match="unknown CT equation"):
        fat_equivalent(50.0, 0.5, equation="nope")


@lru_cache
def _phantom(pdff: float) -> CTPhantom:
    return simulate_ct(pdff, 5)


def _ball(shape: tuple[int, int, int], spacing: tuple[float, float, float], radius_mm: float) -> Mask:
    grids = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij")
    return np.asarray(sum(grid**2 for grid in grids) <= radius_mm**2)


def test_erosion_is_in_millimetres() -> None:
    spacing = (2.5, 1.0, 1.0)
    ball = _ball((60, 140, 140), spacing, 60.0)
    kept, done = erode(ball, spacing, 0.0025)
    assert done == 5.0
    assert kept.sum() / ball.sum() == pytest.approx((55.0 / 60.0) ** 3, abs=0.02)


def test_small_regions_and_unknown_spacing_survive() -> None:
    spot = _ball((1, 40, 40), (5.0, 1.0, 1.0), 8.0)
    kept, done = erode(spot, (5.0, 1.0, 1.0), 0.005)
    assert 0.0 < done < 5.0
    assert kept.sum() >= 0.5 * spot.sum()
    same, none = erode(spot, (1.0, 1.0, 1.0), 0.001, known=False)
    assert none == 0.0
    np.testing.assert_array_equal(same, spot)


def test_the_edge_of_the_view_does_not_erode() -> None:
    full = np.ones((1, 50, 50), dtype=bool)
    full[:, :, 45:] = False
    kept, _ = erode(full, (5.0, 1.0, 1.0), 0.005)
    assert kept[0, 0, 0]
    assert kept[0, 49, 0]
    assert not kept[0, :, 40:].any()


@pytest.mark.parametrize("pdff", [0.0, 8.0, 25.0, 49.0])
def test_phantom_bias_with_the_exact_mask(pdff: float) -> None:
    errors = []
    for seed in range(3):
        phantom = simulate_ct(pdff, 100 + seed, noise_hu=8.0 + 4.0 * seed)
        found = measure_ct(phantom.volume, phantom.masks["liver"], phantom.masks["spleen"], facts=phantom.facts)
        errors.append(found.liver.median - liver_hu(pdff))
        assert abs(found.fat.raw_percent - pdff) < 0.58 * 1.0
    assert abs(float(np.mean(errors))) <= 0.5
    assert max(abs(error) for error in errors) <= 1.0


def test_vessels_and_lesions_do_not_move_the_median() -> None:
    phases: tuple[Phase, Phase] = ("unenhanced", "portal")
    for phase in phases:
        phantom = simulate_ct(30.0, 7, lesions=4, phase=phase)
        found = measure_ct(phantom.volume, phantom.masks["liver"], lesions=phantom.masks["lesions"], unenhanced=False)
        assert found.liver.median == pytest.approx(phantom.truth["liver_hu"], abs=1.0)
        # Branches thinner than the 3 x 3 x 3 median filter stay; the eroded liver holds about 70 % of all.
        vessels = phantom.masks["vessels"] & phantom.masks["liver"]
        assert (found.liver.used & vessels).sum() < 0.5 * vessels.sum()


def test_everything_that_a_full_scan_gives() -> None:
    phantom = _phantom(12.0)
    found = measure_ct(phantom.volume, phantom.masks["liver"], phantom.masks["spleen"], facts=phantom.facts)
    assert found.refusal is None
    assert found.notes == ()
    assert found.liver_volume_ml == pytest.approx(phantom.masks["liver"].sum() * phantom.volume.geometry.voxel_ml)
    assert found.liver.noise == pytest.approx(12.0, rel=0.15)
    assert len(found.liver.parts) == 8
    assert found.liver.heterogeneity is not None
    assert found.liver.heterogeneity < 4.0
    assert found.spleen is not None
    assert found.liver_minus_spleen == pytest.approx(found.liver.median - found.spleen.median)
    named = {value.name: value for value in measurements(found)}
    assert named["liver_hu"].unit == "HU"
    assert named["liver_spleen_ratio"].value == pytest.approx(found.liver.median / found.spleen.median)
    assert all(value.quality == "ok" for value in named.values())


def test_half_fat_liver_shows_as_heterogeneity() -> None:
    phantom = _phantom(5.0)
    data = phantom.volume.data.copy()
    data[:, :, :55] -= 25.0
    found = measure_ct(replace(phantom.volume, data=data), phantom.masks["liver"])
    assert found.liver.heterogeneity is not None
    assert found.liver.heterogeneity > 15.0


def _codes(volume: Volume, liver: Mask, facts: CTFacts | None = None, spleen: Mask | None = None) -> set[str]:
    return {note.code for note in measure_ct(volume, liver, spleen, facts=facts).notes}


def test_quality_remarks() -> None:
    phantom = _phantom(12.0)
    liver, volume = phantom.masks["liver"], phantom.volume
    assert _codes(volume, liver) == {"W_SPLEEN"}
    shifted = replace(volume, data=volume.data + 70.0)
    assert {"W_CALIBRATION", "W_CONFOUNDER"} <= _codes(shifted, liver)
    assert "W_KERNEL" in _codes(volume, liver, CTFacts(kernel="B70f"))
    assert "W_THICK" in _codes(volume, liver, CTFacts(slice_thickness_mm=8.0))
    assert "W_PARTIAL" in _codes(volume, liver, CTFacts(slice_thickness_mm=12.0))
    half = replace(volume, data=volume.data[20:])
    assert "W_PARTIAL" in _codes(half, liver[20:])
    assert measure_ct(half, liver[20:]).liver_volume_ml is None


@pytest.mark.parametrize(("noise", "code"), [(30.0, "W_NOISE"), (50.0, "E_NOISE")])
def test_noise_warns_and_refuses(noise: float, code: str) -> None:
    phantom = simulate_ct(12.0, 5, noise_hu=noise)
    found = measure_ct(phantom.volume, phantom.masks["liver"])
    assert "W_NOISE" in {note.code for note in found.notes}
    assert (found.refusal is not None and found.refusal.code == code) == (code == "E_NOISE")


def test_a_dense_liver_is_a_confounder_and_iron_is_named() -> None:
    phantom = _phantom(0.0)
    dense = replace(phantom.volume, data=phantom.volume.data + np.where(phantom.masks["liver"], 7.0, 0.0).astype("f4"))
    (note,) = [n for n in measure_ct(dense, phantom.masks["liver"]).notes if n.code == "W_CONFOUNDER"]
    assert "iron" not in note.message
    iron = replace(phantom.volume, data=phantom.volume.data + np.where(phantom.masks["liver"], 20.0, 0.0).astype("f4"))
    (note,) = [n for n in measure_ct(iron, phantom.masks["liver"]).notes if n.code == "W_CONFOUNDER"]
    assert "iron, amiodarone" in note.message


def test_single_slice_and_no_liver() -> None:
    phantom = _phantom(12.0)
    single = replace(phantom.volume, data=phantom.volume.data[20:21])
    found = measure_ct(single, phantom.masks["liver"][20:21])
    assert found.liver.median == pytest.approx(phantom.truth["liver_hu"], abs=1.5)
    assert found.liver_volume_ml is None
    assert len(found.liver.parts) == 4
    with pytest.raises(SteatoscopeError) as caught:
        measure_ct(single, np.zeros_like(single.data, dtype=bool))
    assert caught.value.code == "E_NOLIVER"


def test_fat_map_follows_the_truth() -> None:
    phantom = _phantom(20.0)
    fat = fat_map(phantom.volume, phantom.masks["liver"])
    assert fat.unit == "percent"
    assert np.isnan(fat.data[~phantom.masks["liver"]]).all()
    assert float(np.nanmedian(fat.data)) == pytest.approx(20.0, abs=1.0)


@pytest.mark.parametrize(
    ("kernel", "sharp"),
    [
        (None, False),
        ("Br38f", False),
        ("B30f", False),
        ("B70f", True),
        ("Br64d", True),
        ("FC12", False),
        ("FC52", True),
        ("FC30", True),
        ("BONEPLUS", True),
        ("LUNG", True),
        ("STANDARD", False),
        ("59 .10.AB50", False),
    ],
)
def test_kernels(kernel: str | None, sharp: bool) -> None:
    assert sharp_kernel(kernel) == sharp


@pytest.mark.realdata
def test_given_regions_of_a_real_slice(data_dir: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    image = pytest.importorskip("PIL.Image")
    folder = data_dir / "ct" / "unenhanced_borderline"
    header = pydicom.dcmread(folder / "Training.dcm")
    hu = (header.pixel_array * float(header.RescaleSlope) + float(header.RescaleIntercept)).astype(np.float32)
    liver = np.asarray(image.open(folder / "LiverROI.png")) > 0
    spleen = np.asarray(image.open(folder / "SpleenROI.png")) > 0
    assert float(hu[liver].mean()) == pytest.approx(45.4, abs=0.05)
    assert float(hu[spleen].mean()) == pytest.approx(49.5, abs=0.05)
    row, column = (float(value) for value in header.PixelSpacing)
    volume = Volume(hu[None], Geometry.from_spacing((3.0, row, column)), "HU")
    found = measure_ct(volume, liver[None], spleen[None])
    assert found.liver.median == pytest.approx(45.4, abs=3.0)
    assert found.spleen is not None
    assert found.spleen.median == pytest.approx(49.5, abs=3.0)
    assert found.fat.low < 11.8 < found.fat.high
