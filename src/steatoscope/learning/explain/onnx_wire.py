"""Protocol-buffer messages as bytes: just enough to read and rewrite an ONNX file without its package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Field:
    """One field of a message: its number, its content (an int, or bytes), and its bytes as they stand."""

    number: int
    content: int | bytes
    raw: bytes

    @property
    def data(self) -> bytes:
        """The content as bytes; raises ValueError for a number."""
        if isinstance(self.content, int):
            raise ValueError(f"field {self.number} holds a number")
        return self.content


def fields(message: bytes) -> Iterator[Field]:
    """The fields of a protocol-buffer message in order; raises ValueError where it is cut short or malformed."""
    place = 0
    while place < len(message):
        start = place
        key, place = varint(message, place)
        kind = key & 7
        content: int | bytes
        if kind == 0:
            content, place = varint(message, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            content, place = message[place : place + size], place + size
        elif kind == 2:
            size, place = varint(message, place)
            content, place = message[place : place + size], place + size
        else:
            raise ValueError(f"wire type {kind} is not known")
        if place > len(message):
            raise ValueError("the message is cut short")
        yield Field(key >> 3, content, message[start:place])


def varint(message: bytes, place: int) -> tuple[int, int]:
    """The number that begins at a place, and the place behind it."""
    value = shift = 0
    while True:
        if place >= len(message):
            raise ValueError("the message is cut short")
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def number_bytes(value: int) -> bytes:
    """A number of zero or more as it is written."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def message_bytes(number: int, content: bytes) -> bytes:
    """A field that holds bytes, with its number and length before them."""
    return number_bytes(number << 3 | 2) + number_bytes(len(content)) + content


def text_of(message: bytes, number: int) -> str:
    """The first field of a number as text; empty where there is none."""
    return next((part.data.decode() for part in fields(message) if part.number == number), "")
