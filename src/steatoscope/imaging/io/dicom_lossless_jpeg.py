"""Lossless JPEG frames (ITU-T T.81, process 14, all predictors), decoded with every length checked."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.kernels import compiled
from steatoscope.imaging.io.dicom_rle import CodecError

LOSSLESS_FRAME = 0xC3
TABLES, SCAN, RESTART_INTERVAL, END = 0xC4, 0xDA, 0xDD, 0xD9
LONGEST_CODE = 16
Array = NDArray[np.uint16]
Table = NDArray[np.uint16]


@dataclass
class _State:
    """What the markers have said so far."""

    precision: int = 0
    components: list[int] = field(default_factory=list)
    tables: dict[int, Table] = field(default_factory=dict)
    restart: int = 0


def decode_lossless_jpeg(frame: bytes, rows: int, columns: int, samples: int) -> Array:
    """Samples of one frame, shape (rows, columns, samples), uint16. Raises ``CodecError`` for damaged content."""
    state = _State()
    result = np.zeros((rows, columns, samples), np.uint16)
    done: set[int] = set()
    at = 2
    while at + 4 <= len(frame) and len(done) < samples:
        if frame[at] != 0xFF:
            raise CodecError("a marker is missing")
        marker = frame[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        end = at + 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
        body = frame[at + 4 : end]
        if marker == SCAN:
            data_end = _scan_end(frame, end)
            done |= _scan(body, frame[end:data_end], state, result)
            end = data_end
        else:
            _read_marker(marker, body, state, (rows, columns, samples))
        at = end
    if len(done) < samples:
        raise CodecError("a scan is missing")
    return result


def _read_marker(marker: int, body: bytes, state: _State, shape: tuple[int, int, int]) -> None:
    if marker == TABLES:
        _read_tables(body, state)
    elif marker == RESTART_INTERVAL and len(body) >= 2:
        state.restart = int.from_bytes(body[:2], "big")
    elif marker == LOSSLESS_FRAME:
        if len(body) < 6 + 3 * shape[2] or struct.unpack(">HHB", body[1:6]) != shape:
            raise CodecError("the frame has another size")
        state.precision = body[0]
        state.components = [body[6 + 3 * i] for i in range(shape[2])]
        if not 2 <= state.precision <= 16 or any(body[7 + 3 * i] != 0x11 for i in range(shape[2])):
            raise CodecError("the precision or sampling is not supported")


def _read_tables(body: bytes, state: _State) -> None:
    at = 0
    while at + 17 <= len(body):
        counts = body[at + 1 : at + 17]
        symbols = body[at + 17 : at + 17 + sum(counts)]
        if len(symbols) < sum(counts):
            raise CodecError("a code table is cut short")
        state.tables[body[at] & 0x0F] = _lookup(counts, symbols)
        at += 17 + sum(counts)


def _lookup(counts: bytes, symbols: bytes) -> Table:
    """For every 16-bit prefix the length of its code times 256 plus its symbol; 0 where there is no such code."""
    table = np.zeros(1 << LONGEST_CODE, np.uint16)
    code = used = 0
    for length in range(1, LONGEST_CODE + 1):
        for _ in range(counts[length - 1]):
            first = code << (LONGEST_CODE - length)
            if first >= table.size or symbols[used] > 16:
                raise CodecError("a code table is damaged")
            table[first : first + (1 << (LONGEST_CODE - length))] = length << 8 | symbols[used]
            code += 1
            used += 1
        code <<= 1
    return table


def _scan_end(frame: bytes, at: int) -> int:
    """Where the coded data ends: at a marker that is neither a stuffed byte nor a restart."""
    while True:
        at = frame.find(b"\xff", at)
        if at < 0 or at + 1 >= len(frame):
            raise CodecError("the end is missing")
        following = frame[at + 1]
        if following == 0 or 0xD0 <= following <= 0xD7:
            at += 2
        elif following == 0xFF:
            at += 1
        else:
            return at


def _scan(header: bytes, data: bytes, state: _State, result: Array) -> set[int]:
    """Decode one scan into the components it names."""
    count = header[0] if header else 0
    if not 1 <= count <= 4 or len(header) < 4 + 2 * count:
        raise CodecError("a scan header is damaged")
    named = [header[1 + 2 * i] for i in range(count)]
    tables = [state.tables.get(header[2 + 2 * i] >> 4) for i in range(count)]
    predictor, transform = header[1 + 2 * count], header[3 + 2 * count] & 0x0F
    known = [table for table in tables if table is not None]
    if len(known) < count or any(name not in state.components for name in named) or not 1 <= predictor <= 7:
        raise CodecError("a scan names what is not there")
    if transform >= state.precision:
        raise CodecError("the point transform is damaged")
    places = np.array([state.components.index(name) for name in named])
    values = np.zeros((result.shape[0], result.shape[1], count), np.int32)
    _decode_intervals(data, values, np.stack(known), state, predictor, transform)
    result[:, :, places] = (values.astype(np.uint32) << transform).astype(np.uint16)
    return set(places.tolist())


def _decode_intervals(
    data: bytes, values: NDArray[np.int32], tables: Table, state: _State, predictor: int, transform: int
) -> None:
    rows, columns, _ = values.shape
    if state.restart % columns:
        raise CodecError("a restart inside a row is not supported")
    step = state.restart // columns or rows
    parts = _intervals(data)
    if len(parts) < -(-rows // step):
        raise CodecError("restart intervals are missing")
    middle = 1 << (state.precision - transform - 1)
    for number, first in enumerate(range(0, rows, step)):
        coded = np.frombuffer(parts[number].replace(b"\xff\x00", b"\xff"), np.uint8)
        if not _decode(coded, values[first : first + step], tables, predictor, middle):
            raise CodecError("the coded data is damaged or too short")


def _intervals(data: bytes) -> list[bytes]:
    """Coded data split at its restart markers."""
    parts = []
    start = at = 0
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if 0xD0 <= data[at + 1] <= 0xD7:
            parts.append(data[start:at])
            start = at + 2
        at += 2
    return [*parts, data[start:]]


@compiled()
def _predict(values: NDArray[np.int32], row: int, column: int, part: int, kind: int) -> int:
    """The prediction from the left, above and corner neighbours (T.81, table H.1), with its rules for the edges."""
    if row == 0 or column == 0:
        return int(values[row, column - 1, part]) if row == 0 else int(values[row - 1, column, part])
    left = int(values[row, column - 1, part])
    above = int(values[row - 1, column, part])
    corner = int(values[row - 1, column - 1, part])
    found = (left + above) >> 1
    if kind <= 3:
        found = left if kind == 1 else above if kind == 2 else corner
    elif kind == 4:
        found = left + above - corner
    elif kind == 5:
        found = left + ((above - corner) >> 1)
    elif kind == 6:
        found = above + ((left - corner) >> 1)
    return found


@compiled()
def _difference(held: int, bits: int, size: int) -> int:
    """The signed difference of ``size`` bits at the top of ``bits`` held ones."""
    if size in (0, 16):
        return 32768 if size == 16 else 0
    found = (held >> (bits - size)) & ((1 << size) - 1)
    return found - ((1 << size) - 1) if found < 1 << (size - 1) else found


@compiled()
def _decode(coded: NDArray[np.uint8], values: NDArray[np.int32], tables: Table, kind: int, middle: int) -> bool:
    """Fill rows of samples from one restart interval; False where the bits run out or make no code."""
    rows, columns, parts = values.shape
    held = 0
    bits = 0
    at = 0
    for row in range(rows):
        for column in range(columns):
            for part in range(parts):
                while bits < 32:
                    held = ((held << 8) | (int(coded[at]) if at < coded.size else 0)) & 0xFFFFFFFFFF
                    at += 1
                    bits += 8
                entry = int(tables[part, (held >> (bits - 16)) & 0xFFFF])
                bits -= entry >> 8
                size = entry & 0xFF
                difference = _difference(held, bits, size)
                bits -= size if size < 16 else 0
                if entry == 0 or 8 * at - bits > 8 * coded.size:
                    return False
                before = middle if row == 0 and column == 0 else _predict(values, row, column, part, kind)
                values[row, column, part] = (before + difference) & 0xFFFF
    return True
