"""Contents in an object store behind a URL (``s3://bucket/folder``, ``gs://``, ``memory://``) through fsspec.

A content is written in one go under its hash; object stores show it only when it is complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfileobj
from typing import Any, BinaryIO, Final, cast

from steatoscope.service.storage.blobs import BlobFacts, check_hash, is_hash

_CHUNK: Final = 1024 * 1024
_SPOOL: Final = 8 * 1024 * 1024


class StorageUnavailableError(ValueError):
    """The store that a URL names cannot be used; the text says why."""


class RemoteBlobs:
    """A store behind a URL that fsspec knows. Raises StorageUnavailableError where a package for it is missing."""

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs
        except ImportError as fault:
            raise StorageUnavailableError(
                f"storage at {_scheme(url)}:// needs the package fsspec: install steatoscope[server]"
            ) from fault
        try:
            self._files, root = url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as fault:
            raise StorageUnavailableError(f"storage at {_scheme(url)}:// cannot be used: {fault}") from fault
        self._root: str = root.rstrip("/")

    def _path(self, sha256: str) -> str:
        check_hash(sha256)
        return f"{self._root}/{sha256[:2]}/{sha256[2:]}"

    def put_file(self, path: Path) -> tuple[str, int]:
        """Store the content of a file; returns (sha256, size)."""
        with path.open("rb") as source:
            return self.put_stream(source)

    def put_bytes(self, content: bytes) -> tuple[str, int]:
        """Store some bytes; returns (sha256, size)."""
        return self.put_stream(io.BytesIO(content))

    def put_stream(self, source: BinaryIO) -> tuple[str, int]:
        """Store what a stream gives; returns (sha256, size)."""
        digest, size = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as copy:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                copy.write(chunk)
            copy.seek(0)
            path = self._path(digest.hexdigest())
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            with self._files.open(path, "wb") as target:
                copyfileobj(copy, target, _CHUNK)
        return digest.hexdigest(), size

    def open(self, sha256: str) -> BinaryIO:
        """Open a content for reading; raises KeyError where it is not there."""
        try:
            return cast(BinaryIO, self._files.open(self._path(sha256), "rb"))
        except FileNotFoundError:
            raise KeyError(sha256) from None

    def exists(self, sha256: str) -> bool:
        """Whether a content is there."""
        return bool(self._files.isfile(self._path(sha256)))

    def fetch(self, sha256: str, target: Path) -> None:
        """Copy a content to a path; raises KeyError where it is not there."""
        with self.open(sha256) as source, target.open("wb") as sink:
            copyfileobj(source, sink, _CHUNK)

    def delete(self, sha256: str) -> None:
        """Remove a content; nothing happens where it is not there."""
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._path(sha256))

    def delete_unless_newer(self, sha256: str, moment: datetime) -> bool:
        """Remove a content unless it was stored (again) after a moment; True where it was removed."""
        try:
            if self.facts(sha256).stored_at > moment:
                return False
        except KeyError:
            return False
        self.delete(sha256)
        return True

    def facts(self, sha256: str) -> BlobFacts:
        """Size of a content and when it was last stored; raises KeyError where it is not there."""
        path = self._path(sha256)
        try:
            size, stored_at = self._files.info(path)["size"], self._files.modified(path)
        except FileNotFoundError:
            raise KeyError(sha256) from None
        return BlobFacts(int(size), _aware(stored_at))

    def all(self) -> Iterator[str]:
        """Every hash in the store."""
        try:
            found: list[str] = self._files.find(self._root)
        except FileNotFoundError:
            return
        for path in sorted(found):
            name = "".join(path.rsplit("/", 2)[-2:])
            if is_hash(name):
                yield name

    def tidy(self, moment: datetime) -> int:
        """Nothing: an object store shows no half-written content."""
        return 0


def _scheme(url: str) -> str:
    return url.partition("://")[0]


def _aware(moment: Any) -> datetime:
    stamped = moment if isinstance(moment, datetime) else datetime.fromtimestamp(float(moment), UTC)
    return stamped.replace(tzinfo=UTC) if stamped.tzinfo is None else stamped.astimezone(UTC)
