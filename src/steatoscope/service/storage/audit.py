"""The append-only audit trail: each entry is chained by SHA-256 to the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables_system import AuditEntry

GENESIS: Final = "0" * 64
_LOCK: Final = 0x53544541  # one writer at a time on PostgreSQL; SQLite has one writer anyway


def record(
    session: Session,
    *,
    actor: str,
    action: str,
    object_type: str = "",
    object_id: str = "",
    subject: str = "",
    outcome: str = "ok",
    address: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Append an entry in the caller's transaction: it stands or falls with what it records."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    last = session.scalars(select(AuditEntry).order_by(AuditEntry.seq.desc()).limit(1)).first()
    entry = AuditEntry(
        seq=(last.seq if last else 0) + 1,
        at=now().isoformat(timespec="microseconds"),
        actor=actor,
        action=action,
        object_type=object_type,
        object_id=object_id,
        subject=subject,
        outcome=outcome,
        address=address,
        details=dict(details or {}),
        previous_hash=last.hash if last else GENESIS,
    )
    entry.hash = entry_hash(entry)
    session.add(entry)
    session.flush()
    return entry


def entry_hash(entry: AuditEntry) -> str:
    """SHA-256 of an entry (all columns but ``hash``) as sorted JSON."""
    columns = {name: getattr(entry, name) for name in entry.__table__.columns.keys() if name != "hash"}  # noqa: SIM118
    return hashlib.sha256(json.dumps(columns, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
