"""RLE frames (DICOM PS3.5 Annex G), decoded with every length checked."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.kernels import compiled

HEADER_BYTES = 64


class CodecError(ValueError):
    """A compressed frame that cannot be decoded to the size it must have."""


def decode_rle(frame: bytes, rows: int, columns: int, samples: int, depth: int) -> NDArray[np.generic]:
    """Samples of one frame, shape (rows, columns, samples), unsigned with ``depth`` bytes each.

    One segment holds one byte of one sample, the most significant first. Raises ``CodecError`` for a segment that is
    missing, too short or too long.
    """
    count = samples * depth
    if len(frame) < HEADER_BYTES or struct.unpack("<L", frame[:4])[0] != count:
        raise CodecError("the number of segments is wrong")
    offsets = [*struct.unpack(f"<{count}L", frame[4 : 4 + 4 * count]), len(frame)]
    if offsets[0] < HEADER_BYTES or any(a >= b for a, b in pairwise(offsets)):
        raise CodecError("the segment offsets are wrong")
    data = np.frombuffer(frame, np.uint8)
    result = np.empty((samples, depth, rows * columns), np.uint8)
    for segment in range(count):
        target = result[segment // depth, depth - 1 - segment % depth]
        if not _expand(data[offsets[segment] : offsets[segment + 1]], target):
            raise CodecError("a segment does not fill its plane")
    planes = np.ascontiguousarray(result.transpose(2, 0, 1)).view(f"<u{depth}")
    return np.asarray(planes.reshape(rows, columns, samples))


@compiled()
def _expand(source: NDArray[np.uint8], target: NDArray[np.uint8]) -> bool:
    at = 0
    filled = 0
    while filled < target.size:
        if at >= source.size:
            return False
        control = int(source[at])
        at += 1
        if control < 128:
            length = control + 1
            if at + length > source.size or filled + length > target.size:
                return False
            for i in range(length):
                target[filled + i] = source[at + i]
            at += length
            filled += length
        elif control > 128:
            length = 257 - control
            if at >= source.size or filled + length > target.size:
                return False
            for i in range(length):
                target[filled + i] = source[at]
            at += 1
            filled += length
    return True
