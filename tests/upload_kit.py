"""Small files of each kind, for tests of uploads."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

HTML = b"<!doctype html><html><script>alert(1)</script></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def png(seed: int = 0, side: int = 160) -> bytes:
    """A grey PNG of random speckle."""
    picture = np.random.default_rng(seed).integers(0, 255, (side, side), dtype=np.uint8)
    sink = io.BytesIO()
    Image.fromarray(picture).save(sink, "PNG")
    return sink.getvalue()


def ct_slice(
    number: int = 1, *, patient_id: str = "4711", name: str = "Doe^Jane", side: int = 64, **more: Any
) -> bytes:
    """One CT slice as a DICOM file that names a patient."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = f"1.2.3.4.{number}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.SourceApplicationEntityTitle = "WARD7"
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, f"1.2.3.4.{number}"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3.1", "1.2.3.2"
    data.Modality, data.StudyDate, data.SeriesDescription = "CT", "20240220", "Abdomen native"
    data.PatientID, data.PatientName, data.PatientBirthDate, data.PatientSex = patient_id, name, "19700401", "F"
    data.PatientAddress, data.PatientTelephoneNumbers = "1 Main Street", "555"
    data.ReferringPhysicianName, data.InstitutionName, data.AccessionNumber = "Who^Doctor", "Clinic", "A1"
    data.KVP, data.SliceThickness, data.InstanceNumber = 120, 5, number
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 5.0 * number], [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.Rows, data.Columns = [1, 1], side, side
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.RescaleSlope, data.RescaleIntercept = 1, 0
    data.PixelData = np.random.default_rng(number).integers(-100, 100, (side, side), dtype=np.int16).tobytes()
    for keyword, value in more.items():
        setattr(data, keyword, value)
    sink = io.BytesIO()
    pydicom.dcmwrite(sink, data, enforce_file_format=False)
    return sink.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files, names as they are given."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return sink.getvalue()


def part(name: str, content: bytes) -> tuple[io.BytesIO, str]:
    """A file part of a multipart request of the test client."""
    return io.BytesIO(content), name


def multipart(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Arguments of a test client's request that sends these files; large bodies need no temporary file."""
    head = '--xyz\r\nContent-Disposition: form-data; name="files"; filename="{}"\r\n\r\n'
    parts = [head.format(name).encode() + content + b"\r\n" for name, content in files.items()]
    return {"data": b"".join(parts) + b"--xyz--\r\n", "content_type": "multipart/form-data; boundary=xyz"}


def folder_of(root: Path, files: Mapping[str, bytes]) -> Path:
    """These files on disk."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


__all__ = ["HTML", "SVG", "ct_slice", "folder_of", "generate_uid", "multipart", "part", "png", "zipped"]
