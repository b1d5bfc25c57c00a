"""Organs on real CT and MR: attenuations beside the given regions, and the contrast phase that follows from them."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from steatoscope.core.image import CTScan, MRScan, Volume
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.science.quantify.ct_gates import OrganHU, phase_from_organs
from steatoscope.science.segment.ct import CTOrgans, find_ct_organs
from steatoscope.science.segment.morphology import eroded
from steatoscope.science.segment.mr import find_mr_liver

pytestmark = pytest.mark.realdata


def _ct(path: Path) -> Volume:
    scan = load_study([path], ReadOptions(modality="CT")).scan
    assert isinstance(scan, CTScan)
    return scan.volume


def _phase(found: CTOrgans) -> str | None:
    return phase_from_organs(OrganHU(**found.hu))


def _median(volume: Volume, mask: np.ndarray) -> float:
    inside = eroded(mask, volume.geometry.spacing, 5.0)
    return float(np.median(volume.data[inside]))


@pytest.mark.parametrize("name", ["lymph_nodes_a", "pancreas_ct_a", "pancreas_ct_b"])
def test_enhanced_single_slices(data_dir: Path, name: str) -> None:
    (path,) = (data_dir / "ct" / "contrast_slices" / name).glob("*.dcm")
    found = find_ct_organs(_ct(path))
    assert found.liver is not None
    assert _phase(found) in {"arterial", "portal_venous", "enhanced"}


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["ct/chaos_ct/Data_3D/DICOM_anon", "ct/totalsegmentator_examples/example_ct_dicom"])
def test_enhanced_volumes(data_dir: Path, folder: str) -> None:
    found = find_ct_organs(_ct(data_dir / folder))
    assert found.liver is not None
    assert _phase(found) in {"arterial", "portal_venous", "enhanced"}
    assert found.bright_share is not None
    assert found.bright_share > 0.1


SLICES = ["Training", "Test1", "Test2", "Test3", "Validation1", "Validation2", "Validation3"]


@pytest.mark.parametrize("name", SLICES)
def test_unenhanced_single_slices(data_dir: Path, name: str) -> None:
    volume = _ct(data_dir / "ct" / "unenhanced_borderline" / f"{name}.dcm")
    found = find_ct_organs(volume)
    assert found.liver is not None
    assert abs(_median(volume, found.liver) - 45.4) < 3.0
    assert _phase(found) == "unenhanced"


@pytest.mark.parametrize("name", ["Training", "Validation1", "Validation2"])
def test_right_kidney_is_no_part_of_the_liver(data_dir: Path, name: str) -> None:
    volume = _ct(data_dir / "ct" / "unenhanced_borderline" / f"{name}.dcm")
    found = find_ct_organs(volume)
    assert found.liver is not None
    assert found.confidence["liver"] < 0.7
    within_kidney = found.liver[0, 345:385, 150:200]
    assert within_kidney.mean() < 0.02


def test_unenhanced_slab(data_dir: Path) -> None:
    volume = _ct(data_dir / "ct" / "unenhanced_borderline")
    found = find_ct_organs(volume)
    assert found.liver is not None
    assert found.spleen is not None
    assert abs(_median(volume, found.liver) - 45.4) < 3.0
    assert abs(_median(volume, found.spleen) - 49.5) < 3.0
    assert _phase(found) == "unenhanced"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["example_ct_sm", "example_ct"])
def test_unenhanced_thick_volume(data_dir: Path, name: str) -> None:
    folder = data_dir / "ct" / "totalsegmentator_examples"
    volume = _ct(folder / f"{name}.nii.gz")
    found = find_ct_organs(volume)
    assert found.liver is not None
    assert found.spleen is not None
    assert abs(_median(volume, found.liver) - 46.0) < 3.0
    assert abs(_median(volume, found.spleen) - 35.0) < 5.0
    assert found.hu["aorta"] is not None
    assert abs(found.hu["aorta"] - 42.0) < 6.0
    assert _phase(found) == "unenhanced"
    if name == "example_ct_sm":
        truth = np.asarray(nib.load(folder / "example_seg.nii.gz").dataobj).transpose(2, 1, 0) == 5
        dice = 2.0 * (found.liver & truth).sum() / (found.liver.sum() + truth.sum())
        assert dice > 0.85


def test_pelvis_has_no_liver(data_dir: Path) -> None:
    whole = _ct(data_dir / "ct" / "totalsegmentator_examples" / "example_ct.nii.gz")
    assert find_ct_organs(Volume(whole.data[:45], whole.geometry, "HU")).liver is None


def _mr(path: Path) -> Volume:
    scan = load_study([path], ReadOptions()).scan
    assert isinstance(scan, MRScan)
    return scan.anatomy


def test_bipolar_liver_holds_the_known_box(data_dir: Path) -> None:
    (path,) = (data_dir / "mr" / "bipolar").glob("*.mat")
    found = find_mr_liver(_mr(path))
    assert found.mask is not None
    assert found.mask[0, 100:120, 70:100].mean() > 0.95


def test_liver_dome_neck_and_hip(data_dir: Path) -> None:
    dome = find_mr_liver(_mr(data_dir / "mr" / "ismrm2012" / "12.mat"))
    assert dome.mask is not None
    assert np.nonzero(dome.mask)[2].mean() < 128
    for other in ("16", "17"):
        assert find_mr_liver(_mr(data_dir / "mr" / "ismrm2012" / f"{other}.mat")).mask is None
