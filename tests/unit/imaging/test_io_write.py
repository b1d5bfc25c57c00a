"""Writers."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Volume
from steatoscope.imaging.io.hashing import sha256_file
from steatoscope.imaging.io.write import atomic_write, write_json, write_nifti, write_png

GEOMETRY = Geometry(np.array([[0.8, 0, 0, -100.0], [0, 0.9, 0, -90.0], [0, 0, 3.0, 20.0], [0, 0, 0, 1.0]]))


def test_nifti_places_voxels_for_other_readers(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    write_nifti(tmp_path / "a.nii.gz", Volume(data, GEOMETRY, "percent"))
    image = nibabel.load(tmp_path / "a.nii.gz")
    assert np.array_equal(np.asarray(image.dataobj), data.transpose(2, 1, 0))
    assert np.allclose(image.affine @ [1, 2, 3, 1], [100 - 0.8, 90 - 1.8, 29.0, 1.0])
    assert image.get_data_dtype() == np.float32


def test_masks_are_zero_and_one(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((4, 5, 6)) > 0.5
    write_nifti(tmp_path / "a.nii.gz", mask, GEOMETRY)
    image = nibabel.load(tmp_path / "a.nii.gz")
    assert image.get_data_dtype() == np.uint8
    assert np.array_equal(np.asarray(image.dataobj), mask.transpose(2, 1, 0).astype(np.uint8))


def test_the_same_voxels_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_nifti(tmp_path / f"{name}.nii.gz", np.ones((3, 4, 5), np.float32), GEOMETRY)
    assert sha256_file(tmp_path / "a.nii.gz") == sha256_file(tmp_path / "b.nii.gz")


def test_png_of_mask_grey_and_colour(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for array in (
        rng.integers(0, 255, (6, 7), dtype=np.uint8),
        rng.integers(0, 65535, (6, 7), dtype=np.uint16),
        rng.integers(0, 255, (6, 7, 3), dtype=np.uint8),
    ):
        write_png(tmp_path / "a.png", array)
        assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), array)
    write_png(tmp_path / "a.png", array[..., 0] > 100)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), (array[..., 0] > 100) * 255)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic_write(tmp_path / "new" / "a.txt", b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        atomic_write(tmp_path / "new" / "a.txt", b"new")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.txt"]
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"old"


def test_json_holds_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []
