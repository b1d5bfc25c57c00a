"""The header of a DICOM file in bounded memory: pixels are never read, only where they start and how long they are."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.decoding import too_large
from steatoscope.imaging.io.dicom_file import UNDEFINED, DicomFile, read_bytes, transfer_syntax
from steatoscope.imaging.io.dicom_inflate import inflate, is_deflated

MAX_HEADER_BYTES: Final = 64 * 1024**2
MAX_DEFLATED_BYTES: Final = 256 * 1024**2
_MAX_READS: Final = 400_000
_MAX_ITEMS: Final = 100_000
_KNOWN: Final = ("SOPClassUID", "Modality", "StudyInstanceUID", "Rows", "DirectoryRecordSequence")
_PIXELS: Final = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}
_DELIMITER: Final = {"<": b"\xfe\xff\xdd\xe0", ">": b"\xff\xfe\xe0\xdd"}
_TAIL: Final = 1 << 20


class _Bounded:
    """A stream that gives at most so many bytes in so many reads; then it raises E_BOMB."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream, self._path = stream, path
        self._bytes, self._reads = MAX_HEADER_BYTES, _MAX_READS
        self.name = str(path)
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, count: int = -1) -> bytes:
        """Read like the stream itself."""
        wanted = self._bytes + 1 if count is None or count < 0 else min(count, self._bytes + 1)
        found = self._stream.read(wanted)
        self._bytes -= len(found)
        self._reads -= 1
        if self._bytes < 0 or self._reads < 0:
            raise too_large(self._path, "The DICOM header is far larger than that of an image.")
        return found


@dataclass(frozen=True, eq=False)
class DicomHead:
    """A header, the file's facts as the readers use them, and where the pixel element starts (the end: no pixels).

    ``content`` holds the unpacked file where it was deflated; else the bytes are those of ``file.path``.
    """

    file: DicomFile
    dataset: FileDataset
    start: int
    content: bytes | None = None

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The bytes of the file, or of its unpacked content."""
        with BytesIO(self.content) if self.content is not None else self.file.path.open("rb") as stream:
            yield stream


def read_head(path: Path) -> DicomHead:
    """Parse the header of a DICOM file. Raises E_FORMAT, E_TRUNCATED, E_BOMB, E_EMPTY, and nothing else."""
    with path.open("rb") as stream:
        content = _inflated(path) if is_deflated(stream.read(4096)) else None
    size = path.stat().st_size if content is None else len(content)
    with BytesIO(content) if content is not None else path.open("rb") as stream:
        dataset = parse_head(stream, path)
        start = min(stream.tell(), size)
        stream.seek(start)
        name, length, room = _pixel_element(stream.read(12), dataset, size - start)
        truncated = length > room if length != UNDEFINED else not _has_end(stream, dataset, size)
    if name is None:
        truncated = any(_is_short(dataset, tag) for tag in dataset.keys())  # noqa: SIM118
    _check_known(dataset, truncated, path)
    file = DicomFile(path, dataset, transfer_syntax(dataset), name, min(length, room), bool(truncated))
    return DicomHead(file, dataset, start if name else size, content)


def parse_head(stream: IO[bytes], path: Path) -> FileDataset:
    """The elements before the pixels; the stream then stands where the pixel element starts.

    Raises E_FORMAT for damage and E_BOMB for a header beyond all reason.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            bounded: Any = _Bounded(stream, path)
            found = pydicom.dcmread(bounded, stop_before_pixels=True, force=True)
            _check_sequences(found, path)
        except SteatoscopeError:
            raise
        except Exception as fault:
            raise SteatoscopeError("E_FORMAT", path=str(path), cause="The DICOM header is damaged.") from fault
    return found


def _inflated(path: Path) -> bytes:
    return inflate(read_bytes(path, MAX_DEFLATED_BYTES), MAX_DEFLATED_BYTES, str(path))


def _check_sequences(found: FileDataset, path: Path) -> None:
    """A sequence is parsed when it is asked for; one of more items than any image has is not asked."""
    for tag in found.keys():  # noqa: SIM118
        element: Any = found.get_item(tag)
        value = element.value if isinstance(element, RawDataElement) else None
        if isinstance(value, bytes) and len(value) > _MAX_ITEMS and value.count(b"\xfe\xff\x00\xe0") > _MAX_ITEMS:
            raise too_large(path, "The DICOM header is far larger than that of an image.")


def _pixel_element(head: bytes, dataset: FileDataset, rest: int) -> tuple[str | None, int, int]:
    """Keyword of the pixel element, its length and the bytes there are for it; (None, 0, 0) where there is none."""
    implicit, little = dataset.original_encoding
    order = "<" if little else ">"
    if len(head) < 8:
        return None, 0, 0
    group, element = struct.unpack(f"{order}HH", head[:4])
    name = _PIXELS.get(group << 16 | element)
    if name is None:
        return None, 0, 0
    plain = bool(implicit) or not head[4:6].isalpha()
    if not plain and head[4:6] not in (b"OB", b"OW", b"OF", b"OD", b"UN"):
        return name, int(struct.unpack(f"{order}H", head[6:8])[0]), rest - 8
    at = 4 if plain else 8
    if len(head) < at + 4:
        return name, 1, 0
    return name, int(struct.unpack(f"{order}I", head[at : at + 4])[0]), rest - at - 4


def _has_end(stream: IO[bytes], dataset: FileDataset, size: int) -> bool:
    stream.seek(max(0, size - _TAIL))
    return _DELIMITER["<" if dataset.original_encoding[1] else ">"] in stream.read()


def _is_short(dataset: FileDataset, tag: Any) -> bool:
    element: Any = dataset.get_item(tag)
    if not isinstance(element, RawDataElement) or element.value is None or element.length == UNDEFINED:
        return False
    return len(element.value) < element.length


def _check_known(dataset: FileDataset, truncated: bool, path: Path) -> None:
    if not any(name in dataset for name in _KNOWN):
        raise SteatoscopeError("E_TRUNCATED" if truncated else "E_FORMAT", path=str(path))
