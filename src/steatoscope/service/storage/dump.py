"""All rows as JSON lines: one order and one form on every database, so that equal rows give equal bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import String, Table, select
from sqlalchemy.orm import Session

from steatoscope.service.storage.blobs import BlobStore
from steatoscope.service.storage.contents import used
from steatoscope.service.storage.database import Database
from steatoscope.service.storage.rows import plain_row
from steatoscope.service.storage.tables import Base

LEFT_OUT: Final = frozenset({"uploads", "upload_files"})  # unfinished: their parts lie outside the file store
_CHUNK: Final = 1024 * 1024


def dumped_tables() -> list[Table]:
    """The tables of a backup, parents before children."""
    return [table for table in Base.metadata.sorted_tables if table.name not in LEFT_OUT]


@contextmanager
def snapshot(database: Database) -> Iterator[Session]:
    """A session that sees all rows as they are at one moment, while others go on writing."""
    engine = database.engine
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with Session(engine) as session:
        yield session


def lines(session: Session, table: Table) -> Iterator[bytes]:
    """The rows of a table by primary key, one line of JSON with sorted keys for each."""
    plain = session.get_bind().dialect.name != "postgresql"
    keys: list[Any] = [
        key if plain or not isinstance(key.type, String) else key.collate("C") for key in table.primary_key.columns
    ]
    for row in session.execute(select(table).order_by(*keys).execution_options(yield_per=500)):
        document = plain_row(row._asdict())
        yield json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def installation_digest(database: Database, blobs: BlobStore) -> str:
    """SHA-256 over all rows and all contents that they use, read anew; unfinished uploads are left out.

    The same installation gives the same digest on every kind of database and file store.
    """
    digest = hashlib.sha256()
    with snapshot(database) as session:
        for table in dumped_tables():
            digest.update(f"table {table.name}\n".encode())
            for line in lines(session, table):
                digest.update(line)
        for sha256 in used(session):
            digest.update(f"content {sha256} {content_hash(blobs, sha256)}\n".encode())
    return digest.hexdigest()


def content_hash(blobs: BlobStore, sha256: str) -> str:
    """The SHA-256 of what the store holds under a hash; "missing" where it holds nothing."""
    try:
        source = blobs.open(sha256)
    except KeyError:
        return "missing"
    with source:
        digest = hashlib.sha256()
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
