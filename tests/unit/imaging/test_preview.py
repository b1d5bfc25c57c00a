"""Previews from the first bytes, safe names, and headers without identity."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from steatoscope.imaging.io.dicom_head import read_head
from steatoscope.imaging.io.dicom_strip import write_stripped
from steatoscope.imaging.io.preview import MOST_BYTES, preview_bytes
from steatoscope.imaging.io.safe_names import is_hidden, safe_name, unique_names
from upload_kit import HTML, ct_slice, png


def codes(content: bytes, **more: object) -> set[str]:
    return {remark.code for remark in preview_bytes(content, **more).remarks}  # type: ignore[arg-type]


def test_a_ct_slice() -> None:
    found = preview_bytes(ct_slice(Manufacturer="Maker", ManufacturerModelName="One"))
    assert (found.kind, found.modality, found.series, found.rows, found.kvp) == (
        "dicom",
        "CT",
        "Abdomen native",
        64,
        120,
    )
    assert (found.pixel_mm, found.slice_mm, found.maker, found.model) == ((1.0, 1.0), 5.0, "Maker", "One")
    assert (found.study_date, found.identity.name, found.identity.patient_id) == ("20240220", "Doe Jane", "4711")
    assert not found.refused
    assert found.remarks == ()


def test_what_is_missing_or_will_be_refused() -> None:
    assert codes(ct_slice(KVP=None)) == {"W_KVP"}
    assert codes(ct_slice(KVP=100)) == {"E_KVP"}
    assert codes(ct_slice(ContrastBolusAgent="Iomeprol")) == {"E_CONTRAST"}
    assert codes(ct_slice(BurnedInAnnotation="YES")) == {"burnt_in"}
    assert codes(ct_slice(Modality="MR")) == {"E_TE"}
    assert codes(ct_slice(Modality="SR")) == {"E_NOPIXELS"}
    assert codes(ct_slice(Modality="PT")) == {"E_MODALITY"}
    assert codes(ct_slice(PatientBirthDate="20100101")) == {"E_AGE"}
    assert codes(ct_slice(side=16)) == {"E_SIZE"}
    assert codes(ct_slice(Rows=5000)) == {"E_BOMB"}
    assert codes(png(side=100)) == {"E_SIZE"}
    assert codes(png(side=100), modality="CT") == set()
    assert codes(HTML) == {"E_FORMAT"}
    assert codes(b"") == {"E_EMPTY"}
    assert codes(b'{"EchoTime": 1}') == {"sidecar"}


@pytest.mark.parametrize("cut", [140, 200, 400, 700, 1000, 5000])
def test_the_first_part_of_a_file_is_not_damage(cut: int) -> None:
    for content in (ct_slice(), png()):
        assert not preview_bytes(content[:cut], size=len(content)).refused


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_survived(seed: int) -> None:
    random = np.random.default_rng(seed)
    content = bytearray(ct_slice())
    for place in random.integers(132, 1200, 30):
        content[place] = random.integers(256)
    for start in (b"", b"\x1f\x8b", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"\x5c\x01\x00\x00" + bytes(340) + b"n+1\x00"):
        preview_bytes(start + random.bytes(2000))
    preview_bytes(bytes(content))


def test_packed_nifti() -> None:
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(np.zeros((40, 50, 6), np.int16), np.diag([2.0, 3.0, 5.0, 1.0]))
    content = image.to_bytes()
    for form in (content, gzip.compress(content)):
        found = preview_bytes(form[:MOST_BYTES], size=len(form))
        assert (found.columns, found.rows, found.frames, found.slice_mm) == (40, 50, 6, 5.0)
        assert {remark.code for remark in found.remarks} == {"modality"}
        assert preview_bytes(form, modality="MR").remarks == ()


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("a/b.dcm", "a/b.dcm"),
        ("../../etc/passwd", "etc/passwd"),
        ("..\\..\\x.dcm", "x.dcm"),
        ("C:\\Users\\me\\x.dcm", "Users/me/x.dcm"),
        ("//server/share/x", "server/share/x"),
        ("a\x00b\r\n\u202e.png", "ab.png"),
        ("", "file"),
        ("...", "file"),
        ("./.hidden", "hidden"),
        ("nul", "_nul"),
        ("COM1.dcm", "_COM1.dcm"),
        ('a<b>:"|?*.png', "a_b______.png"),
        ("Größe 1.png", "Größe 1.png"),
        ("~root/x", "~root/x"),
    ],
)
def test_safe_names(given: str, safe: str) -> None:
    assert safe_name(given) == safe
    assert safe_name(safe) == safe


def test_long_names_stay_short_and_keep_their_ending() -> None:
    for given in ("ä" * 500 + ".dcm", "/".join(["folder" * 20] * 40) + "/x.dcm", "a." * 3000):
        name = safe_name(given)
        assert len(name) <= 300
        assert all(len(part.encode()) <= 255 for part in name.split("/"))
    assert safe_name("ä" * 500 + ".dcm").endswith(".dcm")


def test_unique_names_are_never_a_folder_of_another() -> None:
    assert list(unique_names(["a", "A", "a/b", "c/d", "c", "x.nii.gz", "x.nii.gz"])) == [
        "a", "A-2", "2-a/b", "c/d", "c-2", "x.nii.gz", "x-2.nii.gz",
    ]  # fmt: skip


def test_hidden_files() -> None:
    assert is_hidden("x/.DS_Store")
    assert is_hidden("__MACOSX/a.png")
    assert not is_hidden("../a.png")


def written(syntax: str) -> bytes:
    data = pydicom.dcmread(io.BytesIO(ct_slice()))
    nested = Dataset()
    nested.PatientID, nested.OperatorsName, nested.CodeValue = "4711", "Nurse^Joy", "keep"
    data.ProcedureCodeSequence = Sequence([nested])
    data.add_new((0x0029, 0x0010), "LO", "SIEMENS CSA HEADER")
    data.add_new((0x0029, 0x1010), "OB", b"Doe^Jane 4711 ")
    data.add_new((0x6000, 0x3000), "OW", b"Doe Jane")
    data.add_new((0x0043, 0x0010), "LO", "GEMS_PARM_01")
    data.add_new((0x0043, 0x102F), "SS", 1)
    data.file_meta.TransferSyntaxUID = syntax
    little = syntax != ExplicitVRBigEndian
    if not little:
        data.PixelData = np.frombuffer(data.PixelData, "<i2").astype(">i2").tobytes()
    sink = io.BytesIO()
    raw = Dataset()
    raw.update(data)
    raw.file_meta, raw.preamble = data.file_meta, data.preamble
    pydicom.dcmwrite(
        sink, raw, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=little, enforce_file_format=True
    )
    return sink.getvalue()


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_a_clean_copy_in_every_encoding(tmp_path: Path, syntax: str) -> None:
    source, target = tmp_path / "a.dcm", tmp_path / "b.dcm"
    source.write_bytes(written(syntax))
    write_stripped(read_head(source), target, lambda number: f"P-{number[::-1]}")
    content = target.read_bytes()
    for secret in (b"Doe", b"Jane", b"4711", b"19700401", b"Main Street", b"Joy", b"SIEMENS CSA", b"Who", b"WARD7"):
        assert secret not in content
    before, after = pydicom.dcmread(source), pydicom.dcmread(target)
    assert after.PixelData == before.PixelData
    assert (after.PatientID, after.PatientAge, after.PatientIdentityRemoved) == ("P-1174", "053Y", "YES")
    assert after.ProcedureCodeSequence[0].CodeValue == "keep"
    assert after[0x0043, 0x102F].value is not None
    for keyword in (
        "SeriesDescription",
        "KVP",
        "PixelSpacing",
        "ImagePositionPatient",
        "SeriesInstanceUID",
        "StudyDate",
    ):
        assert after[keyword].value == before[keyword].value


def test_clean_copies_are_always_the_same(tmp_path: Path) -> None:
    source = tmp_path / "a.dcm"
    source.write_bytes(ct_slice())
    for name in ("b", "c"):
        write_stripped(read_head(source), tmp_path / name, lambda number: f"P-{number}")
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()
    write_stripped(read_head(tmp_path / "b"), tmp_path / "d", lambda number: number)
    assert (tmp_path / "d").read_bytes() == (tmp_path / "b").read_bytes()
