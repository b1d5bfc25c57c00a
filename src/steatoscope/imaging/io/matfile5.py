"""MAT level 5 containers (MATLAB 5 to 7), read from their bytes with every length checked.

Layout: MathWorks, "MAT-File Format", level 5. Only numeric arrays and structs are read; the compiled reader in SciPy
is not used, since damaged lengths make it read outside its buffers.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.imaging.io.decoding import cut_short, decoding, too_large

_HEADER: Final = 128
_MATRIX: Final = 14
_COMPRESSED: Final = 15
_STRUCT_CLASS: Final = 2
_SINGLE_CLASS: Final = 7
_NUMERIC_CLASSES: Final = range(6, 16)
_COMPLEX_FLAG: Final = 0x08
_STORED: Final = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MAX_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class _Element:
    """One data element: its type number, its bytes, and where the next one starts."""

    kind: int
    data: memoryview
    end: int


@dataclass(frozen=True, slots=True)
class _Head:
    """Array flags, dimensions and name of a matrix, and where its content starts."""

    cls: int
    is_complex: bool
    dims: tuple[int, ...]
    name: str
    start: int


def read_level5(path: Path, names: Sequence[str], max_bytes: int) -> dict[str, Any]:
    """The variables whose lower-case name is among ``names``: arrays, and structs as dictionaries, by lower-case name.

    Arrays keep MATLAB's axes. Raises E_TRUNCATED, E_FORMAT, or E_BOMB where the variables unpack to more than
    ``max_bytes``.
    """
    if path.stat().st_size > max_bytes:
        raise too_large(path, "Its arrays exceed the memory limit.")
    content = path.read_bytes()
    if len(content) < _HEADER:
        raise cut_short(path)
    order = ">" if content[126:128] == b"MI" else "<"
    found: dict[str, Any] = {}
    with decoding(path, "a MAT file"):
        for element in _top(content, order, max_bytes, path):
            head = _head(element.data, order)
            if head.name.lower() in names and head.name.lower() not in found:
                found[head.name.lower()] = _value(element.data, head, order, 0)
    return found


def _top(content: bytes, order: str, max_bytes: int, path: Path) -> Iterator[_Element]:
    """The matrices of a file, unpacked one at a time."""
    whole, place, left = memoryview(content), _HEADER, max_bytes
    while place < len(whole):
        if place + 8 > len(whole):
            raise cut_short(path)
        kind, count = struct.unpack_from(f"{order}II", whole, place)
        end = place + 8 + count
        if end > len(whole):
            raise cut_short(path)
        data = whole[place + 8 : end]
        if kind == _COMPRESSED:
            unpacked = _inflate(data, left, path)
            left -= len(unpacked)
            inner = _element(memoryview(unpacked), 0, order)
            kind, data = inner.kind, inner.data
        if kind == _MATRIX and len(data):
            yield _Element(kind, data, end)
        place = end


def _inflate(data: memoryview, limit: int, path: Path) -> bytes:
    inflater = zlib.decompressobj()
    unpacked = inflater.decompress(data, limit + 1)
    if len(unpacked) > limit:
        raise too_large(path, "Its arrays exceed the memory limit.")
    if not inflater.eof:
        raise EOFError("the packed variable ends early")
    return unpacked


def _element(data: memoryview, place: int, order: str) -> _Element:
    """The element at ``place``; short ones keep up to four bytes within their tag. Raises ValueError beyond the end."""
    if place < 0 or place + 8 > len(data):
        raise ValueError("an element starts outside its array")
    kind, count = struct.unpack_from(f"{order}II", data, place)
    if kind >> 16:
        kind, count = kind & 0xFFFF, kind >> 16
        if count > 4:
            raise ValueError("a short element is too long")
        return _Element(kind, data[place + 4 : place + 4 + count], place + 8)
    if place + 8 + count > len(data):
        raise ValueError("an element ends outside its array")
    return _Element(kind, data[place + 8 : place + 8 + count], place + 8 + count + (-count) % 8)


def _head(data: memoryview, order: str) -> _Head:
    flags = _element(data, 0, order)
    dims = _element(data, flags.end, order)
    name = _element(data, dims.end, order)
    (word,) = struct.unpack_from(f"{order}I", flags.data)
    sizes = tuple(int(n) for n in _numbers(dims, order))
    if not 2 <= len(sizes) <= 32 or min(sizes) < 0:
        raise ValueError("an array has impossible dimensions")
    text = bytes(name.data).decode("latin-1")
    return _Head(word & 0xFF, bool((word >> 8) & _COMPLEX_FLAG), sizes, text, name.end)


def _value(data: memoryview, head: _Head, order: str, depth: int) -> Any:
    """A numeric array, or the fields of a struct's first element; None for other classes."""
    if head.cls == _STRUCT_CLASS and depth < _MAX_DEPTH:
        return _fields(data, head, order, depth)
    if head.cls not in _NUMERIC_CLASSES:
        return None
    real = _element(data, head.start, order)
    values = _numbers(real, order)
    if head.is_complex:
        values = values + 1j * _numbers(_element(data, real.end, order), order)
        values = values.astype(np.complex64) if head.cls == _SINGLE_CLASS else values
    if values.size != math.prod(head.dims):
        raise ValueError("an array has another size than its dimensions say")
    return values.reshape(head.dims, order="F")


def _fields(data: memoryview, head: _Head, order: str, depth: int) -> dict[str, Any]:
    length = _element(data, head.start, order)
    names = _element(data, length.end, order)
    width = int(_numbers(length, order)[0])
    if width < 1 or len(names.data) % width or math.prod(head.dims) < 1:
        raise ValueError("a struct has impossible field names")
    fields: dict[str, Any] = {}
    place = names.end
    for start in range(0, len(names.data), width):
        name = bytes(names.data[start : start + width]).split(b"\x00")[0].decode("latin-1").lower()
        member = _element(data, place, order)
        if member.kind != _MATRIX:
            raise ValueError("a struct's field is no array")
        fields[name] = _value(member.data, _head(member.data, order), order, depth + 1) if len(member.data) else None
        place = member.end
    return fields


def _numbers(element: _Element, order: str) -> NDArray[Any]:
    stored = np.dtype(f"{order}{_STORED[element.kind]}")
    if len(element.data) % stored.itemsize:
        raise ValueError("an element ends within a number")
    return np.frombuffer(element.data, dtype=stored)
