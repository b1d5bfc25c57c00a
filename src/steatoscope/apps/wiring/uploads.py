"""Resumable uploads: announced in the database, their bytes in a folder of the inbox until they become a study.

What has arrived of a file is the size of its part file, so that an upload goes on after a restart of the server.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steatoscope.apps.wiring.service import Service
from steatoscope.imaging.io.safe_names import safe_name, unique_names
from steatoscope.service.storage.base import new_id, now
from steatoscope.service.storage.tables import Upload, UploadFile

OPEN: Final = "open"
DONE: Final = "done"
KEPT_S: Final = 24 * 3600
MAX_OPEN: Final = 50
_PREFIX: Final = "upload-"
_OURS: Final = (_PREFIX, "form-", "intake-")
_CHUNK: Final = 1 << 20


class WrongOffset(Exception):
    """A part that does not start where the file ends so far."""

    def __init__(self, received: int) -> None:
        super().__init__(f"the file goes on at {received}")
        self.received = received


class TooMuch(Exception):
    """A part that goes beyond the announced size or the largest part."""


class Busy(Exception):
    """Another request works on the same file or upload."""


def announce(session: Session, service: Service, owner_id: str, files: Sequence[tuple[str, int]]) -> Upload:
    """A new upload of files (name, size in bytes); raises Busy where its owner has too many open ones."""
    query = select(func.count()).select_from(Upload).where(Upload.owner_id == owner_id, Upload.state == OPEN)
    if (session.scalar(query) or 0) >= MAX_OPEN:
        raise Busy(f"{MAX_OPEN} uploads are open already")
    upload = Upload(id=new_id(), owner_id=owner_id, state=OPEN)
    names = unique_names(safe_name(name) for name, _ in files)
    for number, (name, (_, size)) in enumerate(zip(names, files, strict=True)):
        upload.files.append(UploadFile(id=_file_id(upload.id, number), name=name, size=size, received=0))
    session.add(upload)
    session.flush()
    folder_of(service, upload.id).mkdir(parents=True, exist_ok=True)
    return upload


def _file_id(upload_id: str, number: int) -> str:
    """Identifiers in the order of the announcement."""
    return f"{upload_id[:24]}{number:08d}"


def files_of(upload: Upload) -> list[UploadFile]:
    """The files in the order of the announcement."""
    return sorted(upload.files, key=lambda file: file.id)


def folder_of(service: Service, upload_id: str) -> Path:
    """Where the bytes of an upload lie; raises ValueError for anything but an identifier."""
    if len(upload_id) != 32 or not set(upload_id) <= set("0123456789abcdef"):
        raise ValueError(f"{upload_id!r} is no identifier")
    return service.settings.inbox / f"{_PREFIX}{upload_id}"


def part_path(service: Service, upload_id: str, number: int) -> Path:
    """The file of the inbox that takes the bytes of one announced file."""
    return folder_of(service, upload_id) / f"{number:08d}"


def received(service: Service, upload_id: str, number: int) -> int:
    """Bytes of one file that have arrived."""
    try:
        return part_path(service, upload_id, number).stat().st_size
    except FileNotFoundError:
        return 0


def append_part(path: Path, stream: IO[bytes], *, offset: int, size: int, most: int) -> int:
    """Append a part to a file of ``size`` bytes and return what has arrived of it in all.

    Raises WrongOffset where the file does not end at ``offset``, TooMuch (nothing is kept then) for more than ``most``
    bytes or more than was announced, Busy while another part is written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as sink:
        _lock(sink)
        if (end := sink.seek(0, os.SEEK_END)) != offset:
            raise WrongOffset(end)
        room = min(most, size - offset)
        while chunk := stream.read(min(_CHUNK, room + 1)):
            room -= len(chunk)
            if room < 0:
                sink.truncate(offset)
                raise TooMuch
            sink.write(chunk)
        sink.flush()
        os.fdatasync(sink.fileno())
        return sink.tell()


@contextmanager
def locked(service: Service, upload_id: str) -> Iterator[None]:
    """Hold an upload alone, in all processes; raises Busy where it is held. The lock ends with the process."""
    folder = folder_of(service, upload_id)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w+b") as handle:
        _lock(handle)
        yield


def _lock(handle: IO[bytes]) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        raise Busy from fault


def discard_bytes(service: Service, upload_id: str) -> None:
    """Remove the bytes of an upload."""
    shutil.rmtree(folder_of(service, upload_id), ignore_errors=True)


def sweep(service: Service, *, older_than_s: float = KEPT_S) -> int:
    """Remove uploads not touched for a day, and what stopped servers left in the inbox; returns how many."""
    with service.database.writing() as session:
        old = Upload.touched_at < now() - timedelta(seconds=older_than_s)
        found = list(session.scalars(select(Upload).where(old)))
        for upload in found:
            session.delete(upload)
        names = {f"{_PREFIX}{name}" for name in session.scalars(select(Upload.id).where(~old))}
    for upload in found:
        discard_bytes(service, upload.id)
    return len(found) + _sweep_folders(service.settings.inbox, names, time.time() - older_than_s)


def _sweep_folders(inbox: Path, known: set[str], before: float) -> int:
    count = 0
    for folder in inbox.iterdir():
        ours = folder.name.startswith(_OURS) and folder.name not in known
        if ours and folder.is_dir() and folder.stat().st_mtime < before:
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
    return count
