"""Zip archives, unpacked into a temporary folder only after every entry of the directory was judged."""

from __future__ import annotations

import errno
import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.decoding import cut_short, too_large
from steatoscope.imaging.io.options import MAX_BYTES

MAX_ENTRIES: Final = 20_000
_RATIO_LIMIT: Final = 250
_RATIO_FROM_BYTES: Final = 64 * 1024**2
_CHUNK: Final = 1 << 20
_END_RECORD: Final = b"PK\x05\x06"
_END_SEARCH: Final = 66_000
_DRIVE: Final = re.compile(r"^[A-Za-z]:")


@contextmanager
def unpacked(path: Path, *, max_bytes: int = MAX_BYTES, within: Path | None = None) -> Iterator[Path]:
    """Unpack a zip into a temporary folder (in ``within``), which is removed when the context ends.

    Raises E_ARCHIVE for entries that would leave the folder, links, encryption, damage or more than 20,000 entries;
    E_BOMB where the entries unpack to more than ``max_bytes`` or at an absurd ratio; E_TRUNCATED where the archive's
    directory is cut off; E_EMPTY where it has no entries. Archives inside the archive stay packed.
    """
    with tempfile.TemporaryDirectory(prefix="steatoscope-", dir=within, ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        try:
            with zipfile.ZipFile(path) as archive:
                entries = _judged(archive, path, max_bytes)
                _extract(archive, entries, folder, path)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as fault:
            raise _damaged(path) from fault
        except OSError as fault:
            if fault.errno == errno.ENOSPC:
                raise
            raise _damaged(path) from fault
        yield folder


def _judged(archive: zipfile.ZipFile, path: Path, max_bytes: int) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    files = [entry for entry in entries if not entry.is_dir()]
    if not files:
        raise SteatoscopeError("E_EMPTY", path=str(path), cause="The archive holds no files.")
    if len(entries) > MAX_ENTRIES:
        raise _unsafe(path, f"It has more than {MAX_ENTRIES} entries.")
    for entry in entries:
        _check_entry(entry, path)
    total = sum(entry.file_size for entry in files)
    if total > max_bytes:
        raise too_large(path, f"It unpacks to {total / 1024**3:.1f} GiB.")
    for entry in files:
        if entry.file_size > _RATIO_FROM_BYTES and entry.file_size > _RATIO_LIMIT * max(entry.compress_size, 1):
            raise too_large(path, "An entry unpacks to more than 250 times its packed size.")
    return files


def _check_entry(entry: zipfile.ZipInfo, path: Path) -> None:
    name = entry.filename.replace("\\", "/")
    if entry.flag_bits & 0x1:
        raise _unsafe(path, "It is encrypted.", "Unpack it with its password and give the folder.")
    if name.startswith("/") or _DRIVE.match(name) or ".." in PurePosixPath(name).parts or "\x00" in name:
        raise _unsafe(path, "An entry lies outside the archive's own folder.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise _unsafe(path, "It holds symbolic links.")


def _extract(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], folder: Path, path: Path) -> None:
    for entry in entries:
        target = folder.joinpath(*PurePosixPath(entry.filename.replace("\\", "/")).parts)
        if not target.resolve().is_relative_to(folder):
            raise _unsafe(path, "An entry lies outside the archive's own folder.")
        target.parent.mkdir(parents=True, exist_ok=True)
        written = 0
        with archive.open(entry) as source, target.open("xb") as sink:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > entry.file_size:
                    raise too_large(path, "An entry unpacks to more than the archive's directory says.")
                sink.write(chunk)


def _unsafe(path: Path, cause: str, remedy: str | None = None) -> SteatoscopeError:
    return SteatoscopeError("E_ARCHIVE", path=str(path), cause=cause, remedy=remedy)


def _damaged(path: Path) -> SteatoscopeError:
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - _END_SEARCH))
        if _END_RECORD not in stream.read():
            return cut_short(path, "The archive ends before its directory.")
    return SteatoscopeError("E_ARCHIVE", path=str(path), cause="It is damaged and cannot be unpacked.")
