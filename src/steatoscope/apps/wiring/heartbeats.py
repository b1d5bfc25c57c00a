"""Which workers are alive: each leaves a sign in the settings table now and then, busy or idle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from steatoscope.service.storage.base import now
from steatoscope.service.storage.configuration import set_setting
from steatoscope.service.storage.tables_results import Job
from steatoscope.service.storage.tables_system import Setting

BEAT_S: Final = 15.0
ALIVE_S: Final = 60.0
_PREFIX: Final = "heartbeat."
_FORGOTTEN: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker: when it was last heard of, whether that is recent, and the job that it holds."""

    name: str
    seen_at: datetime
    alive: bool
    job_id: str | None


def beat(session: Session, name: str) -> None:
    """Leave a sign of life, at most every ``BEAT_S`` seconds is enough; signs of long gone workers are removed."""
    set_setting(session, (_PREFIX + name)[:80], "", name[:80])
    old = Setting.key.startswith(_PREFIX, autoescape=True) & (Setting.updated_at < now() - _FORGOTTEN)
    session.execute(delete(Setting).where(old))


def workers(session: Session) -> list[Worker]:
    """All workers heard of in the last day, by name."""
    held = session.execute(select(Job.lease_owner, Job.id, Job.lease_until).where(Job.state == "running")).all()
    jobs = {owner: job_id for owner, job_id, _until in held}
    busy = {owner for owner, _job_id, until in held if until is not None and until > now()}
    rows = session.scalars(
        select(Setting).where(Setting.key.startswith(_PREFIX, autoescape=True)).order_by(Setting.key)
    )
    limit = now() - timedelta(seconds=ALIVE_S)
    return [
        Worker(
            row.updated_by, row.updated_at, row.updated_at > limit or row.updated_by in busy, jobs.get(row.updated_by)
        )
        for row in rows
    ]
