from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image

from steatoscope.core.errors import UsageError
from steatoscope.core.image import Clip, CTScan, Mask, MRScan, Study, USFacts, USScan
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.phantoms.ct import CTPhantom, simulate_ct
from steatoscope.imaging.phantoms.mr import MRPhantom, simulate_mr
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.phantoms.write_dicom import Parts, write_ct_series, write_mr_series
from steatoscope.imaging.phantoms.write_files import write_phantom


@dataclass(frozen=True, eq=False)
class FakeUltrasound:
    clip: Clip
    masks: Mapping[str, Mask]
    facts: USFacts = field(default_factory=lambda: USFacts(transducer_frequency_mhz=3.5))
    truth: Mapping[str, Any] = field(
        default_factory=lambda: {"pdff_percent": 9.0, "histology_percent": 15.0, "seed": 1}
    )
    modality: Literal["US"] = "US"


def _ultrasound(frames: int) -> FakeUltrasound:
    grey = np.random.default_rng(1).integers(0, 255, (frames, 131, 141), dtype=np.uint8)
    liver = np.zeros((131, 141), dtype=bool)
    liver[30:90, 20:100] = True
    return FakeUltrasound(Clip(grey, (0.4, 0.5), region=(5, 6, 120, 110), frame_time_ms=33.0), {"liver": liver})


@pytest.fixture(scope="module")
def ct() -> CTPhantom:
    return simulate_ct(14.0, 2, slice_mm=10.0, pixel_mm=4.4, matrix=80)


@pytest.fixture(scope="module")
def mr() -> MRPhantom:
    return simulate_mr(14.0, 2, echoes=4)


def _read(path: Path, modality: Literal["CT", "MR"] | None = None) -> Study:
    return load_study([path], ReadOptions(modality=modality))


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, -1024.0), (1.0, -1000.0), (1.0, 0.0), (0.37, -1024.5)])
def test_ct_series_comes_back_as_the_same_volume(ct: CTPhantom, tmp_path: Path, slope: float, intercept: float) -> None:
    written = write_ct_series(ct, tmp_path / "ct", slope=slope, intercept=intercept)
    assert len(written) == ct.volume.data.shape[0]
    scan = _read(tmp_path / "ct").scan
    assert isinstance(scan, CTScan)
    np.testing.assert_allclose(scan.volume.data, ct.volume.data, atol=slope / 2 + 1e-3)
    assert scan.volume.geometry.same_space(ct.volume.geometry)
    assert (scan.facts.kvp, scan.facts.contrast_agent, scan.facts.kernel) == (120.0, None, "SIMULATED SOFT")
    assert "native" in scan.facts.series_text


def test_enhanced_ct_says_so_in_its_header(tmp_path: Path) -> None:
    phantom = simulate_ct(14.0, 2, phase="portal", kvp=100.0, slice_mm=20.0, pixel_mm=4.4, matrix=80)
    write_phantom(phantom, tmp_path / "ct", "dicom")
    study = _read(tmp_path / "ct")
    assert isinstance(study.scan, CTScan)
    assert study.scan.facts.kvp == 100.0
    assert study.scan.facts.contrast_agent == "Simulated iodine"
    assert study.scan.facts.contrast_route == "IV"
    assert study.patient.age_years == 50.0


def test_ct_nifti_truth_and_masks_lie_beside_it(ct: CTPhantom, tmp_path: Path) -> None:
    out = tmp_path / "case.nii.gz"
    written = write_phantom(ct, out, "nifti")
    assert all(path.is_file() for path in written)
    scan = _read(out, "CT").scan
    assert isinstance(scan, CTScan)
    np.testing.assert_allclose(scan.volume.data, ct.volume.data, atol=0.51)
    assert scan.volume.geometry.same_space(ct.volume.geometry)
    truth = json.loads((tmp_path / "case.nii.gz.truth.json").read_text())
    assert truth["pdff_percent"] == 14.0
    mask = nibabel.load(tmp_path / "case.nii.gz.mask-liver.nii.gz")
    np.testing.assert_array_equal(np.asarray(mask.dataobj).T > 0, ct.masks["liver"])


def test_nothing_but_images_lies_in_a_dicom_folder(ct: CTPhantom, tmp_path: Path) -> None:
    write_phantom(ct, tmp_path / "ct", "dicom")
    assert {path.suffix for path in (tmp_path / "ct").iterdir()} == {".dcm"}
    assert {"ct", "ct.truth.json", "ct.mask-liver.nii.gz"} <= {path.name for path in tmp_path.iterdir()}


def test_the_same_phantom_gives_the_same_bytes_and_others_other_uids(ct: CTPhantom, tmp_path: Path) -> None:
    first, second = write_ct_series(ct, tmp_path / "a")[0], write_ct_series(ct, tmp_path / "b")[0]
    assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()
    other = write_ct_series(simulate_ct(14.0, 3, slice_mm=50.0, pixel_mm=4.4, matrix=80), tmp_path / "c")
    uids = [pydicom.dcmread(path).SOPInstanceUID for path in (first, *other)]
    assert len(set(uids)) == len(uids)
    assert all(uid.is_valid for uid in uids)


@pytest.mark.parametrize("parts", ["real_imaginary", "magnitude_phase"])
def test_mr_dicom_comes_back_complex(mr: MRPhantom, tmp_path: Path, parts: Parts) -> None:
    write_mr_series(mr, tmp_path / "mr", parts=parts)
    scan = _read(tmp_path / "mr").scan
    assert isinstance(scan, MRScan)
    assert scan.echoes is not None
    assert scan.echoes.kind == "complex"
    np.testing.assert_allclose(scan.echoes.echo_times_s, mr.train.echo_times_s, rtol=1e-6)
    assert scan.echoes.field_strength_t == mr.train.field_strength_t
    # Phase of 12 bits: half a step of 2 pi / 4096; the reader may take either sign convention for phase images.
    tolerance = (0.0001 if parts == "real_imaginary" else 0.001) * float(np.abs(mr.train.data).max())
    np.testing.assert_allclose(scan.echoes.data, mr.train.data, atol=tolerance)
    assert scan.echoes.geometry.same_space(mr.train.geometry)


def test_mr_nifti_and_mat_come_back(mr: MRPhantom, tmp_path: Path) -> None:
    write_phantom(mr, tmp_path / "bids", "nifti")
    write_phantom(mr, tmp_path / "case.mat", "mat")
    sidecars = sorted((tmp_path / "bids").glob("*part-mag*.json"))
    assert len(sidecars) == 4
    fields = json.loads(sidecars[0].read_text())
    assert fields["EchoTime"] == pytest.approx(float(mr.train.echo_times_s[0]))
    assert fields["MagneticFieldStrength"] == mr.train.field_strength_t
    for path, modality in ((tmp_path / "bids", "MR"), (tmp_path / "case.mat", None)):
        scan = _read(path, modality).scan  # type: ignore[arg-type]
        assert isinstance(scan, MRScan)
        assert scan.echoes is not None
        assert scan.echoes.kind == "complex"
        scale = float(np.abs(mr.train.data).max())
        assert scan.echoes.data.shape == mr.train.data.shape
        np.testing.assert_allclose(scan.echoes.data, mr.train.data, atol=1e-5 * scale)


@pytest.mark.parametrize("frames", [1, 3])
def test_ultrasound_dicom_keeps_frames_and_scale(tmp_path: Path, frames: int) -> None:
    phantom = _ultrasound(frames)
    write_phantom(phantom, tmp_path / "us.dcm", "dicom")
    scan = _read(tmp_path / "us.dcm").scan
    assert isinstance(scan, USScan)
    clip = scan.views[0].clip
    np.testing.assert_array_equal(clip.frames, phantom.clip.frames)
    assert clip.pixel_mm == pytest.approx((0.4, 0.5))
    assert clip.region == (5, 6, 120, 110)
    assert scan.views[0].facts.transducer_frequency_mhz == pytest.approx(3.5)
    mask = np.asarray(Image.open(tmp_path / "us.dcm.mask-liver.png")) > 0
    np.testing.assert_array_equal(mask, phantom.masks["liver"])
    assert json.loads((tmp_path / "us.dcm.truth.json").read_text())["histology_percent"] == 15.0


def test_the_ultrasound_simulator_is_written_with_its_histology_truth(tmp_path: Path) -> None:
    phantom = simulate_us(12.0, 1)
    written = write_phantom(phantom, tmp_path / "us", "dicom")
    scan = _read(tmp_path / "us").scan
    assert isinstance(scan, USScan)
    np.testing.assert_array_equal(scan.views[0].clip.frames, phantom.clip.frames)
    assert scan.views[0].facts.depth_mm == phantom.facts.depth_mm
    assert {"us.mask-liver.png", "us.mask-kidney.png"} <= {path.name for path in written}
    truth = json.loads((tmp_path / "us.truth.json").read_text())
    assert truth["pdff_percent"] == 12.0
    assert 5.0 < truth["histology_percent"] < 60.0


def test_ultrasound_png_file_and_folder(tmp_path: Path) -> None:
    one, three = _ultrasound(1), _ultrasound(3)
    write_phantom(one, tmp_path / "one.png", "png")
    write_phantom(three, tmp_path / "many", "png")
    for path, phantom in ((tmp_path / "one.png", one), (tmp_path / "many", three)):
        scan = _read(path).scan
        assert isinstance(scan, USScan)
        np.testing.assert_array_equal(scan.views[0].clip.frames, phantom.clip.frames)
    with pytest.raises(UsageError, match="3 frames need a folder"):
        write_phantom(three, tmp_path / "three.png", "png")


@pytest.mark.parametrize("fmt", ["png", "mat", "jpeg"])
def test_what_a_modality_does_not_have_is_wrong_usage(ct: CTPhantom, tmp_path: Path, fmt: str) -> None:
    with pytest.raises(UsageError, match="cannot be written as"):
        write_phantom(ct, tmp_path / "ct", fmt)
    assert list(tmp_path.iterdir()) == []


def test_files_without_the_usual_ending_go_into_a_folder(ct: CTPhantom, mr: MRPhantom, tmp_path: Path) -> None:
    assert write_phantom(ct, tmp_path / "a", "nifti")[0] == tmp_path / "a" / "ct.nii.gz"
    assert write_phantom(mr, tmp_path / "b", "mat")[0] == tmp_path / "b" / "mr.mat"
    assert write_phantom(_ultrasound(1), tmp_path / "c", "dicom")[0] == tmp_path / "c" / "us.dcm"


def _is_marked(path: Path, modality: Literal["CT", "MR"] | None = None) -> bool:
    return [note.code for note in _read(path, modality).notes].count("W_SIMULATED") == 1


@pytest.mark.parametrize("with_truth", [True, False])
def test_every_format_is_known_as_simulated(ct: CTPhantom, mr: MRPhantom, tmp_path: Path, with_truth: bool) -> None:
    cases: tuple[tuple[Any, str, str, Literal["CT", "MR"] | None], ...] = (
        (ct, "ct", "dicom", None),
        (ct, "case.nii.gz", "nifti", "CT"),
        (mr, "mr", "dicom", None),
        (mr, "bids", "nifti", "MR"),
        (mr, "case.mat", "mat", None),
        (_ultrasound(1), "us.dcm", "dicom", None),
        (_ultrasound(1), "one.png", "png", None),
        (_ultrasound(2), "many", "png", None),
    )
    for phantom, name, fmt, modality in cases:
        write_phantom(phantom, tmp_path / name, fmt)
        if not with_truth:
            (tmp_path / f"{name}.truth.json").unlink()
        assert _is_marked(tmp_path / name, modality), name


def test_a_truth_file_beside_an_image_marks_it_and_other_json_does_not(tmp_path: Path) -> None:
    Image.fromarray(_ultrasound(1).clip.frames[0]).save(tmp_path / "a.png")
    assert not _is_marked(tmp_path / "a.png")
    truth = tmp_path / "a.png.truth.json"
    for words, marked in (('{"label": 3}', False), ("[1]", False), ("no json", False), ('{"simulator": "x"}', True)):
        truth.write_text(words)
        assert _is_marked(tmp_path / "a.png") is marked


def test_simulated_dicom_is_derived(ct: CTPhantom, mr: MRPhantom, tmp_path: Path) -> None:
    for phantom, name in ((ct, "ct"), (mr, "mr"), (_ultrasound(1), "us")):
        image = next(path for path in write_phantom(phantom, tmp_path / name, "dicom") if path.suffix == ".dcm")
        assert pydicom.dcmread(image).ImageType[0] == "DERIVED"
