"""Files by the SHA-256 of their content: written once, never changed, shared by all that have the same content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BlobFacts:
    """What a store knows of a content without reading it."""

    size: int
    stored_at: datetime


class BlobStore(Protocol):
    """A store of contents by hash.

    Storing a content again makes it new again, which keeps it from the collection of garbage for the time of grace: so
    always store first, also what ``exists``, then commit the rows that use it.
    """

    def put_file(self, path: Path) -> tuple[str, int]:
        """Store the content of a file; returns (sha256, size)."""

    def put_bytes(self, content: bytes) -> tuple[str, int]:
        """Store some bytes; returns (sha256, size)."""

    def put_stream(self, source: BinaryIO) -> tuple[str, int]:
        """Store what a stream gives; returns (sha256, size)."""

    def open(self, sha256: str) -> BinaryIO:
        """Open a content for reading; raises KeyError where it is not there."""

    def exists(self, sha256: str) -> bool:
        """Whether a content is there."""

    def fetch(self, sha256: str, target: Path) -> None:
        """Put a content at a path (by a hard link or a copy); raises KeyError where it is not there."""

    def delete(self, sha256: str) -> None:
        """Remove a content; nothing happens where it is not there."""

    def delete_unless_newer(self, sha256: str, moment: datetime) -> bool:
        """Remove a content unless it was stored (again) after a moment; True where it was removed."""

    def facts(self, sha256: str) -> BlobFacts:
        """Size of a content and when it was last stored; raises KeyError where it is not there."""

    def all(self) -> Iterator[str]:
        """Every hash in the store, sorted."""

    def tidy(self, moment: datetime) -> int:
        """Remove what writers left half-written before a moment; returns how many."""


class FolderBlobs:
    """A folder of contents: ``ab/cdef...``; each is written aside, flushed to disk and moved into place."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: str) -> Path:
        """Where a content lies; raises ValueError for anything but a SHA-256 in lower-case hexadecimal."""
        check_hash(sha256)
        return self.root / sha256[:2] / sha256[2:]

    def put_file(self, path: Path) -> tuple[str, int]:
        """Store the content of a file; returns (sha256, size)."""
        with path.open("rb") as source:
            return self.put_stream(source)

    def put_bytes(self, content: bytes) -> tuple[str, int]:
        """Store some bytes; returns (sha256, size)."""
        return self._put(iter([content]))

    def put_stream(self, source: BinaryIO) -> tuple[str, int]:
        """Store what a stream gives; returns (sha256, size)."""
        return self._put(iter(lambda: source.read(_CHUNK), b""))

    def _put(self, chunks: Iterator[bytes]) -> tuple[str, int]:
        self.root.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        handle, name = tempfile.mkstemp(prefix=".new-", dir=self.root)
        try:
            with os.fdopen(handle, "wb") as target:
                for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    target.write(chunk)
                target.flush()
                os.fsync(target.fileno())
            final = self.path(digest.hexdigest())
            final.parent.mkdir(exist_ok=True)
            os.replace(name, final)
            _flush_folder(final.parent)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return digest.hexdigest(), size

    def open(self, sha256: str) -> BinaryIO:
        """Open a content for reading; raises KeyError where it is not there."""
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError:
            raise KeyError(sha256) from None

    def exists(self, sha256: str) -> bool:
        """Whether a content is there."""
        return self.path(sha256).is_file()

    def fetch(self, sha256: str, target: Path) -> None:
        """Copy a content to a path; raises KeyError where it is not there."""
        with self.open(sha256) as source, target.open("wb") as sink:
            while chunk := source.read(_CHUNK):
                sink.write(chunk)

    def delete(self, sha256: str) -> None:
        """Remove a content; nothing happens where it is not there."""
        self.path(sha256).unlink(missing_ok=True)

    def delete_unless_newer(self, sha256: str, moment: datetime) -> bool:
        """Remove a content unless it was stored (again) after a moment; True where it was removed.

        The file is first moved aside, so that one that is stored in between is seen, and put back.
        """
        path = self.path(sha256)
        aside = self.root / f".gone-{sha256}-{uuid.uuid4().hex}"
        try:
            path.rename(aside)
        except FileNotFoundError:
            return False
        if _moment(aside.stat().st_mtime) > moment:
            aside.replace(path)
            return False
        aside.unlink()
        return True

    def facts(self, sha256: str) -> BlobFacts:
        """Size of a content and when it was last stored; raises KeyError where it is not there."""
        try:
            status = self.path(sha256).stat()
        except FileNotFoundError:
            raise KeyError(sha256) from None
        return BlobFacts(status.st_size, _moment(status.st_mtime))

    def all(self) -> Iterator[str]:
        """Every hash in the store."""
        if not self.root.is_dir():
            return
        for folder in sorted(self.root.iterdir()):
            if folder.is_dir() and len(folder.name) == 2:
                yield from sorted(name for file in folder.iterdir() if is_hash(name := folder.name + file.name))

    def tidy(self, moment: datetime) -> int:
        """Remove what writers left half-written before a moment, and put back what a stopped removal had put aside."""
        removed = 0
        for path in self.root.glob(".new-*") if self.root.is_dir() else ():
            with contextlib.suppress(FileNotFoundError):
                if _moment(path.stat().st_mtime) < moment:
                    path.unlink()
                    removed += 1
        for path in self.root.glob(".gone-*") if self.root.is_dir() else ():
            with contextlib.suppress(FileNotFoundError):
                if _moment(path.stat().st_ctime) < moment:
                    path.replace(self.path(path.name.split("-")[1]))
        return removed


def check_hash(sha256: str) -> None:
    """Raise ValueError for anything but a SHA-256 in lower-case hexadecimal."""
    if not is_hash(sha256):
        raise ValueError(f"{sha256!r} is no SHA-256")


def is_hash(text: str) -> bool:
    """Whether a text is a SHA-256 in lower-case hexadecimal."""
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _flush_folder(folder: Path) -> None:
    """Make a renaming last through a loss of power, where the system allows it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _moment(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)


def open_blobs(url: str) -> BlobStore:
    """The store behind a folder or a URL; raises StorageUnavailableError (a ValueError) where it cannot be used."""
    if "://" in url and not url.startswith("file://"):
        from steatoscope.service.storage.blobs_remote import RemoteBlobs

        return RemoteBlobs(url)
    return FolderBlobs(Path(url.removeprefix("file://")))
