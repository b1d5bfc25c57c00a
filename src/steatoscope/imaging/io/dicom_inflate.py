"""Deflated DICOM with a bound on what it may unpack to."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pydicom

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.dicom_tags import integer

DEFLATED = b"1.2.840.10008.1.2.1.99"
EXPLICIT = b"1.2.840.10008.1.2.1\0\0\0"
META_START = 132
HEADER_ROOM = 4 * 1024**2
SLACK = 64 * 1024**2


def is_deflated(content: bytes) -> bool:
    """Whether the file meta information names the deflated transfer syntax."""
    return content[128:META_START] == b"DICM" and DEFLATED in content[META_START : META_START + 2048]


def inflate(content: bytes, max_bytes: int, path: str) -> bytes:
    """The same file in explicit little endian.

    The first part is unpacked to learn the declared image size, and the rest only up to that size and a margin:
    ``E_BOMB`` where it goes on, ``E_TRUNCATED`` where the stream ends early, ``E_FORMAT`` where it is no stream.
    """
    start = _meta_end(content, path)
    limit = min(max_bytes, _declared_bytes(content, start, path) + SLACK)
    body = _unpack(content[start:], limit, path)
    return content[:start].replace(DEFLATED, EXPLICIT, 1) + body


def _meta_end(content: bytes, path: str) -> int:
    head = content[META_START : META_START + 12]
    if len(head) < 12 or head[:6] != b"\x02\x00\x00\x00UL":
        raise SteatoscopeError("E_FORMAT", path=path, cause="The DICOM file meta information has no length.")
    end = META_START + 12 + int(struct.unpack("<L", head[8:])[0])
    if end >= len(content):
        raise SteatoscopeError("E_TRUNCATED", path=path)
    return end


def _declared_bytes(content: bytes, start: int, path: str) -> int:
    try:
        head = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content[start:], HEADER_ROOM)
        stub = content[:start].replace(DEFLATED, EXPLICIT, 1) + head
        header = pydicom.dcmread(BytesIO(stub), stop_before_pixels=True)
    except Exception as fault:
        raise SteatoscopeError("E_FORMAT", path=path, cause="The deflated content cannot be unpacked.") from fault
    names = ("Rows", "Columns", "SamplesPerPixel", "NumberOfFrames")
    total = 8
    for name in names:
        total *= max(integer(header, name) or 1, 1)
    return total


def _unpack(stream: bytes, limit: int, path: str) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        body = unpacker.decompress(stream, limit)
    except zlib.error as fault:
        raise SteatoscopeError("E_FORMAT", path=path, cause="The deflated content is damaged.") from fault
    if unpacker.unconsumed_tail and not unpacker.eof:
        raise SteatoscopeError("E_BOMB", path=path, cause="The deflated content is far larger than its image.")
    if not unpacker.eof:
        raise SteatoscopeError("E_TRUNCATED", path=path)
    return body
