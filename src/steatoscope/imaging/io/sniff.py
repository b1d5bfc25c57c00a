"""What a file is, told from its first bytes; names and extensions are not asked."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Final, Literal

from steatoscope.imaging.io.decoding import unreadable

Kind = Literal["dicom", "nifti", "png", "jpeg", "tiff", "mp4", "avi", "mat", "zip", "empty", "unknown"]

RASTERS: Final[frozenset[Kind]] = frozenset({"png", "jpeg", "tiff"})
CLIPS: Final[frozenset[Kind]] = frozenset({"mp4", "avi"})

_HEAD_BYTES: Final = 1024
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_TIFF: Final = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_QUICKTIME_ATOMS: Final = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_STILL_BRANDS: Final = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
_VRS: Final = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)
_FIRST_GROUPS: Final = (0x0002, 0x0004, 0x0008)


def sniff(path: Path) -> Kind:
    """The kind of a regular file from its magic bytes; ``empty`` for no bytes. Raises E_PATH where it cannot open."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except PermissionError as fault:
        raise unreadable(path) from fault
    if not head:
        return "empty"
    if head[:2] == b"\x1f\x8b":
        return "nifti" if is_nifti(_gzip_head(path)) else "unknown"
    return sniff_bytes(head)


def first_bytes(path: Path) -> bytes:
    """The first kilobyte of a file, unpacked where it is gzip."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    return _gzip_head(path) if head[:2] == b"\x1f\x8b" else head


def sniff_bytes(head: bytes) -> Kind:
    """The kind of a file whose first kilobyte is ``head``."""
    if head[128:132] == b"DICM":
        return "dicom"
    candidates: tuple[tuple[Kind, bool], ...] = (
        ("png", head.startswith(b"\x89PNG\r\n\x1a\n")),
        ("jpeg", head.startswith(b"\xff\xd8\xff")),
        ("tiff", head.startswith(_TIFF)),
        ("zip", head.startswith(_ZIP)),
        ("avi", head[:4] == b"RIFF" and head[8:12] == b"AVI "),
        ("mp4", _is_quicktime(head)),
        ("mat", _is_mat(head)),
        ("nifti", is_nifti(head)),
        ("dicom", _is_bare_dicom(head)),
    )
    return next((kind for kind, matches in candidates if matches), "unknown")


def is_nifti(head: bytes) -> bool:
    """Whether bytes start with a NIfTI-1 or NIfTI-2 header (either byte order)."""
    if head[:4] in (struct.pack("<i", 348), struct.pack(">i", 348)):
        return head[344:348] in (b"n+1\x00", b"ni1\x00")
    if head[:4] in (struct.pack("<i", 540), struct.pack(">i", 540)):
        return head[4:8] in (b"n+2\x00", b"ni2\x00")
    return False


def _gzip_head(path: Path) -> bytes:
    try:
        with gzip.open(path) as stream:
            return stream.read(_HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return _gzip_start(path)


def _gzip_start(path: Path) -> bytes:
    """What a damaged or cut gzip stream still gives from its first bytes."""
    with path.open("rb") as stream:
        head = stream.read(1 << 16)
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _HEAD_BYTES)
    except zlib.error:
        return b""


def _is_quicktime(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    return head[4:8] in _QUICKTIME_ATOMS


def _is_mat(head: bytes) -> bool:
    return head.startswith((b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file", _HDF5)) or head[512:520] == _HDF5


def _is_bare_dicom(head: bytes) -> bool:
    """A data set without the 128-byte preamble: its first element has a low group and a plausible VR or length."""
    if len(head) < 8:
        return False
    for order in "<>":
        group, element, length = struct.unpack(f"{order}HHI", head[:8])
        if group not in _FIRST_GROUPS:
            continue
        if head[4:6] in _VRS:
            return True
        if order == "<" and element < 0x2000 and length % 2 == 0 and length <= 4096:
            return True
    return False
