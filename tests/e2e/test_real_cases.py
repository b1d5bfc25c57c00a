"""The main job on real images: what the issue of the spine asks to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from calling import Steatoscope

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

ENHANCED = [
    "ct/contrast_slices/lymph_nodes_a",
    "ct/contrast_slices/pancreas_ct_a",
    "ct/contrast_slices/pancreas_ct_b",
    "ct/chaos_ct",
    "ct/totalsegmentator_examples/example_ct_dicom",
]
BORDERLINE = "ct/unenhanced_borderline"
SLICES = ["Training", "Test1", "Test2", "Test3", "Validation1", "Validation2", "Validation3"]
ROI_HU = 45.4


def values(report: dict[str, Any]) -> dict[str, float]:
    return {item["name"]: item["value"] for item in report["measurements"]}


@pytest.mark.parametrize("case", ENHANCED)
def test_enhanced_ct_is_refused_with_hu_and_category(
    steatoscope: Steatoscope, data_dir: Path, tmp_path: Path, case: str
) -> None:
    answer = steatoscope("analyze", data_dir / case, "--out", tmp_path / "out")
    report = answer.document
    assert (answer.code, report["error"]["code"]) == (4, "E_CONTRAST")
    assert (report["fat"], report["grade"]) == (None, None)
    assert values(report)["liver_hu"] > 60.0
    assert report["category"]["label"] in ("likely_moderate_or_more", "indeterminate", "unlikely")
    assert (tmp_path / "out/report.pdf").is_file()


@pytest.mark.parametrize("name", [None, *SLICES])
def test_unenhanced_borderline_ct(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path, name: str | None) -> None:
    path = data_dir / BORDERLINE / f"{name}.dcm" if name else data_dir / BORDERLINE
    answer = steatoscope("analyze", path, "--out", tmp_path / "out")
    assert answer.code == 0, answer.document["quality"]
    report = answer.document
    assert values(report)["liver_hu"] == pytest.approx(ROI_HU, abs=3.0)
    assert report["grade"]["label"] == "mild"
    assert report["fat"]["scale"] == "ct_pdff_equiv"
    assert report["segmentation"]["liver"]["volume_ml"] is None
    assert "W_PARTIAL" in [code["code"] for code in report["quality"]["codes"]]


def test_given_roi_is_measured_as_drawn(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / BORDERLINE
    answer = steatoscope(
        "analyze", folder / "Training.dcm", "--liver-mask", folder / "LiverROI.png", "--out", tmp_path / "out"
    )
    assert answer.code == 0
    assert values(answer.document)["liver_hu"] == pytest.approx(ROI_HU, abs=2.0)


def test_unenhanced_nifti_example(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / "ct/totalsegmentator_examples/example_ct_sm.nii.gz"
    answer = steatoscope("analyze", path, "--modality", "ct", "--out", tmp_path / "out")
    assert answer.code == 0, answer.document["quality"]
    assert values(answer.document)["liver_hu"] == pytest.approx(46.0, abs=3.0)
    assert "W_KVP" in [code["code"] for code in answer.document["quality"]["codes"]]


def test_bipolar_mr_with_a_given_liver(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    from steatoscope.imaging.io.load import load_study
    from steatoscope.imaging.io.options import ReadOptions

    path = data_dir / "mr/bipolar/liver_12echo_bipolar.mat"
    scan = load_study([path], ReadOptions()).scan
    mask = np.zeros(scan.anatomy.data.shape[1:], dtype=np.uint8)  # type: ignore[union-attr]
    mask[100:120, 70:100] = 255
    Image.fromarray(mask).save(tmp_path / "liver.png")
    answer = steatoscope("analyze", path, "--liver-mask", tmp_path / "liver.png", "--out", tmp_path / "out")
    assert answer.code == 0, answer.document["quality"]
    assert 2.5 <= answer.document["fat"]["value_percent"] <= 4.0
    assert "W_BIPOLAR" in [code["code"] for code in answer.document["quality"]["codes"]]


@pytest.mark.parametrize("patient", ["patient_07", "patient_29"])
def test_ultrasound_patient(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path, patient: str) -> None:
    answer = steatoscope("analyze", data_dir / "us/byra2018" / patient, "--out", tmp_path / "out")
    assert answer.code == 0, answer.document["quality"]
    report = answer.document
    assert (report["fat"]["scale"], report["grade"]["profile"]) == ("histology", "histology_nash")
    assert report["grade"]["limits"] == [5.0, 33.0, 66.0]
    assert report["baseline"]["percentile"] is None
    codes = [code["code"] for code in report["quality"]["codes"]]
    assert "W_SPACING" in codes
    assert "W_FIRSTMODEL" not in codes
    index = next(item for item in report["measurements"] if item["name"] == "hepatorenal_index")
    assert 0.5 < index["value"] < 4.0
    assert index["quality"] in ("ok", "warn", "poor")
    assert {"us-steatosis", "us-segmenter"} <= {model["name"] for model in report["models"]}
    assert report["lesion"] is None


def test_the_first_ultrasound_model_is_selectable(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / "us/byra2018/patient_07/frame_05.png"
    answer = steatoscope("analyze", path, "--model", "us-first", "--out", tmp_path / "out")
    assert answer.code == 0, answer.document["quality"]
    assert "us-first" in [model["name"] for model in answer.document["models"]]
    assert "W_FIRSTMODEL" in [code["code"] for code in answer.document["quality"]["codes"]]


def test_a_model_for_another_modality_is_wrong_usage(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / "us/byra2018/patient_07/frame_05.png"
    answer = steatoscope("analyze", path, "--model", "ct-segmenter", "--out", tmp_path / "out")
    assert answer.code == 2
    assert not (tmp_path / "out").exists()


def test_a_mass_is_marked_without_a_class(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / "us/aul/images/malignant_175.jpg"
    report = steatoscope("analyze", path, "--out", tmp_path / "out").document
    lesions = [region for region in report["regions"] if region["kind"] == "lesion"]
    assert len(lesions) >= 1
    assert lesions[0]["detector"].startswith("us-localiser")
    assert report["lesion"] is None
    assert list((tmp_path / "out").glob("mask-lesion-frame*.png"))


@pytest.mark.parametrize("slices", [(0, 20), (15, 35), (12, 13), (21, 22), (27, 28)])
def test_a_pelvis_has_no_liver(
    steatoscope: Steatoscope, data_dir: Path, tmp_path: Path, slices: tuple[int, int]
) -> None:
    import nibabel as nib

    whole = nib.load(data_dir / "ct/totalsegmentator_examples/example_ct.nii.gz")
    nib.save(whole.slicer[:, :, slices[0] : slices[1]], tmp_path / "pelvis.nii.gz")
    answer = steatoscope("analyze", tmp_path / "pelvis.nii.gz", "--modality", "ct", "--out", tmp_path / "out")
    assert answer.code == 4
    assert answer.document["fat"] is None


def test_a_neck_has_no_liver(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path) -> None:
    answer = steatoscope("analyze", data_dir / "mr/ismrm2012/16.mat", "--out", tmp_path / "out")
    assert (answer.code, answer.document["error"]["code"]) == (4, "E_NOLIVER")


def test_ultrasound_cine_dicom(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / "dicom/liver_byra_p01_fat03_cine10_rle.dcm"
    answer = steatoscope("analyze", path, "--out", tmp_path / "out")
    assert answer.code == 0, answer.document["quality"]
    assert answer.document["inputs"][0]["frames"] == 10


def test_mr_survey_is_refused(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path) -> None:
    answer = steatoscope("analyze", data_dir / "dicom/mr_survey_philips", "--out", tmp_path / "out")
    assert (answer.code, answer.document["error"]["code"]) == (4, "E_TE")


@pytest.mark.parametrize("case", ["ct/unenhanced_borderline", "us/byra2018/patient_07"])
def test_same_input_same_digest(steatoscope: Steatoscope, data_dir: Path, tmp_path: Path, case: str) -> None:
    digests = {
        steatoscope("analyze", data_dir / case, "--out", tmp_path / name).document["provenance"]["report_digest"]
        for name in ("one", "two")
    }
    assert len(digests) == 1
