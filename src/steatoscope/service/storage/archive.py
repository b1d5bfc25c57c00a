"""The tar file of a backup: written and read one member at a time, whatever their number and size."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

FORMAT: Final = "steatoscope.backup/1"
MANIFEST: Final = "manifest.json"
SECRET: Final = "secret.key"
_NAMES: Final = re.compile(r"rows/[a-z_]{1,60}\.jsonl|blobs/[0-9a-f]{2}/[0-9a-f]{62}|secret\.key|manifest\.json")
_MOST_MANIFEST: Final = 64 * 1024 * 1024
_CHUNK: Final = 1024 * 1024


class BackupError(ValueError):
    """A backup that cannot be made or must not be used; the text says why."""


class NotEmptyError(BackupError):
    """The place that a backup should go to, or be restored into, is taken."""


class HashedReader(io.RawIOBase):
    """Passes a stream through and keeps the SHA-256 of what went by."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read on: as many bytes as asked for, fewer only at the end. Raises BackupError for a damaged archive."""
        parts: list[bytes] = []
        missing = size
        try:
            while missing and (chunk := self._source.read(missing)):
                parts.append(chunk)
                missing = missing - len(chunk) if size >= 0 else -1
        except (tarfile.TarError, EOFError) as fault:
            raise BackupError(f"the backup is cut short or damaged: {fault}") from fault
        whole = b"".join(parts)
        self._digest.update(whole)
        return whole

    def hexdigest(self) -> str:
        """The SHA-256 of what was read so far."""
        return self._digest.hexdigest()

    def drain(self) -> str:
        """Read to the end and give the SHA-256 of all."""
        while self.read(_CHUNK):
            pass
        return self.hexdigest()


class ArchiveWriter:
    """Writes members into a tar file that is open for writing."""

    def __init__(self, file: BinaryIO) -> None:
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name: str, source: BinaryIO, size: int) -> str:
        """Add a member of a known size; returns the SHA-256 of what was written."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        reader = HashedReader(source)
        try:
            self._tar.addfile(info, cast(Any, reader))
        except OSError as fault:
            raise BackupError(f"{name} cannot be written: {fault}") from fault
        _forget(self._tar)
        return reader.hexdigest()

    def add_json(self, name: str, document: Mapping[str, Any]) -> None:
        """Add a small document."""
        content = json.dumps(document, indent=2, sort_keys=True).encode()
        self.add(name, io.BytesIO(content), len(content))

    def close(self) -> None:
        """Write the end of the archive."""
        self._tar.close()


def _forget(tar: tarfile.TarFile) -> None:
    """Empty the list of members, which would grow with the number of contents."""
    cast(Any, tar).members.clear()


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive that is being read; ``stream`` is good until the next one is asked for."""

    name: str
    size: int
    stream: HashedReader


def members(source: Path) -> Iterator[Member]:
    """All members in their order. Raises BackupError for a damaged archive, and for a member that no backup has."""
    with _opened(source) as tar:
        while (info := tar.next()) is not None:
            if not info.isreg() or not _NAMES.fullmatch(info.name):
                raise BackupError(f"the backup holds {info.name!r}, which no backup of this format has")
            stream = tar.extractfile(info)
            assert stream is not None
            yield Member(info.name, info.size, HashedReader(cast(BinaryIO, stream)))
            _forget(tar)


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, "r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError) as fault:
        raise BackupError(f"{source.name} is no whole backup: {fault}") from fault
    except OSError as fault:
        raise BackupError(f"{source.name} cannot be read: {fault.strerror or fault}") from fault


def read_manifest(member: Member) -> dict[str, Any]:
    """The manifest. Raises BackupError where it is none, or of a format that this version does not know."""
    if member.size > _MOST_MANIFEST:
        raise BackupError("the manifest is too large")
    try:
        document = json.loads(member.stream.read())
    except ValueError as fault:
        raise BackupError("the manifest cannot be read") from fault
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BackupError(f"the backup is not of the format {FORMAT}: it was made by another version")
    return document
