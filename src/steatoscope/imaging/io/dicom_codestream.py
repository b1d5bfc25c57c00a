"""What a compressed frame says of itself, read before a decoder sees it (JPEG, JPEG-LS, JPEG 2000 and RLE headers)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from steatoscope.core.errors import SteatoscopeError

JPEG_START = b"\xff\xd8\xff"
JPEG_2000_START = b"\xff\x4f\xff\x51"
END = b"\xff\xd9"
FRAME_MARKERS = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7})
MAX_TILES = 65535
PADDING = 16


@dataclass(frozen=True, slots=True)
class FrameSize:
    """Size of a compressed frame: rows, columns and samples a pixel."""

    rows: int
    columns: int
    samples: int


def check_frame(frame: bytes, expected: FrameSize, path: str) -> None:
    """Refuse a frame whose own header contradicts the DICOM header, or whose end is missing.

    Raises ``E_FORMAT``, ``E_BOMB`` or ``E_TRUNCATED``.
    """
    size = frame_size(frame, path)
    if size is None:
        raise SteatoscopeError("E_FORMAT", path=path, cause="The compressed image has no readable header.")
    if size != expected:
        code = "E_BOMB" if size.rows * size.columns > 4 * expected.rows * expected.columns else "E_FORMAT"
        raise SteatoscopeError(code, path=path, cause="The compressed image has another size than its header says.")
    if END not in frame[-PADDING:]:
        raise SteatoscopeError("E_TRUNCATED", path=path)


def frame_size(frame: bytes, path: str) -> FrameSize | None:
    """The size that a JPEG family codestream declares, None where it is none."""
    if frame.startswith(JPEG_2000_START):
        return _jpeg_2000_size(frame, path)
    return _jpeg_size(frame) if frame.startswith(JPEG_START) else None


def _jpeg_2000_size(frame: bytes, path: str) -> FrameSize | None:
    if len(frame) < 42:
        return None
    x1, y1, x0, y0, tile_x, tile_y, _, _, samples = struct.unpack(">8LH", frame[8:42])
    if x1 <= x0 or y1 <= y0 or not tile_x or not tile_y:
        return None
    if -(-x1 // tile_x) * -(-y1 // tile_y) > MAX_TILES:
        raise SteatoscopeError("E_BOMB", path=path, cause="The JPEG 2000 image has too many tiles.")
    return FrameSize(y1 - y0, x1 - x0, samples)


def _jpeg_size(frame: bytes) -> FrameSize | None:
    at = 2
    while at + 4 <= len(frame):
        if frame[at] != 0xFF:
            return None
        marker = frame[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        length = int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker in FRAME_MARKERS:
            if length < 8 or at + 10 > len(frame):
                return None
            rows, columns, samples = struct.unpack(">HHB", frame[at + 5 : at + 10])
            return FrameSize(rows, columns, samples)
        if length < 2:
            return None
        at += 2 + length
    return None
