"""Whether values can be those of a body: shares that are known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Volume
from steatoscope.imaging.phantoms.ct import simulate_ct
from steatoscope.science.quantify.plausible import (
    BONE_HU,
    LEAST_BONE,
    LEAST_CT_FAT,
    LEAST_MR_FAT,
    bone_fault,
    bone_share,
    ct_fault,
    mr_fault,
)

GRID = Geometry.from_spacing((5.0, 2.0, 2.0))


def ct_of(shares: dict[float, float]) -> Volume:
    """A CT of 10,000 voxels with given shares of HU."""
    values = np.concatenate([np.full(round(10_000 * share), hu) for hu, share in shares.items()])
    return Volume(values.astype(np.float32).reshape(1, 100, 100), GRID, "HU")


def test_fat_soft_tissue_and_air_in_any_order_may_be_a_body():
    assert ct_fault(ct_of({-1000.0: 0.5, -100.0: 0.1, 50.0: 0.4})) == ""


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({-1000.0: 0.5, 50.0: 0.5}, "0.0% of the body has the attenuation of fat"),
        ({-1000.0: 0.5, -100.0: 0.4, 50.0: 0.05, 700.0: 0.05}, "10% of the body has the attenuation of soft tissue"),
        ({40.0: 1.0}, "0.0% of the body has the attenuation of fat"),
    ],
)
def test_the_reason_holds_the_share_that_was_measured(shares, said):
    assert ct_fault(ct_of(shares)).startswith(said)


def test_air_alone_is_told_as_no_liver_not_as_no_body():
    assert ct_fault(ct_of({-1000.0: 0.99, 50.0: 0.01})) == ""


@pytest.mark.parametrize(("share", "refused"), [(0.9 * LEAST_CT_FAT, True), (1.1 * LEAST_CT_FAT, False)])
def test_the_limit_of_fat_is_where_it_says(share, refused):
    body = {-100.0: share, 50.0: 1.0 - share}
    assert bool(ct_fault(ct_of(body))) is refused


def test_a_simulated_abdomen_is_a_body():
    assert ct_fault(simulate_ct(5.0, 1).volume) == ""


@pytest.mark.parametrize(("share", "refused"), [(0.5 * LEAST_MR_FAT, True), (2.0 * LEAST_MR_FAT, False)])
def test_a_fat_map_without_fat_under_any_skin_is_none_of_a_body(share, refused):
    signal = np.full((1, 100, 100), 100.0, np.float32)
    fat = np.full(signal.size, 8.0, np.float32)
    fat[: round(share * fat.size)] = 90.0
    fault = mr_fault(Volume(signal, GRID, "au"), fat.reshape(signal.shape))
    assert bool(fault) is refused
    assert not refused or fault.startswith(f"{share:.1%}")


def test_noise_and_unknown_voxels_do_not_count():
    signal = np.full((1, 100, 100), 1.0, np.float32)
    signal[:, :10] = 100.0
    fat = np.full(signal.shape, 95.0, np.float32)  # only the background is fatty
    fat[:, :10] = 5.0
    fat[:, 0] = np.nan
    assert mr_fault(Volume(signal, GRID, "au"), fat).startswith("0.0%")
    assert mr_fault(Volume(np.zeros_like(signal), GRID, "au"), fat) == "No voxel has signal."


def slices_with(bone_pixels: list[int], hu: float = 400.0) -> Volume:
    """Slices of 100 x 100 pixels of soft tissue, each with a patch of bone of so many pixels in a row."""
    values = np.full((len(bone_pixels), 10_000), 50.0, np.float32)
    for plane, count in zip(values, bone_pixels, strict=True):
        plane[:count] = hu
    return Volume(values.reshape(-1, 100, 100), Geometry.from_spacing((5.0, 2.0, 2.0)), "HU")


@pytest.mark.parametrize(("bone", "refused"), [([6, 6, 0, 0], False), ([6, 0, 0, 0], True), ([4, 4, 4, 4], True)])
def test_half_of_the_slices_must_show_a_patch_of_bone(bone, refused):
    fault = bone_fault(slices_with(bone))
    assert bool(fault) is refused
    assert not refused or f"is in {sum(n >= 5 for n in bone)} of 4 slices" in fault


def test_scattered_dense_pixels_and_soft_tissue_are_no_bone():
    plane = np.full((100, 100), 50.0, np.float32)
    plane[::2, ::2] = 300.0  # a quarter of all pixels, none beside another
    assert bone_share(plane) == pytest.approx(1e-4)
    assert bone_share(plane) < LEAST_BONE
    assert bone_fault(slices_with([500], hu=BONE_HU)) != ""


def test_slices_of_air_alone_are_not_asked_for_bone():
    volume = slices_with([6, 6])
    air = np.full((8, 100, 100), -1000.0, np.float32)
    assert bone_fault(Volume(np.concatenate([volume.data, air]), volume.geometry, "HU")) == ""
    assert bone_fault(Volume(air, volume.geometry, "HU")) == ""


def test_every_slice_of_a_simulated_abdomen_shows_bone():
    volume = simulate_ct(25.0, 2).volume
    assert min(bone_share(plane) for plane in volume.data) > 10 * LEAST_BONE
    assert bone_fault(volume) == ""


@pytest.mark.realdata
def test_real_abdomens_show_bone_in_every_slice(data_dir):
    from steatoscope.imaging.io.load import load_study
    from steatoscope.imaging.io.options import ReadOptions

    ct = data_dir / "ct"
    series = [[path] for path in sorted(ct.glob("unenhanced_borderline/*.dcm"))]
    series += [[ct / "totalsegmentator_examples" / "example_ct_sm.nii.gz"], [ct / "tcga_lihc_34" / "images"]]
    for paths in series:
        scan = load_study(paths, ReadOptions(modality="CT")).scan
        assert min(bone_share(plane) for plane in scan.volume.data) > 3 * LEAST_BONE, paths
