"""Reading single header values safely: a value that is missing, empty or malformed is None, never an exception."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

LARGEST = 1e12
Key = str | tuple[int, int]


def value(header: Dataset, key: Key) -> Any:
    """The value of a keyword or (group, element) tag, None where absent, empty or unreadable."""
    try:
        found = header.get(key)
        if isinstance(key, tuple):
            found = None if found is None else found.value
    except Exception:
        return None
    if found is None or (isinstance(found, str | bytes | MultiValue | list) and len(found) == 0):
        return None
    return found


def declared(header: Dataset, keyword: str) -> bool:
    """Whether the header holds a non-empty value, readable or not."""
    try:
        raw = header.get_item(keyword)
    except Exception:
        return keyword in header
    content = None if raw is None else raw.value
    if isinstance(content, bytes | str):
        return bool(content.strip())
    return content is not None and content != []


def texts(header: Dataset, key: Key) -> tuple[str, ...]:
    """All values as stripped text, empty where absent."""
    found = value(header, key)
    if found is None:
        return ()
    parts = list(found) if isinstance(found, MultiValue | list | tuple) else [found]
    try:
        return tuple(str(part).replace("\0", "").strip() for part in parts)
    except Exception:
        return ()


def text(header: Dataset, key: Key) -> str | None:
    """The values as one text, joined by spaces; None where there is nothing to read."""
    return " ".join(part for part in texts(header, key) if part) or None


def numbers(header: Dataset, key: Key, count: int) -> tuple[float, ...] | None:
    """Exactly ``count`` numbers that are finite and not beyond any physical quantity, or None."""
    found = value(header, key)
    parts = list(found) if isinstance(found, MultiValue | list | tuple) else [found]
    if found is None or len(parts) != count:
        return None
    try:
        result = tuple(float(part) for part in parts)
    except Exception:
        return None
    return result if all(math.isfinite(part) and abs(part) <= LARGEST for part in result) else None


def number(header: Dataset, key: Key) -> float | None:
    """One finite number, or None."""
    found = numbers(header, key, 1)
    return None if found is None else found[0]


def positive(header: Dataset, key: Key) -> float | None:
    """One finite number above zero, or None."""
    found = number(header, key)
    return found if found is not None and found > 0 else None


def integer(header: Dataset, key: Key) -> int | None:
    """One whole number, or None."""
    found = number(header, key)
    return int(found) if found is not None and found == int(found) else None


def items(header: Dataset, keyword: str) -> Sequence[Dataset]:
    """The items of a sequence, empty where absent or unreadable."""
    found = value(header, keyword)
    if not isinstance(found, list | tuple | MultiValue) and type(found).__name__ != "Sequence":
        return ()
    try:
        return [item for item in found if isinstance(item, Dataset)]
    except Exception:
        return ()


def first(header: Dataset, keyword: str) -> Dataset | None:
    """The first item of a sequence, or None."""
    found = items(header, keyword)
    return found[0] if found else None
