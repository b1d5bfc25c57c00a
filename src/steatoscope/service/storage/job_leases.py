"""Leases on jobs: claimed by compare-and-swap, kept by heartbeats, fenced by a token, swept when they run out.

Every function works in the caller's transaction. Who does not hold the lease any more changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from steatoscope.service.storage.base import new_id
from steatoscope.service.storage.job_table import CANCELLED, FAILED, FAILURES, QUEUED, RUNNING, follow, move
from steatoscope.service.storage.tables_results import Job

_BACKOFF_S: Final = (2.0, 10.0, 60.0)
LOST: Final = "the worker stopped answering"


def claim(session: Session, *, owner: str, lease_s: float, at: datetime, job_id: str | None = None) -> Job | None:
    """Take the next queued job (or this one, if it is queued) with a fresh lease; None where there is none to take."""
    query = select(Job.id).where(Job.state == QUEUED, or_(Job.not_before.is_(None), Job.not_before <= at))
    if job_id is not None:
        query = query.where(Job.id == job_id)
    query = query.order_by(Job.priority, Job.created_at, Job.id).limit(1).with_for_update(skip_locked=True)
    found = session.scalar(query)
    return None if found is None else _take(session, found, owner=owner, until=at + timedelta(seconds=lease_s), at=at)


def _take(session: Session, job_id: str, *, owner: str, until: datetime, at: datetime) -> Job | None:
    swap = (
        update(Job)
        .where(Job.id == job_id, Job.state == QUEUED)
        .values(
            state=RUNNING,
            lease_token=new_id(),
            lease_owner=owner[:120],
            lease_until=until,
            attempts=Job.attempts + 1,
            started_at=at,
            finished_at=None,
            not_before=None,
            cancel_requested=False,
            stage="",
            progress=0.0,
        )
        .execution_options(synchronize_session=False)
    )
    if _changed(session, swap) != 1:
        return None
    job = session.get_one(Job, job_id, populate_existing=True)
    follow(session, job)
    return job


def heartbeat(
    session: Session, job_id: str, token: str, *, until: datetime, stage: str | None, progress: float | None
) -> bool:
    """Prolong a lease, with the stage reached where one is told; False where it is not held any more."""
    values: dict[str, Any] = {"lease_until": until}
    if stage is not None:
        values["stage"] = stage[:20]
    if progress is not None:
        values["progress"] = min(max(progress, 0.0), 1.0)
    return _changed(session, update(Job).where(*_held(job_id, token)).values(**values)) == 1


def wanted(session: Session, job_id: str, token: str) -> tuple[bool, bool]:
    """Whether the lease is still held, and whether somebody asked to cancel the job."""
    row = session.execute(select(Job.cancel_requested).where(*_held(job_id, token))).one_or_none()
    return (False, False) if row is None else (True, bool(row[0]))


def held(session: Session, job_id: str, token: str) -> Job | None:
    """The job, locked, while this token holds it; None else: then nothing may be written."""
    query = select(Job).where(*_held(job_id, token)).with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def fail_attempt(session: Session, job: Job, reason: str, *, at: datetime) -> str:
    """End an attempt that went wrong: cancelled, queued again after a pause, or failed for good with all reasons.

    Returns the state reached.
    """
    failures = [*job.options.get(FAILURES, []), reason]
    job.options = {**job.options, FAILURES: failures}
    if job.cancel_requested:
        move(session, job, CANCELLED)
    elif job.attempts >= job.max_attempts:
        move(session, job, FAILED, error=_unfinished(failures))
    else:
        move(session, job, QUEUED)
        job.not_before = at + timedelta(seconds=_BACKOFF_S[min(job.attempts, len(_BACKOFF_S)) - 1])
    return job.state


def _unfinished(failures: list[str]) -> dict[str, Any]:
    counts = {reason: failures.count(reason) for reason in failures}
    parts = [reason if count == 1 else f"{reason} ({count} times)" for reason, count in counts.items()]
    cause = ", then ".join(parts)
    return {
        "code": "E_INTERNAL",
        "message": "The analysis did not finish.",
        "cause": f"{cause[:1].upper()}{cause[1:]}.",
        "remedy": "Try again; if it fails again, tell the administrator the number of the job.",
        "path": None,
    }


def release(session: Session, job: Job) -> None:
    """Give a job back without counting the attempt."""
    job.attempts = max(job.attempts - 1, 0)
    move(session, job, CANCELLED if job.cancel_requested else QUEUED)


def expired(session: Session, *, at: datetime) -> list[Job]:
    """Running jobs whose lease has run out, locked; those that another sweep has in hand are left to it."""
    query = select(Job).where(Job.state == RUNNING, Job.lease_until < at).with_for_update(skip_locked=True)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def tokens(session: Session) -> set[str]:
    """Tokens of all leases in force or not yet swept."""
    query = select(Job.lease_token).where(Job.state == RUNNING, Job.lease_token.is_not(None))
    return {token for token in session.scalars(query) if token is not None}


def undispatched(session: Session, *, at: datetime, lost_after_s: float, window: int) -> list[str]:
    """Jobs among the first ``window`` of the queue of which no message is under way, or whose message got lost.

    They are marked as dispatched now. The window keeps messages that are sent again from piling up in the broker.
    """
    lost = at - timedelta(seconds=lost_after_s)
    ready = select(Job).where(Job.state == QUEUED, or_(Job.not_before.is_(None), Job.not_before <= at))
    first = ready.order_by(Job.priority, Job.created_at, Job.id).limit(window).with_for_update(skip_locked=True)
    jobs = [job for job in session.scalars(first) if job.dispatched_at is None or job.dispatched_at < lost]
    for job in jobs:
        job.dispatched_at = at
    return [job.id for job in jobs]


def _held(job_id: str, token: str) -> tuple[Any, ...]:
    return Job.id == job_id, Job.state == RUNNING, Job.lease_token == token


def _changed(session: Session, statement: Any) -> int:
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return int(result.rowcount)
