"""The append-only audit trail: each entry is chained by SHA-256 to the one before.

Record last in a transaction: writers queue for the end of the chain until the transaction ends.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables_system import AuditEntry

GENESIS: Final = "0" * 64
_LOCK: Final = 0x53544541  # one writer at a time on PostgreSQL; SQLite has one writer anyway
_MOST_PROBLEMS: Final = 100


@dataclass(frozen=True, slots=True)
class Anchor:
    """The end of the chain at some moment; kept outside the database, it shows a chain that was cut or written anew."""

    seq: int
    hash: str


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
    last = anchor(session)
    entry = AuditEntry(
        seq=last.seq + 1,
        at=now().isoformat(timespec="microseconds"),
        actor=_words(actor, 80),
        action=_words(action, 60),
        object_type=_words(object_type, 30),
        object_id=_words(object_id, 80),
        subject=_words(subject, 80),
        outcome=_words(outcome, 12),
        address=_words(address, 64),
        details=_storable(details or {}),
        previous_hash=last.hash,
    )
    entry.hash = entry_hash(entry)
    session.add(entry)
    session.flush()
    return entry


def _words(value: str, most: int) -> str:
    """Text that every database takes: no NUL, no half characters, no longer than its column."""
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:most]


def _storable(value: Any) -> Any:
    """Details as they come back from the database, so that their hash stays what it was."""
    if isinstance(value, Mapping):
        return {_words(str(key), 200): _storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_storable(item) for item in value]
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and abs(value) <= 1e300:
        return value
    return _words(str(value), 4000)


def entry_hash(entry: AuditEntry) -> str:
    """SHA-256 of an entry (all columns but ``hash``) as sorted JSON."""
    return _hash_of({name: getattr(entry, name) for name in entry.__table__.columns.keys()})  # noqa: SIM118


def _hash_of(columns: Mapping[str, Any]) -> str:
    hashed = {name: value for name, value in columns.items() if name != "hash"}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def anchor(session: Session) -> Anchor:
    """The end of the chain now; sequence number 0 where it is empty."""
    last = session.execute(select(AuditEntry.seq, AuditEntry.hash).order_by(AuditEntry.seq.desc()).limit(1)).first()
    return Anchor(last.seq, last.hash) if last else Anchor(0, GENESIS)


def verify_chain(session: Session, known: Anchor | None = None) -> list[str]:
    """What is wrong with the chain (at most 100 findings); empty where it is whole.

    Finds changed, removed, inserted and reordered entries. That entries are missing at its end, or that the whole
    chain was written anew, shows only against an anchor that was kept elsewhere.
    """
    problems: list[str] = []
    seq, previous = 0, GENESIS
    anchored = known is None or known.seq == 0
    for row in _stream(session, select(AuditEntry.__table__).order_by(AuditEntry.seq)):
        if row["seq"] != seq + 1:
            problems.append(f"entry {row['seq']} follows entry {seq}: entries are missing between them")
        elif row["previous_hash"] != previous:
            problems.append(f"entry {row['seq']} is not chained to the entry before it")
        if _hash_of(row) != row["hash"]:
            problems.append(f"entry {row['seq']} was changed")
        if known is not None and row["seq"] == known.seq:
            anchored = True
            if row["hash"] != known.hash:
                problems.append(f"entry {row['seq']} is not the one that the anchor names: the chain was written anew")
        seq, previous = row["seq"], row["hash"]
        if len(problems) >= _MOST_PROBLEMS:
            return problems
    if not anchored and known is not None:
        problems.append(f"the chain ends at entry {seq}, before the anchored entry {known.seq}: its end is missing")
    return problems


def entries(
    session: Session,
    *,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    page: int = 1,
    per_page: int = 50,
) -> tuple[list[AuditEntry], int]:
    """One page of entries, newest first, and how many there are; ``action`` may end in ``*`` (``user.*``)."""
    query = _filtered(select(AuditEntry), actor, action, subject, since, until)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    shown = query.order_by(AuditEntry.seq.desc()).offset((max(page, 1) - 1) * per_page).limit(per_page)
    return list(session.scalars(shown)), total


def export(
    session: Session,
    *,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[dict[str, Any]]:
    """All matching entries as documents, oldest first, read as they are asked for (see ``audit_export``)."""
    query = _filtered(select(AuditEntry.__table__), actor, action, subject, since, until)
    yield from _stream(session, query.order_by(AuditEntry.seq))


def _filtered(
    query: Select[Any],
    actor: str | None,
    action: str | None,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
) -> Select[Any]:
    if actor:
        query = query.where(AuditEntry.actor == actor)
    if action and action.endswith("*"):
        query = query.where(AuditEntry.action.startswith(action[:-1], autoescape=True))
    elif action:
        query = query.where(AuditEntry.action == action)
    if subject:
        query = query.where(AuditEntry.subject == subject)
    if since:
        query = query.where(AuditEntry.at >= since.astimezone(UTC).isoformat(timespec="microseconds"))
    if until:
        query = query.where(AuditEntry.at < until.astimezone(UTC).isoformat(timespec="microseconds"))
    return query


def _stream(session: Session, query: Select[Any]) -> Iterator[dict[str, Any]]:
    for row in session.execute(query.execution_options(yield_per=1000)):
        yield dict(row._mapping)
