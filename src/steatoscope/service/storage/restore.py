"""Restores a backup into an empty installation, on any kind of database and file store."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import JSON, Connection, Date, DateTime, MetaData, Table, insert, select

from steatoscope.service.storage.archive import (
    MANIFEST,
    SECRET,
    BackupError,
    Member,
    NotEmptyError,
    members,
    read_manifest,
)
from steatoscope.service.storage.blobs import BlobStore
from steatoscope.service.storage.database import make_engine
from steatoscope.service.storage.migrate import current_revision, known_revisions, upgrade

_BATCH: Final = 200
_MOST_SECRET: Final = 4096


def restore(source: Path, database_url: str, blobs: BlobStore, data_dir: Path) -> dict[str, Any]:
    """Restore a backup; returns its manifest. The installation must be empty.

    The whole backup is checked before anything is written. Raises BackupError for a backup that is damaged, was
    tampered with or is of another version, NotEmptyError for an installation that is not empty; then nothing changes.
    """
    manifest = verify_backup(source)
    _check_empty(database_url, blobs, data_dir)
    upgrade(database_url, manifest["revision"])
    try:
        _fill(source, manifest, database_url, blobs)
    except BaseException:
        for sha256 in list(blobs.all()):
            blobs.delete(sha256)
        raise
    if manifest["secret"] is not None:
        _write_secret(source, data_dir)
    upgrade(database_url)
    return manifest


def verify_backup(source: Path) -> dict[str, Any]:
    """Check every member of a backup against its hash; returns the manifest. Raises BackupError."""
    rows: dict[str, str] = {}
    secret: str | None = None
    names, count, last = hashlib.sha256(), 0, ""
    wrong: list[str] = []
    manifest: dict[str, Any] | None = None
    for member in members(source):
        if manifest is not None:
            raise BackupError("the backup goes on after its manifest")
        if member.name == MANIFEST:
            manifest = read_manifest(member)
        elif member.name == SECRET:
            secret = _once(secret, member)
        elif table := _table_of(member.name):
            rows[table] = _once(rows.get(table), member)
        else:
            if (sha256 := _hash_of(member.name)) <= last:
                raise BackupError("the contents of the backup are not in order")
            names.update(f"{sha256}\n".encode())
            count, last = count + 1, sha256
            if member.stream.drain() != sha256:
                wrong.append(sha256)
    if manifest is None:
        raise BackupError("the backup is not complete: it has no manifest")
    _compare(manifest, rows, secret, {"count": count, "names": names.hexdigest(), "damaged": wrong})
    return manifest


def _compare(
    manifest: Mapping[str, Any], rows: Mapping[str, str], secret: str | None, contents: Mapping[str, Any]
) -> None:
    try:
        stated = {table: entry["sha256"] for table, entry in manifest["rows"].items()}
        named = {name: manifest["blobs"][name] for name in contents}
        revision, kept = manifest["revision"], manifest["secret"]
    except (KeyError, TypeError, AttributeError) as fault:
        raise BackupError("the manifest is not complete") from fault
    if changed := sorted(table for table in stated.keys() | rows.keys() if stated.get(table) != rows.get(table)):
        raise BackupError(f"the backup was changed: the rows of {', '.join(changed)} are not the ones it was made with")
    if named != contents:
        raise BackupError("the backup was changed: its contents are not the ones it was made with")
    if kept != secret:
        raise BackupError("the backup was changed: its secret is not the one it was made with")
    if revision not in known_revisions():
        raise BackupError(f"the backup is of revision {revision}, made by a newer version of Steatoscope")


def _once(before: str | None, member: Member) -> str:
    if before is not None:
        raise BackupError(f"the backup holds {member.name} twice")
    return member.stream.drain()


def _table_of(name: str) -> str | None:
    return name.removeprefix("rows/").removesuffix(".jsonl") if name.startswith("rows/") else None


def _hash_of(name: str) -> str:
    return name.removeprefix("blobs/").replace("/", "")


def _check_empty(database_url: str, blobs: BlobStore, data_dir: Path) -> None:
    if current_revision(database_url) is not None:
        engine = make_engine(database_url)
        with engine.connect() as connection:
            full = [t.name for t in _tables(connection).values() if connection.execute(select(t).limit(1)).first()]
        engine.dispose()
        if full:
            raise NotEmptyError(f"the database is not empty: it has rows in {', '.join(sorted(full))}")
    if next(iter(blobs.all()), None) is not None:
        raise NotEmptyError("the file store is not empty")
    if (data_dir / SECRET).exists():
        raise NotEmptyError(f"there is already a {SECRET} in the data folder: restore into a new, empty one")


def _tables(connection: Connection) -> dict[str, Table]:
    """The tables as they are in the database, parents first: a backup may be older than this version's tables."""
    metadata = MetaData()
    metadata.reflect(connection)
    return {table.name: table for table in metadata.sorted_tables if table.name != "alembic_version"}


def _fill(source: Path, manifest: Mapping[str, Any], database_url: str, blobs: BlobStore) -> None:
    damaged = set(manifest["blobs"]["damaged"])
    engine = make_engine(database_url)
    try:
        with engine.execution_options(writes=True).begin() as connection:
            tables = _tables(connection)
            for member in members(source):
                if table := _table_of(member.name):
                    _insert(connection, tables[table], member)
                elif member.name.startswith("blobs/") and (sha256 := _hash_of(member.name)) not in damaged:
                    stored, _ = blobs.put_stream(member.stream)  # type: ignore[arg-type]
                    if stored != sha256:
                        raise BackupError("the backup was changed while it was being restored")
    finally:
        engine.dispose()


def _insert(connection: Connection, table: Table, member: Member) -> None:
    for column in table.columns:
        if isinstance(column.type, JSON):
            column.type = JSON(none_as_null=True)
    rows = (_row(table, line) for line in _lines(member))
    while batch := list(islice(rows, _BATCH)):
        connection.execute(insert(table), batch)


def _lines(member: Member) -> Iterator[bytes]:
    rest = b""
    while chunk := member.stream.read(1024 * 1024):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _row(table: Table, line: bytes) -> dict[str, Any]:
    document = json.loads(line)
    return {name: _value(table.c[name].type, value) for name, value in document.items()}


def _value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, DateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    return value


def _write_secret(source: Path, data_dir: Path) -> None:
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for member in members(source):
        if member.name == SECRET:
            handle = os.open(data_dir / SECRET, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(member.stream.read(_MOST_SECRET))
