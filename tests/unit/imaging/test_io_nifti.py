"""CT and MR in NIfTI."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import CTScan, EchoTrain, MRScan, Volume
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.nifti import read_nifti
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.io.write import write_json, write_nifti, write_nifti_echoes

GEOMETRY = Geometry(
    np.array([[0.8, 0, 0, -100.0], [0, 0.9, 0.1, -90.0], [0, -0.03, 3.0, 20.0], [0, 0, 0, 1.0]], dtype=np.float64)
)


def hounsfield(shape: tuple[int, int, int] = (4, 40, 50)) -> np.ndarray:
    return np.random.default_rng(1).integers(-1000, 1000, shape).astype(np.int16)


def train(kind: str = "complex", echoes: int = 3) -> EchoTrain:
    rng = np.random.default_rng(2)
    data = rng.normal(size=(echoes, 3, 34, 36)) + 1j * rng.normal(size=(echoes, 3, 34, 36))
    signal = data.astype(np.complex64) if kind == "complex" else np.abs(data).astype(np.float32)
    return EchoTrain(signal, np.arange(1, echoes + 1) * 1.2e-3, 1.5, GEOMETRY, kind)


def code_of(path: Path, **options: object) -> str:
    with pytest.raises(SteatoscopeError) as caught:
        load_study([path], ReadOptions(**options))
    return caught.value.code


def test_ct_keeps_grid_values_and_place(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii.gz", hounsfield(), GEOMETRY)
    study = load_study([tmp_path / "a.nii.gz"], ReadOptions(modality="CT"))
    assert isinstance(study.scan, CTScan)
    assert np.array_equal(study.scan.volume.data, hounsfield())
    assert study.scan.volume.unit == "HU"
    assert study.scan.volume.geometry.known
    assert study.scan.volume.geometry.same_space(GEOMETRY, tolerance_mm=1e-4)


@pytest.mark.parametrize("axes", ["RAS", "LPS", "PIR", "SLA"])
def test_every_voxel_keeps_its_place_in_any_orientation(tmp_path: Path, axes: str) -> None:
    image = nibabel.Nifti1Image(np.transpose(hounsfield((33, 40, 50)), (2, 1, 0)), GEOMETRY.to_ras())
    turn = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(axes)
    )
    turned = image.as_reoriented(turn)
    nibabel.save(turned, tmp_path / "a.nii")
    read = read_nifti(tmp_path / "a.nii")
    index = (5, 7, 9)
    place = read.geometry.to_ras() @ np.array([9, 7, 5, 1.0])
    source = np.linalg.inv(image.affine) @ place
    column, row, slice_ = np.rint(source[:3]).astype(int)
    assert read.data[index] == hounsfield((33, 40, 50))[slice_, row, column]


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.transpose(hounsfield() + 1024, (2, 1, 0)).astype(np.uint16), np.eye(4))
    image.header.set_slope_inter(0.5, -1024.25)
    nibabel.save(image, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    assert np.frombuffer(content, "<u2", offset=352)[0] != 0
    read = read_nifti(tmp_path / "a.nii")
    expected = np.asarray(nibabel.load(tmp_path / "a.nii").dataobj).transpose(2, 1, 0)
    assert np.allclose(read.data, expected, atol=1e-3)


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_both_versions_and_byte_orders(tmp_path: Path, second: bool, order: str) -> None:
    kind = nibabel.Nifti2Image if second else nibabel.Nifti1Image
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.int16)
    nibabel.save(kind(np.transpose(hounsfield(), (2, 1, 0)), GEOMETRY.to_ras(), header=header), tmp_path / "a.nii")
    read = load_study([tmp_path / "a.nii"], ReadOptions(modality="CT")).scan
    assert np.array_equal(read.volume.data, hounsfield())


def test_modality_must_be_given(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", hounsfield(), GEOMETRY)
    with pytest.raises(UsageError, match="--modality"):
        load_study([tmp_path / "a.nii"], ReadOptions())
    assert code_of(tmp_path / "a.nii", modality="US") == "E_MODALITY"


def test_wrong_ct_has_codes(tmp_path: Path) -> None:
    file = tmp_path / "a.nii.gz"
    write_nifti(file, np.clip(hounsfield() // 8 + 128, 0, 255).astype(np.int16), GEOMETRY)
    assert code_of(file, modality="CT") == "E_DEPTH"
    assert load_study([file], ReadOptions(modality="CT", allow_eight_bit=True)).scan.volume.unit == "au"
    write_nifti(file, hounsfield() + 1024, GEOMETRY)
    assert code_of(file, modality="CT") == "E_DEPTH"
    for bad in (np.nan, np.inf):
        values = hounsfield().astype(np.float32)
        values[1, 2, 3] = bad
        write_nifti(file, values, GEOMETRY)
        assert code_of(file, modality="CT") == "E_NAN"
    write_nifti(file, hounsfield((4, 31, 50)), GEOMETRY)
    assert code_of(file, modality="CT") == "E_SIZE"


@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_cut_files_are_truncated(tmp_path: Path, share: float) -> None:
    for name in ("a.nii", "a.nii.gz"):
        write_nifti(tmp_path / name, hounsfield(), GEOMETRY)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
        assert code_of(tmp_path / name, modality="CT") == "E_TRUNCATED"


def test_a_packed_bomb_is_judged_by_its_header(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float64)
    header["dim"][:4] = (3, 4000, 4000, 4000)
    header["magic"] = b"n+1"
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(1000)))
    assert code_of(tmp_path / "a.nii.gz", modality="CT") == "E_BOMB"


def test_a_mask_beside_the_ct_is_ignored(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii.gz", hounsfield(), GEOMETRY)
    write_nifti(tmp_path / "b.nii.gz", hounsfield() > 0, GEOMETRY)
    study = load_study([tmp_path], ReadOptions(modality="CT"))
    assert study.scan.volume.data.min() < -900
    assert study.source["ignored"] == ["b.nii.gz"]


@pytest.mark.parametrize("kind", ["complex", "magnitude"])
def test_echoes_come_back_from_bids(tmp_path: Path, kind: str) -> None:
    written = train(kind)
    write_nifti_echoes(tmp_path, "sub-1", written, {"FlipAngle": 5, "RepetitionTime": 0.012})
    write_nifti(tmp_path / "sub-1_liver_mask.nii.gz", written.data[0].real > 1, GEOMETRY)
    scan = load_study([tmp_path], ReadOptions(modality="MR")).scan
    assert isinstance(scan, MRScan)
    assert scan.echoes is not None
    assert scan.echoes.kind == kind
    assert scan.echoes.data.dtype == written.data.dtype
    assert np.allclose(scan.echoes.data, written.data, atol=1e-5)
    assert np.allclose(scan.echoes.echo_times_s, written.echo_times_s)
    assert scan.echoes.field_strength_t == 1.5
    assert np.allclose(scan.anatomy.data, np.sqrt(np.mean(np.abs(written.data) ** 2, axis=0)), rtol=1e-5)
    assert scan.facts.flip_angle_deg == 5.0
    assert scan.facts.repetition_time_ms == pytest.approx(12.0)


@pytest.mark.parametrize(("scale", "offset"), [(4096.0, 0.0), (2048.0, 2048.0), (1000.0 * np.pi, 0.0)])
def test_phase_scales(tmp_path: Path, scale: float, offset: float) -> None:
    written = train()
    write_nifti_echoes(tmp_path, "s", written)
    for file in tmp_path.glob("*phase*.nii.gz"):
        phase = read_nifti(file).data / np.pi * scale + offset
        write_nifti(file, phase.clip(-4096, 4095).astype(np.float32), GEOMETRY)
        sidecar = file.with_name(file.name.replace(".nii.gz", ".json"))
        write_json(sidecar, {**json.loads(sidecar.read_text()), "Units": "arbitrary"})
    signal = load_study([tmp_path], ReadOptions(modality="MR")).scan.echoes.data
    half_turn = -1.0 if offset else 1.0
    assert np.allclose(signal, half_turn * written.data, atol=0.02)


def test_four_axes_with_a_list_of_echo_times(tmp_path: Path) -> None:
    magnitude = train("magnitude")
    write_nifti(tmp_path / "a.nii.gz", magnitude.data[::-1].copy(), GEOMETRY)
    write_json(tmp_path / "a.json", {"EchoTime": [3.6, 2.4, 1.2], "MagneticFieldStrength": 15000})
    echoes = load_study([tmp_path / "a.nii.gz"], ReadOptions(modality="MR")).scan.echoes
    assert np.allclose(echoes.echo_times_s, [1.2e-3, 2.4e-3, 3.6e-3])
    assert np.allclose(echoes.data, magnitude.data)
    assert echoes.field_strength_t == 1.5


def test_without_sidecar_or_with_one_echo_there_is_an_anatomy_only(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii.gz", train("magnitude").data, GEOMETRY)
    study = load_study([tmp_path / "a.nii.gz"], ReadOptions(modality="MR"))
    assert study.scan.echoes is None
    assert study.scan.anatomy.data.shape == (3, 34, 36)
    assert [note.code for note in study.notes] == ["W_TE"]
    write_nifti_echoes(tmp_path / "one", "s", train("magnitude", 1))
    alone = load_study([tmp_path / "one"], ReadOptions(modality="MR"))
    assert alone.scan.echoes is None
    assert alone.scan.facts.field_strength_t == 1.5


def test_broken_sidecar_and_misfit_parts(tmp_path: Path) -> None:
    write_nifti_echoes(tmp_path, "s", train())
    file = tmp_path / "s_echo-2_part-phase_MEGRE.nii.gz"
    write_nifti(file, np.zeros((3, 40, 36), np.float32), GEOMETRY)
    assert code_of(tmp_path, modality="MR") == "E_FORMAT"
    file.with_name("s_echo-2_part-phase_MEGRE.json").write_text("{broken")
    assert code_of(tmp_path, modality="MR") == "E_FORMAT"


def fat_map(top: float) -> np.ndarray:
    """A body with 5 % liver, 95 % subcutaneous fat and air around."""
    share = np.zeros((3, 60, 60), np.float32)
    share[:, 5:55, 5:55] = 0.95
    share[:, 10:50, 10:50] = 0.05
    return share * np.float32(top)


@pytest.mark.parametrize("top", [1.0, 100.0, 1000.0])
def test_pdff_scale_from_units_or_values(tmp_path: Path, top: float) -> None:
    file = tmp_path / "a_PDFF.nii.gz"
    write_nifti(file, Volume(fat_map(top), GEOMETRY, "au"))
    for units in (None, {1.0: "fraction", 100.0: "percent", 1000.0: "permille"}[top]):
        write_json(tmp_path / "a_PDFF.json", {"Units": units} if units else {})
        pdff = load_study([file], ReadOptions(modality="MR")).scan.pdff
        assert pdff.unit == "percent"
        assert pdff.data[1, 30, 30] == pytest.approx(5.0, abs=1e-4)


@pytest.mark.parametrize("value", [0.04, 0.8, 4.0, 40.0, 80.0, 95.0])
def test_the_scale_of_a_masked_liver_stays_unclear(tmp_path: Path, value: float) -> None:
    masked = np.zeros((3, 60, 60), np.float32)
    masked[:, 20:40, 20:40] = value * np.random.default_rng(0).uniform(0.6, 1.05, (3, 20, 20))
    write_nifti(tmp_path / "liver_pdff.nii.gz", masked, GEOMETRY)
    assert code_of(tmp_path / "liver_pdff.nii.gz", modality="MR") == "E_SCALE"


def test_units_that_contradict_the_values(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a_pdff.nii.gz", fat_map(1.0), GEOMETRY)
    write_json(tmp_path / "a_pdff.json", {"Units": "percent"})
    assert code_of(tmp_path / "a_pdff.nii.gz", modality="MR") == "E_SCALE"


@pytest.mark.realdata
def test_real_ct(data_dir: Path) -> None:
    folder = data_dir / "ct" / "totalsegmentator_examples"
    scan = load_study([folder / "example_ct_sm.nii.gz"], ReadOptions(modality="CT")).scan
    liver = read_nifti(folder / "example_seg.nii.gz").data == 5
    assert np.median(scan.volume.data[liver]) == pytest.approx(46.0, abs=1.0)


def test_a_magnitude_image_without_a_sidecar_says_what_is_missing(tmp_path: Path) -> None:
    write_nifti(tmp_path / "liver.nii", hounsfield().astype(np.int16) + 1100, Geometry.from_spacing((3.0, 1.0, 1.0)))
    (note,) = load_study([tmp_path / "liver.nii"], ReadOptions(modality="MR")).notes
    assert note.code == "W_TE"
    assert "no BIDS sidecar" in note.message
    write_json(tmp_path / "liver.json", {"EchoTime": 0.0046, "MagneticFieldStrength": 1.5})
    assert load_study([tmp_path / "liver.nii"], ReadOptions(modality="MR")).notes == ()
