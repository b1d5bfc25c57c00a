"""Input that is wrong: its coded error, the right exit code, quickly, and nothing written."""

from __future__ import annotations

import json
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from calling import Steatoscope
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SECONDS = 5.0


def picture(path: Path, size: int = 200) -> Path:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (size, size), dtype=np.uint8)).save(path)
    return path


def dicom(path: Path, **changes: object) -> Path:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    data.StudyInstanceUID = data.SeriesInstanceUID = generate_uid(entropy_srcs=["series"])
    data.Modality, data.PatientID, data.KVP = "CT", "P1", 120
    data.Rows = data.Columns = 64
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 15, 1, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.PixelSpacing, data.SliceThickness = [1, 1], 5
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    data.RescaleSlope, data.RescaleIntercept = 1, 0
    data.PixelData = np.full((64, 64), 50, dtype=np.int16).tobytes()
    for name, value in changes.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def truncated(folder: Path) -> Path:
    path = picture(folder / "scan.png")
    path.write_bytes(path.read_bytes()[:2000])
    return path


def empty(folder: Path) -> Path:
    (folder / "empty.dcm").touch()
    return folder / "empty.dcm"


def empty_folder(folder: Path) -> Path:
    (folder / "nothing").mkdir()
    return folder / "nothing"


def words(folder: Path) -> Path:
    (folder / "notes.dcm").write_text("This is a letter, not a scan. " * 50)
    return folder / "notes.dcm"


def encrypted(folder: Path) -> Path:
    path = folder / "scan.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(picture(folder / "a.png"), "a.png")
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(raw))
    return path


def escaping(folder: Path) -> Path:
    path = folder / "scan.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../outside.png", b"x")
    return path


def bomb(folder: Path) -> Path:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1_000_000)) + chunk(b"IEND", b"")
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return folder / "bomb.png"


def thumbnail(folder: Path) -> Path:
    return picture(folder / "small.png", 64)


def without_pixels(folder: Path) -> Path:
    return dicom(folder / "a.dcm", PixelData=None)


def cut_pixels(folder: Path) -> Path:
    path = dicom(folder / "a.dcm")
    path.write_bytes(path.read_bytes()[:-3000])
    return path


def wrong_modality(folder: Path) -> Path:
    return dicom(folder / "a.dcm", Modality="PT", SOPClassUID="1.2.840.10008.5.1.4.1.1.128")


def two_patients(folder: Path) -> Path:
    (folder / "study").mkdir()
    dicom(folder / "study/a.dcm")
    dicom(folder / "study/b.dcm", PatientID="P2", ImagePositionPatient=[0, 0, 5])
    return folder / "study"


def eight_bit_ct(folder: Path) -> Path:
    pixels = np.full((64, 64), 50, dtype=np.uint8).tobytes()
    return dicom(folder / "a.dcm", BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0, PixelData=pixels)


def contradictory(folder: Path) -> Path:
    (folder / "study").mkdir()
    for number in range(6):
        pixels = np.full((64, 64), 40 + number, dtype=np.int16).tobytes()
        place = [0, 0, 5 * (number // 2)]
        dicom(folder / f"study/{number}.dcm", ImagePositionPatient=place, PixelData=pixels, InstanceNumber=number + 1)
    return folder / "study"


def not_numbers(folder: Path) -> Path:
    values = np.full((40, 40, 8), 50.0, dtype=np.float32)
    values[3, 3, 3] = np.nan
    nib.save(nib.Nifti1Image(values, np.diag([2.0, 2.0, 5.0, 1.0])), folder / "ct.nii.gz")
    return folder / "ct.nii.gz"


Maker = Callable[[Path], Path]
INVALID: list[tuple[Maker, str, list[str]]] = [
    (lambda folder: folder / "absent.dcm", "E_PATH", []),
    (truncated, "E_TRUNCATED", []),
    (empty, "E_EMPTY", []),
    (empty_folder, "E_EMPTY", []),
    (words, "E_FORMAT", []),
    (encrypted, "E_ARCHIVE", []),
    (escaping, "E_ARCHIVE", []),
    (bomb, "E_BOMB", []),
    (thumbnail, "E_SIZE", []),
    (without_pixels, "E_NOPIXELS", []),
    (cut_pixels, "E_TRUNCATED", []),
    (wrong_modality, "E_MODALITY", []),
    (two_patients, "E_MIXED", []),
    (eight_bit_ct, "E_DEPTH", []),
    (lambda folder: picture(folder / "a.png"), "E_DEPTH", ["--modality", "ct"]),
    (contradictory, "E_SLICES", []),
    (not_numbers, "E_NAN", ["--modality", "ct"]),
]


@pytest.mark.parametrize(("make", "code", "extra"), INVALID, ids=lambda value: getattr(value, "__name__", None))
def test_invalid_input(steatoscope: Steatoscope, tmp_path: Path, make: Maker, code: str, extra: list[str]) -> None:
    path = make(tmp_path)
    start = time.perf_counter()
    answer = steatoscope("analyze", path, *extra, "--out", tmp_path / "out" / "deep")
    assert time.perf_counter() - start < SECONDS
    assert (answer.code, answer.document["error"]["code"]) == (3, code)
    assert all(answer.document["error"][name] for name in ("message", "cause", "remedy"))
    assert not (tmp_path / "out").exists()
    assert not (tmp_path.parent / "outside.png").exists()
    assert "Traceback" not in answer.errors


def test_one_echo_mr_is_refused(steatoscope: Steatoscope, tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(300, 30, (64, 64, 6)).astype(np.float32)
    nib.save(nib.Nifti1Image(values, np.diag([2.0, 2.0, 5.0, 1.0])), tmp_path / "mr.nii.gz")
    (tmp_path / "mr.json").write_text(json.dumps({"EchoTime": 0.0023, "MagneticFieldStrength": 3.0}))
    answer = steatoscope("analyze", tmp_path / "mr.nii.gz", "--modality", "mr", "--out", tmp_path / "out")
    assert (answer.code, answer.document["error"]["code"]) == (4, "E_TE")
    assert (answer.document["fat"], answer.document["grade"]) == (None, None)
    assert answer.document["quality"]["status"] == "refused"
    assert json.loads((tmp_path / "out/report.json").read_text())["error"]["code"] == "E_TE"


def test_renamed_file_with_readable_content_is_read(steatoscope: Steatoscope, tmp_path: Path) -> None:
    answer = steatoscope("analyze", dicom(tmp_path / "scan.png"), "--out", tmp_path / "out")
    assert answer.code == 4
    assert answer.document["modality"] == "CT"


def test_nifti_without_modality_is_wrong_usage(steatoscope: Steatoscope, tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((40, 40, 8), dtype=np.int16), np.eye(4)), tmp_path / "a.nii.gz")
    assert steatoscope("analyze", tmp_path / "a.nii.gz", "--out", tmp_path / "out").code == 2


def test_refused_study_keeps_an_earlier_folder_whole(steatoscope: Steatoscope, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    assert steatoscope("analyze", empty(tmp_path), "--out", out).code == 3
    assert [item.name for item in out.iterdir()] == ["mine.txt"]


def test_missing_echo_times_give_a_refused_report(steatoscope: Steatoscope, tmp_path: Path) -> None:
    folder = tmp_path / "mr"
    assert steatoscope("phantom", "mr", "--fat", 8, "--format", "dicom", "--out", folder).code == 0
    for path in folder.rglob("*.dcm"):
        header = pydicom.dcmread(path)
        del header.EchoTime
        header.save_as(path)
    answer = steatoscope("analyze", folder, "--out", tmp_path / "out")
    assert (answer.code, answer.document["error"]["code"], answer.document["fat"]) == (4, "E_TE", None)
    assert answer.document["inputs"][0]["sha256"]
    assert json.loads((tmp_path / "out/report.json").read_text()) == answer.document


def test_no_body_at_all_has_no_liver(steatoscope: Steatoscope, tmp_path: Path) -> None:
    air = np.full((64, 64), -1000, dtype=np.int16).tobytes()
    answer = steatoscope("analyze", dicom(tmp_path / "a.dcm", PixelData=air), "--out", tmp_path / "out")
    assert (answer.code, answer.document["error"]["code"]) == (4, "E_NOLIVER")


def test_other_json_is_no_earlier_report(steatoscope: Steatoscope, tmp_path: Path) -> None:
    form = tmp_path / "form.json"
    form.write_text('{"age_years": 50}')
    scan = picture(tmp_path / "a.png")
    answer = steatoscope("analyze", scan, "--previous", form, "--out", tmp_path / "out")
    assert (answer.code, answer.document["error"]["code"]) == (3, "E_FORMAT")


def test_empty_ultrasound_mask_has_no_liver(steatoscope: Steatoscope, tmp_path: Path) -> None:
    scan = tmp_path / "us.png"
    assert steatoscope("phantom", "us", "--fat", 8, "--format", "png", "--out", scan).code == 0
    rows, columns = np.asarray(Image.open(scan)).shape[:2]
    Image.fromarray(np.zeros((rows, columns), dtype=np.uint8)).save(tmp_path / "mask.png")
    answer = steatoscope("analyze", scan, "--liver-mask", tmp_path / "mask.png", "--out", tmp_path / "out")
    assert (answer.code, answer.document["error"]["code"]) == (4, "E_NOLIVER")
