"""The job table behind the workers' port: each step is one transaction, with its entry in the audit trail."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from steatoscope.apps.wiring.heartbeats import BEAT_S, beat
from steatoscope.service.jobs.port import Claim, Finished, Word
from steatoscope.service.storage import audit, job_leases
from steatoscope.service.storage.base import now
from steatoscope.service.storage.database import Database
from steatoscope.service.storage.job_table import CANCELLED, DONE, FAILED, QUEUED, REFUSED, RUNNING, move
from steatoscope.service.storage.results import NewResultFile, add_result
from steatoscope.service.storage.tables import Job, Patient, Series, Study

_ACTOR = "worker"


class SqlJobStore:
    """Implements ``service.jobs.port.JobStore`` on a database."""

    def __init__(
        self,
        database: Database,
        *,
        lease_s: float = 15.0,
        message_lost_after_s: float = 30.0,
        window: int = 64,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database, self._lease_s, self._clock = database, lease_s, clock
        self._lost_after_s, self._window = message_lost_after_s, window
        self._signed: dict[str, float] = {}

    def claim(self, owner: str, job_id: str | None = None) -> Claim | None:
        """Take the next job, or this one; looks first without a lock, so that idle workers disturb nobody."""
        self.sign(owner)
        with self._database.reading() as session:
            queued = select(Job.id).where(Job.state == QUEUED)
            if session.scalar((queued if job_id is None else queued.where(Job.id == job_id)).limit(1)) is None:
                return None
        with self._database.writing() as session:
            job = job_leases.claim(session, owner=owner, lease_s=self._lease_s, at=self._clock(), job_id=job_id)
            if job is None or job.lease_token is None:
                return None
            return Claim(job.id, job.study_id, job.kind, dict(job.options), job.lease_token, job.attempts)

    def sign(self, owner: str) -> None:
        """Leave a sign of life now and then, for who watches the service."""
        if time.monotonic() - self._signed.get(owner, -math.inf) >= BEAT_S:
            with self._database.writing() as session:
                beat(session, owner)
            self._signed[owner] = time.monotonic()

    def heartbeat(self, claim: Claim, stage: str | None = None, progress: float | None = None) -> bool:
        """Prolong the lease, with news of the analysis."""
        until = self._clock() + timedelta(seconds=self._lease_s)
        with self._database.writing() as session:
            return job_leases.heartbeat(
                session, claim.job_id, claim.lease_token, until=until, stage=stage, progress=progress
            )

    def ask(self, claim: Claim) -> Word:
        """Whether the lease is held and the job still wanted."""
        with self._database.reading() as session:
            return Word(*job_leases.wanted(session, claim.job_id, claim.lease_token))

    def finish(self, claim: Claim, finished: Finished) -> bool:
        """End the job with a result or an error; what a fenced-off worker brings is dropped."""
        with self._database.writing() as session:
            job = job_leases.held(session, claim.job_id, claim.lease_token)
            if job is None:
                return False
            if finished.error is not None:
                move(session, job, FAILED, error=finished.error)
            else:
                _store(session, job, finished)
            _note(session, job)
            return True

    def fail(self, claim: Claim, reason: str) -> bool:
        """Count a failed attempt."""
        return self._end(claim, lambda session, job: _fail(session, job, reason, self._clock()))

    def cancelled(self, claim: Claim) -> bool:
        """End the job as cancelled."""
        return self._end(claim, lambda session, job: move(session, job, CANCELLED))

    def release(self, claim: Claim) -> bool:
        """Give the job back without counting the attempt."""
        return self._end(claim, job_leases.release)

    def _end(self, claim: Claim, act: Callable[[Session, Job], None]) -> bool:
        with self._database.writing() as session:
            job = job_leases.held(session, claim.job_id, claim.lease_token)
            if job is not None:
                act(session, job)
            return job is not None

    def sweep(self) -> int:
        """Take back jobs whose lease has run out: each counts as a failed attempt."""
        at = self._clock()
        with self._database.reading() as session:
            if session.scalar(select(Job.id).where(Job.state == RUNNING, Job.lease_until < at).limit(1)) is None:
                return 0
        with self._database.writing() as session:
            jobs = job_leases.expired(session, at=at)
            for job in jobs:
                _fail(session, job, job_leases.LOST, at)
            return len(jobs)

    def undispatched(self) -> list[str]:
        """Queued jobs for which a message has to be sent now; they count as sent."""
        with self._database.reading() as session:
            if session.scalar(select(Job.id).where(Job.state == QUEUED).limit(1)) is None:
                return []
        with self._database.writing() as session:
            return job_leases.undispatched(
                session, at=self._clock(), lost_after_s=self._lost_after_s, window=self._window
            )

    def tokens(self) -> set[str]:
        """Tokens of all leases that may still be held."""
        with self._database.reading() as session:
            return job_leases.tokens(session)


def _fail(session: Session, job: Job, reason: str, at: datetime) -> None:
    if job_leases.fail_attempt(session, job, reason, at=at) == FAILED:
        _note(session, job)


def _store(session: Session, job: Job, finished: Finished) -> None:
    report = finished.report
    assert report is not None
    files = [NewResultFile(file.name, file.sha256, file.size, file.media_type) for file in finished.files]
    kind = "corrected" if job.kind == "remeasure" else "machine"
    day = finished.facts.get("acquired_on")
    add_result(session, job, report, files, kind=kind, acquired_on=date.fromisoformat(day) if day else None)
    _note_series(session, job.study_id, finished.facts.get("series") or [])
    error = report.get("error")
    move(session, job, DONE if error is None else REFUSED, error=error)


def _note_series(session: Session, study_id: str, rows: list[dict[str, Any]]) -> None:
    session.execute(delete(Series).where(Series.study_id == study_id))
    session.add_all(Series(study_id=study_id, **row) for row in rows)


def _note(session: Session, job: Job) -> None:
    query = select(Patient.subject).join(Study, Study.patient_id == Patient.id).where(Study.id == job.study_id)
    audit.record(
        session,
        actor=_ACTOR,
        action=f"job.{job.state}",
        object_type="job",
        object_id=job.id,
        subject=session.scalar(query) or "",
        outcome="ok" if job.state == DONE else job.state,
        details={"study": job.study_id, "attempts": job.attempts, "code": (job.error or {}).get("code")},
    )
