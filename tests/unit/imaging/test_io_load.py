"""One study from whatever lies at a path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import CTScan, USScan
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.io.sniff import sniff_bytes
from steatoscope.imaging.io.write import write_nifti

UNIT = Geometry.from_spacing((3.0, 1.0, 1.0))


def frame(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (140, 160), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def shape(*paths: Path, **options: object) -> tuple[int, ...]:
    scan = load_study(paths, ReadOptions(**options)).scan
    assert isinstance(scan, USScan)
    return scan.views[0].clip.frames.shape


def test_nothing_given_is_wrong_usage() -> None:
    with pytest.raises(UsageError):
        load_study([], ReadOptions())


def test_several_files_are_one_acquisition(tmp_path: Path) -> None:
    files = [frame(tmp_path / "a" / "1.png"), frame(tmp_path / "b" / "2.png", 1)]
    assert shape(*files) == (2, 140, 160)


def test_a_named_file_must_be_an_image(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words")
    with pytest.raises(SteatoscopeError) as caught:
        load_study([frame(tmp_path / "1.png"), tmp_path / "notes.txt"], ReadOptions())
    assert (caught.value.code, caught.value.path) == ("E_FORMAT", str(tmp_path / "notes.txt"))


def refused(*paths: Path, **options: object) -> tuple[str, str | None]:
    with pytest.raises(SteatoscopeError) as caught:
        load_study(paths, ReadOptions(**options))
    return caught.value.code, caught.value.path


def test_the_folder_with_most_frames_is_the_acquisition(tmp_path: Path) -> None:
    for seed, name in enumerate(("study/1.png", "study/2.png", "study/Doe_Jane/1.png")):
        frame(tmp_path / name, seed)
    (tmp_path / "study" / "notes.txt").write_text("words")
    for path in (tmp_path, tmp_path / "study"):
        study = load_study([path], ReadOptions())
        assert study.scan.views[0].clip.frames.shape[0] == 2
        assert [Path(name).name for name in study.source["ignored"]] == ["1.png", "notes.txt"]
        (note,) = study.notes
        assert note.message.endswith("1 file: not measured; 1 file: no images of the study.")
        assert "Doe" not in note.message


def test_a_tree_of_several_subjects_is_mixed(tmp_path: Path) -> None:
    for number in range(3):
        frame(tmp_path / "all" / f"patient_{number}" / "1.png", number)
    (tmp_path / "all" / "labels.csv").write_text("words")
    assert refused(tmp_path / "all") == ("E_MIXED", str(tmp_path / "all"))
    assert refused(tmp_path) == ("E_MIXED", str(tmp_path / "all"))
    assert shape(tmp_path / "all" / "patient_1") == (1, 140, 160)
    frame(tmp_path / "all" / "patient_1" / "masks" / "liver.png")
    assert shape(tmp_path / "all" / "patient_1") == (1, 140, 160)


def test_no_given_path_is_dropped(tmp_path: Path) -> None:
    one, two = frame(tmp_path / "1.png"), frame(tmp_path / "2.png", 1)
    volume = tmp_path / "ct.nii"
    write_nifti(volume, np.random.default_rng(0).integers(-900, 900, (3, 40, 40)).astype(np.int16), UNIT)
    assert refused(one, two, volume, modality="CT") == ("E_MIXED", str(one))
    small = tmp_path / "small.png"
    Image.fromarray(np.random.default_rng(2).integers(0, 256, (130, 130), dtype=np.uint8)).save(small)
    assert refused(one, two, small) == ("E_MIXED", str(small))
    other = frame(tmp_path / "other" / "3.png", 3)
    assert refused(one, two, other.parent) == ("E_MIXED", str(other))
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "notes.txt").write_text("words")
    assert refused(one, tmp_path / "words") == ("E_FORMAT", str(tmp_path / "words"))


def test_links_that_lead_outside_are_not_followed(tmp_path: Path) -> None:
    frame(tmp_path / "outside" / "secret.png")
    frame(tmp_path / "inside" / "1.png")
    (tmp_path / "inside" / "2.png").symlink_to(tmp_path / "outside" / "secret.png")
    (tmp_path / "inside" / "sub").symlink_to(tmp_path / "outside", target_is_directory=True)
    (tmp_path / "inside" / "loop").symlink_to(tmp_path / "inside", target_is_directory=True)
    assert shape(tmp_path / "inside") == (1, 140, 160)


def test_hidden_and_system_files_are_passed_over(tmp_path: Path) -> None:
    frame(tmp_path / "1.png")
    for name in (".DS_Store", "__MACOSX/x.png", "Thumbs.db"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"words")
    study = load_study([tmp_path], ReadOptions())
    assert study.notes == ()


def test_nifti_comes_before_pictures(tmp_path: Path) -> None:
    write_nifti(tmp_path / "ct.nii", np.random.default_rng(0).integers(-900, 900, (3, 40, 40)).astype(np.int16), UNIT)
    frame(tmp_path / "overlay.png")
    study = load_study([tmp_path], ReadOptions(modality="CT"))
    assert isinstance(study.scan, CTScan)
    assert study.source["ignored"] == ["overlay.png"]


def test_views_and_other_modalities(tmp_path: Path) -> None:
    views = {"AR": frame(tmp_path / "1.png")}
    with pytest.raises(UsageError):
        load_study([], ReadOptions(modality="CT", views=views))
    joined = load_study([frame(tmp_path / "2.png", 1)], ReadOptions(views=views))
    assert [view.name for view in joined.scan.views] == [None, "AR"]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (bytes(128) + b"DICM", "dicom"),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", "dicom"),
        (b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100", "dicom"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"MM\x00*", "tiff"),
        (b"\x00\x00\x00\x18ftypmp42", "mp4"),
        (b"\x00\x00\x00\x18ftypheic", "unknown"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "avi"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "unknown"),
        (b"MATLAB 5.0 MAT-file, Platform", "mat"),
        (bytes(512) + b"\x89HDF\r\n\x1a\n", "mat"),
        (b"PK\x03\x04", "zip"),
        (b"BM", "unknown"),
    ],
)
def test_kinds_by_magic_bytes(head: bytes, kind: str) -> None:
    assert sniff_bytes(head) == kind


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("folder", "slices", "ignored"),
    [
        ("ct/unenhanced_borderline", 7, "LiverROI.png"),
        ("ct/contrast_slices/pancreas_ct_a", 1, "AortaROI.png"),
        ("ct/chaos_ct", 78, "Data_2D/Ground/ref.png"),
    ],
)
def test_real_folders_of_dicom_and_masks(data_dir: Path, folder: str, slices: int, ignored: str) -> None:
    study = load_study([data_dir / folder], ReadOptions())
    assert study.scan.volume.data.shape[0] == slices
    assert ignored in study.source["ignored"]
    assert "W_IGNORED" in [note.code for note in study.notes]
