"""Masks on the grid of their scan."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Clip, CTScan, USScan, USView, Volume
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.masks import read_liver_mask
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.io.write import write_nifti, write_png

AFFINE = np.array([[0.8, 0, 0, -100.0], [0, 0.9, 0, -90.0], [0, 0, 3.0, 20.0], [0, 0, 0, 1.0]])


def scan(slices: int = 4) -> CTScan:
    return CTScan(Volume(np.zeros((slices, 40, 50), np.float32), Geometry(AFFINE.copy()), "HU"))


def drawn(slices: int = 4) -> np.ndarray:
    return np.random.default_rng(0).random((slices, 40, 50)) > 0.8


def code_of(path: Path, of: CTScan, **parameters: object) -> str:
    with pytest.raises(SteatoscopeError) as caught:
        read_liver_mask(path, of, **parameters)
    assert caught.value.path == str(path)
    return caught.value.code


@pytest.mark.parametrize("axes", ["LPS", "RAS", "LAS", "SPL", "AIR"])
def test_nifti_in_any_orientation_lands_on_the_same_voxels(tmp_path: Path, axes: str) -> None:
    image = nibabel.Nifti1Image(np.transpose(drawn(), (2, 1, 0)).astype(np.uint8), Geometry(AFFINE).to_ras())
    turn = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(axes)
    )
    nibabel.save(image.as_reoriented(turn), tmp_path / "m.nii.gz")
    assert np.array_equal(read_liver_mask(tmp_path / "m.nii.gz", scan()), drawn())


def test_other_grids_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.nii.gz"
    write_nifti(file, drawn(3), Geometry(AFFINE.copy()))
    assert code_of(file, scan()) == "E_SIZE"
    for change in ((0, 3, 5.0), (0, 0, 0.9), (1, 0, 0.2)):
        moved = AFFINE.copy()
        moved[change[:2]] = AFFINE[change[:2]] + change[2] if change[1] == 3 else change[2]
        write_nifti(file, drawn(), Geometry(moved))
        assert code_of(file, scan()) == "E_SIZE"


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "I;16"])
def test_png_in_every_mode(tmp_path: Path, mode: str) -> None:
    values = drawn(1)[0].astype(np.uint8)
    image = Image.fromarray(values * 255)
    if mode == "I;16":
        image = Image.fromarray(values.astype(np.uint16) * 3)
    elif mode == "P":
        image = Image.fromarray(values * 7, mode="L").convert("L")
        image.putpalette([0, 0, 0] * 7 + [200, 0, 0] * 249)
    else:
        image = image.convert(mode)
    image.save(tmp_path / "m.png")
    assert np.array_equal(read_liver_mask(tmp_path / "m.png", scan(1)), drawn(1))


def test_alpha_alone_is_a_mask(tmp_path: Path) -> None:
    rgba = np.zeros((40, 50, 4), np.uint8)
    rgba[..., 3] = drawn(1)[0] * 255
    Image.fromarray(rgba).save(tmp_path / "m.png")
    assert np.array_equal(read_liver_mask(tmp_path / "m.png", scan(1)), drawn(1))
    rgba[..., 3] = 255
    Image.fromarray(rgba).save(tmp_path / "m.png")
    assert not read_liver_mask(tmp_path / "m.png", scan(1)).any()


def test_a_folder_is_one_mask_a_slice(tmp_path: Path) -> None:
    for index, flat in enumerate(drawn(12)):
        write_png(tmp_path / f"m_{index}.png", flat)
    assert np.array_equal(read_liver_mask(tmp_path, scan(12)), drawn(12))
    names = [f"i{index}.dcm" for index in reversed(range(12))]
    assert np.array_equal(read_liver_mask(tmp_path, scan(12), order=names), drawn(12)[::-1])
    assert code_of(tmp_path, scan(11)) == "E_SIZE"


def test_one_png_names_its_slice(tmp_path: Path) -> None:
    write_png(tmp_path / "Test2_spleen.png", drawn(1)[0])
    names = ["Test1.dcm", "Test3.dcm", "Test2.dcm", "Other.dcm"]
    mask = read_liver_mask(tmp_path / "Test2_spleen.png", scan(), order=names)
    assert np.array_equal(mask[2], drawn(1)[0])
    assert not mask[[0, 1, 3]].any()
    assert code_of(tmp_path / "Test2_spleen.png", scan()) == "E_SIZE"


def test_ultrasound_frames_share_a_mask(tmp_path: Path) -> None:
    of = USScan((USView(None, Clip(np.zeros((3, 40, 50), np.uint8))),))
    write_png(tmp_path / "m.png", drawn(1)[0])
    assert np.array_equal(read_liver_mask(tmp_path / "m.png", of), np.repeat(drawn(1), 3, axis=0))


def test_wrong_masks_have_codes(tmp_path: Path) -> None:
    assert code_of(tmp_path / "absent.png", scan()) == "E_PATH"
    (tmp_path / "m.png").write_bytes(b"")
    assert code_of(tmp_path / "m.png", scan()) == "E_EMPTY"
    (tmp_path / "m.png").write_text("words")
    assert code_of(tmp_path / "m.png", scan()) == "E_FORMAT"
    write_png(tmp_path / "m.png", np.ones((40, 51), bool))
    assert code_of(tmp_path / "m.png", scan(1)) == "E_SIZE"


@pytest.mark.realdata
def test_real_roi_gives_the_published_liver_attenuation(data_dir: Path) -> None:
    folder = data_dir / "ct" / "unenhanced_borderline"
    of = load_study([folder / "Training.dcm"], ReadOptions()).scan
    mask = read_liver_mask(folder / "LiverROI.png", of)
    assert of.volume.data[mask].mean() == pytest.approx(45.4, abs=0.05)
    assert np.median(of.volume.data[mask]) == 46.0


@pytest.mark.realdata
def test_real_mask_that_is_flipped_in_y(data_dir: Path) -> None:
    folder = data_dir / "ct" / "totalsegmentator_examples"
    of = load_study([folder / "example_ct_dicom"], ReadOptions()).scan
    image = nibabel.load(folder / "example_seg_dicom.nii.gz")
    liver = np.asarray(image.dataobj) == 5
    spleen = np.asarray(image.dataobj) == 1
    assert liver.any() or spleen.any()
    mask = read_liver_mask(folder / "example_seg_dicom.nii.gz", of)
    assert mask.shape == of.volume.data.shape
    inside = of.volume.data[mask]
    assert np.mean(inside > -200.0) > np.mean(of.volume.data > -200.0) + 0.2
    assert np.mean(inside > -200.0) > np.mean(of.volume.data[mask[:, ::-1]] > -200.0)
