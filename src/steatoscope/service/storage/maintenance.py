"""Backup, restore, consistency and garbage: what keeps an installation healthy, in one place."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from steatoscope.service.storage.archive import BackupError, NotEmptyError
from steatoscope.service.storage.backup import backup
from steatoscope.service.storage.base import now
from steatoscope.service.storage.blobs import BlobStore
from steatoscope.service.storage.consistency import check_consistency, unused
from steatoscope.service.storage.contents import unreferenced
from steatoscope.service.storage.database import is_writing
from steatoscope.service.storage.dump import installation_digest
from steatoscope.service.storage.restore import restore, verify_backup
from steatoscope.service.storage.tables_system import Blob

__all__ = [
    "BackupError",
    "NotEmptyError",
    "backup",
    "check_consistency",
    "collect_garbage",
    "forget_unused_rows",
    "installation_digest",
    "restore",
    "verify_backup",
]


def collect_garbage(session: Session, blobs: BlobStore, older_than_s: float) -> dict[str, int]:
    """Remove contents that no row uses and that were stored longer ago than the time of grace; returns counts.

    Whoever makes a study stores its files first and commits the rows that use them within the time of grace: a day is
    right, an hour the least. In a writing session the table of contents is put in order too.
    """
    limit = now() - timedelta(seconds=older_than_s)
    removed = size = 0
    for sha256 in unused(session, blobs):
        try:
            found = blobs.facts(sha256).size
        except KeyError:
            continue
        if blobs.delete_unless_newer(sha256, limit):
            removed, size = removed + 1, size + found
    half_written = blobs.tidy(limit)
    if is_writing(session):
        forget_unused_rows(session, older_than_s)
    return {"contents": removed, "bytes": size, "half_written": half_written}


def forget_unused_rows(session: Session, older_than_s: float) -> None:
    """Remove old rows of the table of contents that no other row uses."""
    limit = now() - timedelta(seconds=older_than_s)
    session.execute(delete(Blob).where(unreferenced(Blob.sha256), Blob.created_at < limit))
