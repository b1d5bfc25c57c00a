"""The durable queue as callers see it: add, cancel, retry, and where a job stands. Leases are in ``job_leases``.

States: ``queued`` -> ``running`` -> ``done``, ``refused``, ``failed`` or ``cancelled``; a lost or faulty attempt goes
from ``running`` back to ``queued``. Jobs with a smaller ``priority`` go first, then older ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from steatoscope.service.storage.base import new_id, now
from steatoscope.service.storage.tables_results import Job
from steatoscope.service.storage.tables_studies import Study

QUEUED: Final = "queued"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"
REFUSED: Final = "refused"
CANCELLED: Final = "cancelled"
FINAL: Final = frozenset({DONE, FAILED, REFUSED, CANCELLED})
FAILURES: Final = "_failures"  # key of Job.options: why each attempt of this round failed
_RECENT = 25


def add_job(
    session: Session,
    study: Study,
    *,
    owner_id: str | None,
    kind: str = "analyse",
    options: Mapping[str, Any] | None = None,
    max_attempts: int = 3,
) -> Job:
    """Queue an analysis of a study; ``options`` overrule those of the study."""
    job = Job(
        id=new_id(),
        study_id=study.id,
        owner_id=owner_id,
        kind=kind,
        options=dict(options or {}),
        state=QUEUED,
        priority=0,
        max_attempts=max_attempts,
        created_at=now(),
    )
    session.add(job)
    study.state = QUEUED
    session.flush()
    return job


def request_cancel(session: Session, job_id: str) -> Job:
    """Cancel a queued job at once, ask the worker of a running one to stop; a finished job stays as it is.

    Raises KeyError where there is no such job.
    """
    job = locked(session, job_id)
    if job.state == QUEUED:
        move(session, job, CANCELLED)
    elif job.state == RUNNING:
        job.cancel_requested = True
    session.flush()
    return job


def retry(session: Session, job_id: str) -> Job:
    """Queue a failed or cancelled job again, with all its attempts.

    Raises KeyError where there is no such job, ValueError where it is not failed or cancelled: a refused job has its
    result, and the same images would be refused again.
    """
    job = locked(session, job_id)
    if job.state not in (FAILED, CANCELLED):
        raise ValueError(f"a job that is {job.state} cannot be tried again")
    job.attempts = 0
    job.started_at = None
    job.options = {key: value for key, value in job.options.items() if key != FAILURES}
    move(session, job, QUEUED)
    session.flush()
    return job


def queue_position(session: Session, job: Job) -> int | None:
    """How many queued jobs are to be taken before this one (0: it is next); None where it is not queued."""
    if job.state != QUEUED:
        return None
    earlier = select(func.count()).select_from(Job).where(Job.state == QUEUED, _before(job))
    return session.scalar(earlier) or 0


def _before(job: Job) -> ColumnElement[bool]:
    same_priority = Job.priority == job.priority
    return or_(
        Job.priority < job.priority,
        and_(same_priority, Job.created_at < job.created_at),
        and_(same_priority, Job.created_at == job.created_at, Job.id < job.id),
    )


def expected_seconds(session: Session, modality: str | None) -> float | None:
    """Median running time of recent finished jobs of a modality (of any, where None); None where there are none."""
    recent = select(Job.started_at, Job.finished_at).where(Job.state.in_((DONE, REFUSED)), Job.started_at.is_not(None))
    if modality is not None:
        recent = recent.join(Study, Study.id == Job.study_id).where(Study.modality == modality)
    rows = session.execute(recent.order_by(Job.finished_at.desc()).limit(_RECENT))
    times = [(end - start).total_seconds() for start, end in rows if start is not None and end is not None]
    return float(median(times)) if times else None


def locked(session: Session, job_id: str) -> Job:
    """The row of a job, fresh and locked until the transaction ends; raises KeyError where there is none."""
    query = select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    job = session.scalars(query).one_or_none()
    if job is None:
        raise KeyError(job_id)
    return job


def move(session: Session, job: Job, state: str, *, error: Mapping[str, Any] | None = None) -> None:
    """Put a job in a state that is not ``running``: its lease ends, and its study follows if no newer job exists."""
    job.state = state
    job.error = dict(error) if error is not None else None
    job.lease_token, job.lease_until, job.lease_owner = None, None, ""
    if state in FINAL:
        job.finished_at = now()
        if state in (DONE, REFUSED):
            job.stage, job.progress = "", 1.0
    else:
        job.stage, job.progress, job.finished_at, job.dispatched_at, job.not_before = "", 0.0, None, None, None
        job.cancel_requested = False
    follow(session, job)


def follow(session: Session, job: Job) -> None:
    """Give the study the state of its job, where this is its newest job."""
    newest = select(Job.id).where(Job.study_id == job.study_id).order_by(Job.created_at.desc(), Job.id.desc()).limit(1)
    study = session.get(Study, job.study_id)
    if study is not None and session.scalar(newest) == job.id:
        study.state = job.state
