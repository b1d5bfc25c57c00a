"""Names of uploaded files as safe relative paths: no way out of a folder, nothing that a file system minds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

LONGEST_NAME: Final = 300
LONGEST_GIVEN: Final = 2000
_DEEPEST: Final = 12
_PART_BYTES: Final = 150
_UNWANTED: Final = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_RESERVED: Final = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
_SYSTEM: Final = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


def safe_name(given: str) -> str:
    """A relative path with forward slashes from whatever a client calls a file; ``file`` where nothing is left.

    Drives, leading slashes, ``.`` and ``..`` are dropped; control and reserved characters become ``_``; parts and depth
    are bounded. A safe name stays as it is.
    """
    text = unicodedata.normalize("NFC", given[:LONGEST_GIVEN].replace("\\", "/"))
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    parts = [part for part in map(_safe_part, re.sub(r"^[A-Za-z]:", "", text).split("/")) if part]
    short = "/".join(parts[-_DEEPEST:]) or "file"
    while len(short) > LONGEST_NAME and "/" in short:
        short = short.split("/", 1)[1]
    return short


def _safe_part(part: str) -> str:
    part = _UNWANTED.sub("_", part).strip().lstrip(". ").rstrip(". ")
    part = f"_{part}" if _RESERVED.match(part) else part
    if len(part.encode()) <= _PART_BYTES:
        return part
    stem, dot, ending = part.rpartition(".")
    ending = f".{ending}" if dot and len(ending) <= 8 else ""
    stem = stem if ending else part
    return stem.encode()[: _PART_BYTES - len(ending.encode())].decode(errors="ignore").rstrip(". ") + ending


def is_hidden(given: str) -> bool:
    """Whether a file belongs to an operating system's own (``.DS_Store``, ``__MACOSX``), not to a study."""
    parts = [part for part in given.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return any(part in _SYSTEM for part in parts) or bool(parts and parts[-1].startswith("."))


def unique_names(names: Iterable[str]) -> Iterator[str]:
    """The same names, those that came before (in any case) with a number, none a folder of another's path."""
    taken: set[str] = set()
    folders: set[str] = set()
    for name in names:
        found = next(one for one in _numbered(name) if _is_free(one.casefold(), taken, folders))
        key = found.casefold()
        taken.add(key)
        folders.update(_folders(key))
        yield found


def _is_free(key: str, taken: set[str], folders: set[str]) -> bool:
    return key not in taken and key not in folders and not taken.intersection(_folders(key))


def _folders(key: str) -> list[str]:
    parts = key.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _numbered(name: str) -> Iterator[str]:
    yield name
    folder, slash, last = name.rpartition("/")
    stem, dot, ending = last.partition(".")
    for number in range(2, 1_000_000):
        yield f"{folder}{slash}{stem}-{number}{dot}{ending}"
        yield f"{number}-{folder}{slash}{stem}{dot}{ending}"
