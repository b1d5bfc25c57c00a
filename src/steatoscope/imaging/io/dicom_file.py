"""Safe reading of one DICOM file: every fault of its bytes becomes a coded error."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.dicom_inflate import inflate, is_deflated
from steatoscope.imaging.io.dicom_tags import text

PIXEL_KEYS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
DIRECTORY = "1.2.840.10008.1.3.10"
UNDEFINED = 0xFFFFFFFF
DELIMITER_BYTES = 8


@dataclass(frozen=True, eq=False)
class DicomFile:
    """One parsed file: its header without pixels, the name of its pixel element, and whether its end is missing."""

    path: Path
    header: Dataset
    syntax: str
    pixels: str | None
    pixel_bytes: int
    truncated: bool

    @property
    def modality(self) -> str:
        """The Modality as written, in capitals."""
        return (text(self.header, "Modality") or "").upper()

    @property
    def sop_class(self) -> str:
        """The SOP class UID, that of a directory where it is one, empty where absent."""
        return text(self.header, "SOPClassUID") or (DIRECTORY if "DirectoryRecordSequence" in self.header else "")


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """The content of a file: ``E_PATH``, ``E_EMPTY`` or ``E_BOMB`` where there is none or too much."""
    try:
        size = path.stat().st_size
        if size == 0:
            raise SteatoscopeError("E_EMPTY", path=str(path))
        if size > max_bytes:
            raise SteatoscopeError("E_BOMB", path=str(path))
        return path.read_bytes()
    except OSError as fault:
        raise SteatoscopeError("E_PATH", path=str(path), cause="The file cannot be read.") from fault


def parse(path: Path, max_bytes: int, content: bytes | None = None) -> tuple[FileDataset, bool]:
    """The whole data set and whether it ends early.

    Raises ``E_FORMAT`` for content that is not DICOM and ``E_TRUNCATED`` where not even a header is left.
    """
    content = read_bytes(path, max_bytes) if content is None else content
    if is_deflated(content):
        content = inflate(content, max_bytes, str(path))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = pydicom.dcmread(BytesIO(content), force=True)
            early = any(isinstance(e, RawDataElement) and _short(e) for e in found.values())
            early = early or _dangling(found, len(content))
        except InvalidDicomError as fault:
            raise SteatoscopeError("E_FORMAT", path=str(path)) from fault
        except EOFError as fault:
            raise SteatoscopeError("E_TRUNCATED", path=str(path)) from fault
        except Exception as fault:
            raise SteatoscopeError("E_FORMAT", path=str(path), cause="The DICOM header is damaged.") from fault
    early = early or any(" in file " in str(w.message) for w in caught)
    known = ("SOPClassUID", "Modality", "StudyInstanceUID", "Rows", "DirectoryRecordSequence")
    if not any(name in found for name in known):
        raise SteatoscopeError("E_TRUNCATED" if early and content[128:132] == b"DICM" else "E_FORMAT", path=str(path))
    return found, early


def open_file(path: Path, max_bytes: int) -> DicomFile:
    """Parse one file and keep its header only."""
    found, truncated = parse(path, max_bytes)
    pixels = next((name for name in PIXEL_KEYS if name in found), None)
    syntax = transfer_syntax(found)
    length = 0 if pixels is None else len(pixel_bytes(found, pixels, str(path)))
    for name in PIXEL_KEYS:
        if name in found:
            del found[name]
    return DicomFile(path, found, syntax, pixels, length, truncated)


def pixel_bytes(found: FileDataset, name: str, path: str) -> bytes:
    """The raw value of a pixel element. Raises ``E_FORMAT`` where its type is damaged."""
    try:
        raw = found[name].value
    except Exception as fault:
        raise SteatoscopeError("E_FORMAT", path=path, cause="The pixel data element is damaged.") from fault
    if not isinstance(raw, bytes):
        raise SteatoscopeError("E_FORMAT", path=path, cause="The pixel data element is damaged.")
    return raw


def transfer_syntax(found: FileDataset) -> str:
    """The transfer syntax as named, or as the bytes were found to be written."""
    named = text(found.file_meta, "TransferSyntaxUID") if getattr(found, "file_meta", None) else None
    if named:
        return named
    implicit, little = found.original_encoding
    if implicit:
        return str(ImplicitVRLittleEndian)
    return str(ExplicitVRLittleEndian if little else ExplicitVRBigEndian)


def _short(element: RawDataElement) -> bool:
    value: bytes | None = element.value
    return element.length != UNDEFINED and value is not None and len(value) < element.length


def _dangling(found: FileDataset, size: int) -> bool:
    """Whether the last element lacks its delimiter, or a few bytes follow it: the start of one that was cut off."""
    last = max(found.keys(), default=None)
    element: Any = None if last is None else found.get_item(last, keep_deferred=True)
    if not isinstance(element, RawDataElement) or element.value is None:
        return False
    if element.length == UNDEFINED:
        return element.value_tell + len(element.value) + DELIMITER_BYTES > size
    return 0 < size - (element.value_tell + element.length) < DELIMITER_BYTES
