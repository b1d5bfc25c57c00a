"""Backs up an installation into one tar file while the service runs."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy import Table
from sqlalchemy.orm import Session

from steatoscope import __version__
from steatoscope.service.storage.archive import FORMAT, MANIFEST, SECRET, ArchiveWriter, BackupError, NotEmptyError
from steatoscope.service.storage.audit import anchor
from steatoscope.service.storage.base import now
from steatoscope.service.storage.blobs import BlobStore
from steatoscope.service.storage.contents import still_used, used
from steatoscope.service.storage.database import Database
from steatoscope.service.storage.dump import dumped_tables, lines, snapshot
from steatoscope.service.storage.migrate import current_revision, newest_revision

_ATTEMPTS: Final = 3


class _ErasedMeanwhileError(Exception):
    """A content was erased together with its rows while it was being backed up."""


def backup(database: Database, blobs: BlobStore, data_dir: Path, target: Path) -> dict[str, Any]:
    """Write rows, contents and the installation's secret as of one moment into ``target``; returns its manifest.

    The file appears when it is complete and is readable by its owner only. Contents that are missing or damaged in the
    store are named in the manifest (``missing``, ``damaged``); all else is backed up. Raises NotEmptyError where
    the target exists, BackupError where the database is not of this version.
    """
    if target.exists():
        raise NotEmptyError(f"{target} exists already")
    if current_revision(database.url) != newest_revision():
        raise BackupError("the database is not of this version: migrate it first (steatoscope db upgrade)")
    for attempt in range(_ATTEMPTS):
        try:
            with _emerging(target) as file:
                return _write(file, target.parent, database, blobs, data_dir)
        except _ErasedMeanwhileError:
            if attempt == _ATTEMPTS - 1:
                raise BackupError("studies were erased during the backup, again and again: try later") from None
    raise AssertionError("unreachable")


@contextmanager
def _emerging(target: Path) -> Iterator[IO[bytes]]:
    """A file beside the target that takes its name when all went well (mode 600, flushed to disk)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _write(file: IO[bytes], beside: Path, database: Database, blobs: BlobStore, data_dir: Path) -> dict[str, Any]:
    writer = ArchiveWriter(file)  # type: ignore[arg-type]
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "program": __version__,
        "revision": newest_revision(),
        "created_at": now().isoformat(timespec="seconds"),
    }
    with tempfile.TemporaryFile(dir=beside) as wanted, snapshot(database) as session:
        manifest["audit"] = asdict(anchor(session))
        manifest["rows"] = {table.name: _add_rows(writer, session, table, beside) for table in dumped_tables()}
        for sha256 in used(session):
            wanted.write(sha256.encode() + b"\n")
        session.close()
        wanted.seek(0)
        manifest["blobs"] = _add_blobs(writer, wanted, database, blobs)
    manifest["secret"] = _add_secret(writer, data_dir)
    writer.add_json(MANIFEST, manifest)
    writer.close()
    return manifest


def _add_rows(writer: ArchiveWriter, session: Session, table: Table, beside: Path) -> dict[str, Any]:
    """The rows go to a file of their own first: a member's size stands before it."""
    with tempfile.TemporaryFile(dir=beside) as rows:
        count = 0
        for line in lines(session, table):
            rows.write(line)
            count += 1
        size = rows.tell()
        rows.seek(0)
        sha256 = writer.add(f"rows/{table.name}.jsonl", rows, size)
    return {"count": count, "sha256": sha256}


def _add_blobs(writer: ArchiveWriter, wanted: IO[bytes], database: Database, blobs: BlobStore) -> dict[str, Any]:
    names, count, size = hashlib.sha256(), 0, 0
    missing: list[str] = []
    damaged: list[str] = []
    for line in wanted:
        sha256 = line.decode().strip()
        try:
            facts, source = blobs.facts(sha256), blobs.open(sha256)
        except KeyError:
            missing.append(sha256)
            continue
        with source:
            found = writer.add(f"blobs/{sha256[:2]}/{sha256[2:]}", source, facts.size)
        names.update(line)
        count, size = count + 1, size + facts.size
        if found != sha256:
            damaged.append(sha256)
    with database.reading() as session:
        if set(missing) - still_used(session, missing):
            raise _ErasedMeanwhileError
    return {"count": count, "bytes": size, "names": names.hexdigest(), "missing": missing, "damaged": damaged}


def _add_secret(writer: ArchiveWriter, data_dir: Path) -> str | None:
    path = data_dir / SECRET
    if not path.is_file():
        return None
    with path.open("rb") as source:
        return writer.add(SECRET, source, path.stat().st_size)
