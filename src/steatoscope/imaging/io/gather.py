"""The files behind the paths that a caller gives: folders walked, zips unpacked, every file told by its content."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.archive import unpacked
from steatoscope.imaging.io.decoding import too_large, unreadable
from steatoscope.imaging.io.names import natural_key
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.io.sniff import Kind, sniff

MAX_FILES: Final = 20_000
_SYSTEM_NAMES: Final = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_NOT_IMAGES: Final[frozenset[Kind]] = frozenset({"empty", "unknown", "zip"})


@dataclass(frozen=True, slots=True)
class Found:
    """One image file: its content's kind, name relative to the given path, whether it was named, that path's number."""

    path: Path
    kind: Kind
    relative: str
    named: bool
    given: int = 0


@dataclass
class Gathered:
    """The image files of one PATH, names of the files that are no images, and temporary folders by their archive."""

    images: list[Found] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    unpacked: dict[str, str] = field(default_factory=dict)


def gather(paths: Sequence[Path], options: ReadOptions, stack: ExitStack) -> Gathered:
    """Find the image files of ``paths``; zips are unpacked into folders that live as long as ``stack``.

    Files inside folders that are no images are listed, not refused; files that the caller names must be images.
    Raises E_PATH, E_EMPTY, E_FORMAT, E_ARCHIVE, E_BOMB (also for more than 20,000 files).
    """
    found = Gathered()
    for number, path in enumerate(paths):
        before = len(found.images)
        if not path.exists():
            raise SteatoscopeError("E_PATH", path=str(path))
        if path.is_dir():
            _add_folder(path, found)
        else:
            _add_file(path, found, options, stack)
        if len(found.images) == before:
            raise _nothing(path, found)
        found.images[before:] = [replace(one, given=number) for one in found.images[before:]]
    return found


def _add_file(path: Path, found: Gathered, options: ReadOptions, stack: ExitStack) -> None:
    if not path.is_file():
        raise SteatoscopeError("E_FORMAT", path=str(path), cause="It is neither a file nor a folder.")
    kind = sniff(path)
    if kind == "empty":
        raise SteatoscopeError("E_EMPTY", path=str(path), cause="The file has no bytes.")
    if kind == "unknown":
        raise SteatoscopeError("E_FORMAT", path=str(path))
    if kind != "zip":
        found.images.append(Found(path, kind, path.name, named=True))
        return
    folder = stack.enter_context(unpacked(path, max_bytes=options.max_bytes))
    found.unpacked[str(folder)] = str(path)
    _add_folder(folder, found)


def _add_folder(folder: Path, found: Gathered) -> None:
    for path in _walk(folder):
        relative = str(path.relative_to(folder))
        kind = sniff(path)
        if kind in _NOT_IMAGES or path.name.upper() == "DICOMDIR":
            found.others.append(relative)
        else:
            found.images.append(Found(path, kind, relative, named=False))


def _walk(folder: Path) -> Iterator[Path]:
    """Regular files below a folder in natural order; hidden ones, and links that lead outside, are passed over."""
    root, count = folder.resolve(), 0
    for place, folders, files in os.walk(folder, onerror=_forbidden):
        folders[:] = sorted((name for name in folders if not _is_system(name)), key=natural_key)
        for name in sorted((name for name in files if not _is_system(name)), key=natural_key):
            path = Path(place, name)
            if not path.is_file() or not path.resolve().is_relative_to(root):
                continue
            count += 1
            if count > MAX_FILES:
                raise too_large(folder, f"The folder holds more than {MAX_FILES} files.")
            yield path


def _forbidden(fault: OSError) -> None:
    raise unreadable(Path(str(fault.filename))) from fault


def _is_system(name: str) -> bool:
    return name.startswith(".") or name in _SYSTEM_NAMES


def _nothing(path: Path, found: Gathered) -> SteatoscopeError:
    if not found.others:
        return SteatoscopeError("E_EMPTY", path=str(path))
    cause = f"None of its {len(found.others)} files is DICOM, NIfTI, PNG, JPEG, TIFF, MP4, AVI or MAT."
    return SteatoscopeError("E_FORMAT", path=str(path), message="The folder holds no known image.", cause=cause)
