"""What a set of files means: ignored objects, patients, modalities, real series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_factory import base, ct_slice, disk, encode, mr_slice, us_image, write

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import CTScan, MRScan, Study, USScan
from steatoscope.imaging.io.dicom_study import read_dicom_study
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.options import ReadOptions

REPORT_CLASS = "1.2.840.10008.5.1.4.1.1.88.33"
MASK_CLASS = "1.2.840.10008.5.1.4.1.1.66.4"


def read(paths: list[Path], **options: Any) -> Study:
    return read_dicom_study(paths, ReadOptions(**options))


def refused(paths: list[Path], **options: Any) -> str:
    with pytest.raises(SteatoscopeError) as caught:
        read(paths, **options)
    assert caught.value.exit_code == 3
    return caught.value.code


def report() -> Any:
    ds = base(REPORT_CLASS, "SR", np.zeros((4, 4), np.uint8))
    for name in ("PixelData", "Rows", "Columns"):
        delattr(ds, name)
    return ds


def test_objects_that_are_no_images_are_ignored_and_listed(tmp_path: Path) -> None:
    mask = base(MASK_CLASS, "SEG", np.ones((40, 40), np.uint8))
    paths = write(tmp_path, report(), *(ct_slice(i) for i in range(5)), mask)
    paths.append(tmp_path / "notes.txt")
    paths[-1].write_text("not an image " * 20)
    study = read(paths)
    assert isinstance(study.scan, CTScan)
    assert [Path(item["path"]).name for item in study.source["ignored"]] == [
        "image000.dcm",
        "image006.dcm",
        "notes.txt",
    ]
    assert [note.code for note in study.notes] == ["W_IGNORED"]


def directory() -> Any:
    ds = base("1.2.840.10008.1.3.10", "", np.zeros((4, 4), np.uint8))
    for name in list(ds.keys()):
        del ds[name]
    ds.FileSetID, ds.DirectoryRecordSequence = "A", []
    return ds


@pytest.mark.parametrize("kind", ["report", "mask", "header", "directory"])
def test_alone_they_are_no_pixels(tmp_path: Path, kind: str) -> None:
    header = ct_slice()
    del header.PixelData
    mask = base(MASK_CLASS, "SEG", np.ones((40, 40), np.uint8))
    sets = {"report": report(), "mask": mask, "header": header, "directory": directory()}
    assert refused(write(tmp_path, sets[kind])) == "E_NOPIXELS"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "E_EMPTY"),
        (b"hello world " * 40, "E_FORMAT"),
        (b"\0" * 128 + b"DICM", "E_FORMAT"),
        (b"\0" * 5000, "E_FORMAT"),
        (bytes(range(256)) * 8, "E_FORMAT"),
    ],
)
def test_content_that_is_no_dicom(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "file.dcm"
    path.write_bytes(content)
    assert refused([path]) == code


def test_missing_file(tmp_path: Path) -> None:
    assert refused([tmp_path / "nothing.dcm"]) == "E_PATH"


def test_without_preamble(tmp_path: Path) -> None:
    path = tmp_path / "bare"
    path.write_bytes(encode(ct_slice())[128 + 4 :])
    assert isinstance(read([path]).scan, CTScan)


def test_several_patients_are_mixed(tmp_path: Path) -> None:
    one, two = ct_slice(0), ct_slice(1, PatientID="P2")
    assert refused(write(tmp_path / "a", one, two)) == "E_MIXED"
    two.PatientID = ""
    study = read(write(tmp_path / "b", one, two))
    assert study.patient.patient_id == "P1"


def test_modalities_together(tmp_path: Path) -> None:
    paths = write(tmp_path, *(ct_slice(i) for i in range(6)), *(mr_slice(i) for i in range(3)), us_image())
    study = read(paths)
    assert isinstance(study.scan, CTScan)
    assert len(study.source["ignored"]) == 4
    assert isinstance(read(paths, modality="MR").scan, MRScan)
    assert isinstance(read(paths, modality="US").scan, USScan)
    assert refused(write(tmp_path / "ct", ct_slice()), modality="MR") == "E_MODALITY"


@pytest.mark.parametrize("stated", ["PT", "DX", "MR", "US"])
def test_a_modality_against_the_class_of_the_object_is_refused(tmp_path: Path, stated: str) -> None:
    paths = write(tmp_path, *(ct_slice(i, Modality=stated) for i in range(6)))
    with pytest.raises(SteatoscopeError) as caught:
        read(paths)
    assert caught.value.code == "E_MODALITY"
    assert f"{stated} in an object of class CT" in caught.value.cause
    assert isinstance(read(paths, modality="CT").scan, CTScan)


def test_an_unstated_modality_follows_the_class(tmp_path: Path) -> None:
    for stated in ("", "OT"):
        paths = write(tmp_path / f"m{stated}", *(ct_slice(i, Modality=stated) for i in range(6)))
        assert isinstance(read(paths).scan, CTScan)


def test_a_given_file_of_another_modality_is_not_dropped(tmp_path: Path) -> None:
    paths = write(tmp_path, *(ct_slice(i) for i in range(6)), us_image())
    with pytest.raises(SteatoscopeError) as caught:
        load_study(paths, ReadOptions())
    assert (caught.value.code, caught.value.path) == ("E_MODALITY", str(paths[-1]))
    assert isinstance(load_study([tmp_path], ReadOptions()).scan, CTScan)
    assert isinstance(load_study(paths, ReadOptions(modality="CT")).scan, CTScan)


@pytest.mark.parametrize("kind", ["W", "FAT"])
def test_water_and_fat_images_say_what_to_send(tmp_path: Path, kind: str) -> None:
    study = read(write(tmp_path, *(mr_slice(i, ImageType=["DERIVED", "PRIMARY", kind]) for i in range(3))))
    assert any(note.code == "W_TE" and "opposed-phase" in note.message for note in study.notes)
    plain = read(write(tmp_path / "plain", *(mr_slice(i) for i in range(3))))
    assert "W_TE" not in [note.code for note in plain.notes]


def test_unknown_series_is_refused(tmp_path: Path) -> None:
    assert refused(write(tmp_path, ct_slice()), series="1.2.3") == "E_PATH"


def test_one_cut_slice_is_not_passed_over(tmp_path: Path) -> None:
    paths = write(tmp_path, *(ct_slice(i) for i in range(6)))
    paths[2].write_bytes(paths[2].read_bytes()[:-100])
    assert refused(paths) == "E_TRUNCATED"


@pytest.mark.parametrize("side", [5000, 60000])
def test_large_declarations_cost_no_memory(tmp_path: Path, side: int) -> None:
    import tracemalloc

    paths = write(tmp_path, us_image(Rows=side, Columns=side, NumberOfFrames=1000))
    tracemalloc.start()
    assert refused(paths) == "E_BOMB"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


def test_nothing_is_kept_from_one_reading_to_the_next(tmp_path: Path) -> None:
    paths = write(tmp_path, *(ct_slice(i, disk(high=70, low=-900)) for i in range(5)))
    first, second = read(paths), read(list(reversed(paths)))
    assert first.inputs == second.inputs
    assert first.source == second.source


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "shape", "spacing", "gappy"),
    [
        ("ct/unenhanced_borderline", (7, 512, 512), (3.0, 0.686, 0.686), False),
        ("ct/tcga_lihc_34", (34, 512, 512), (8.0, 0.6757812, 0.6757812), True),
        ("ct/chaos_ct", (78, 512, 512), (2.0, 0.7265625, 0.7265625), False),
        ("ct/totalsegmentator_examples/example_ct_dicom", (20, 512, 512), (2.0, 0.9765625, 0.9765625), False),
        ("ct/contrast_slices/pancreas_ct_a", (1, 512, 512), (1.0, 0.78125, 0.78125), True),
    ],
)
def test_real_ct(data_dir: Path, name: str, shape: tuple[int, ...], spacing: tuple[float, ...], gappy: bool) -> None:
    study = read(files(data_dir / name))
    assert isinstance(study.scan, CTScan)
    volume = study.scan.volume
    assert volume.data.shape == shape
    assert volume.geometry.spacing == pytest.approx(spacing, rel=1e-5)
    assert study.source["gappy"] is gappy
    assert -1024.0 <= float(volume.data.min()) <= -990.0


@pytest.mark.realdata
def test_real_values_agree_with_the_regions(data_dir: Path) -> None:
    from PIL import Image

    folder = data_dir / "ct/unenhanced_borderline"
    scan = read([folder / "Training.dcm"]).scan
    assert isinstance(scan, CTScan)
    for organ, hu in (("Liver", 45.4), ("Spleen", 49.5)):
        mask = np.asarray(Image.open(folder / f"{organ}ROI.png").convert("L")) > 127
        assert float(scan.volume.data[0][mask].mean()) == pytest.approx(hu, abs=1.0)


@pytest.mark.realdata
def test_real_patients_are_mixed(data_dir: Path) -> None:
    assert refused(files(data_dir / "ct/contrast_slices")) == "E_MIXED"


@pytest.mark.realdata
def test_real_mr_survey_is_plain(data_dir: Path) -> None:
    study = read(files(data_dir / "dicom/mr_survey_philips"))
    assert isinstance(study.scan, MRScan)
    assert study.scan.echoes is None
    assert study.scan.pdff is None
    assert study.scan.anatomy.data.shape == (3, 256, 256)
    assert [item["slices"] for item in study.source["other_series"]] == [5, 3]


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "frames"), [("single_explicit", 1), ("cine10_rle", 10)])
def test_real_ultrasound(data_dir: Path, name: str, frames: int) -> None:
    study = read([data_dir / f"dicom/liver_byra_p01_fat03_{name}.dcm"])
    assert isinstance(study.scan, USScan)
    clip = study.scan.views[0].clip
    assert clip.frames.shape == (frames, 434, 636)
    assert clip.pixel_mm == pytest.approx((0.373, 0.373), abs=1e-3)
    from PIL import Image

    first = np.asarray(Image.open(data_dir / "us/byra2018/patient_01/frame_01.png").convert("L"))
    assert np.array_equal(clip.frames[0], first)
