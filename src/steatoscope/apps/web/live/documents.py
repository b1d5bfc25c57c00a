"""A job as the API and the pages show it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, cast

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web.apidoc import ErrorDetail
from steatoscope.service.storage.base import now
from steatoscope.service.storage.job_table import QUEUED, expected_seconds
from steatoscope.service.storage.tables import Job, Study

State = Literal["queued", "running", "done", "failed", "refused", "cancelled"]
_KEPT_S: Final = 15.0


class JobDocument(BaseModel):
    """A job: where it stands, how long it took or will take, and why it failed."""

    id: str
    study_id: str
    kind: str
    state: State
    stage: str = Field(description="name of the stage that runs, empty before the first")
    progress: float = Field(ge=0, le=1, description="share of the stages done")
    error: ErrorDetail | None = None
    queue_position: int | None = Field(description="how many jobs go first; null where it is not queued")
    elapsed_s: float | None = Field(description="seconds since the analysis began; null before")
    expected_s: float | None = Field(description="usual seconds of an analysis of this modality; null where unknown")
    attempts: int
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    owner_id: str | None = Field(default=None, exclude=True)
    owned: bool = Field(default=False, description="whether the job is the asker's own")


class Estimates:
    """How long an analysis takes, by modality; asked of the database every quarter of a minute at most."""

    def __init__(self) -> None:
        self._kept: dict[str | None, tuple[float, float | None]] = {}
        self._lock = threading.Lock()

    def seconds(self, session: Session, modality: str | None) -> float | None:
        """Usual seconds of an analysis, None where nothing is known yet."""
        with self._lock:
            asked_at, seconds = self._kept.get(modality, (-_KEPT_S, None))
        if time.monotonic() - asked_at >= _KEPT_S or asked_at < 0:
            seconds = expected_seconds(session, modality)
            with self._lock:
                self._kept[modality] = (time.monotonic(), seconds)
        return seconds


def job_documents(session: Session, ids: Sequence[str], estimates: Estimates) -> dict[str, JobDocument]:
    """Documents of jobs by id, in three queries; a job that does not exist is left out."""
    rows = session.execute(
        select(Job, Study.modality).join(Study, Study.id == Job.study_id).where(Job.id.in_(ids))
    ).all()
    positions = queue_positions(session) if any(job.state == QUEUED for job, _modality in rows) else {}
    return {job.id: _document(job, positions, estimates.seconds(session, modality)) for job, modality in rows}


def queue_positions(session: Session) -> dict[str, int]:
    """The place of each queued job: 0 is taken next."""
    order = select(Job.id).where(Job.state == QUEUED).order_by(Job.priority, Job.created_at, Job.id)
    return {job_id: place for place, job_id in enumerate(session.scalars(order))}


def _document(job: Job, positions: Mapping[str, int], expected_s: float | None) -> JobDocument:
    return JobDocument(
        id=job.id,
        study_id=job.study_id,
        kind=job.kind,
        state=cast(State, job.state),
        stage=job.stage,
        progress=min(max(job.progress, 0.0), 1.0),
        error=_error(job.error),
        queue_position=positions.get(job.id),
        elapsed_s=_elapsed(job.started_at, job.finished_at),
        expected_s=expected_s,
        attempts=job.attempts,
        cancel_requested=job.cancel_requested,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        owner_id=job.owner_id,
    )


def _elapsed(start: datetime | None, end: datetime | None) -> float | None:
    if start is None:
        return None
    return round(max(((end or now()) - start).total_seconds(), 0.0), 1)


def _error(error: Mapping[str, Any] | None) -> ErrorDetail | None:
    if not error:
        return None
    words = {name: error.get(name) for name in ("code", "message", "cause", "remedy", "path")}
    return ErrorDetail.model_validate(
        {**words, "code": words["code"] or "E_INTERNAL", "message": words["message"] or ""}
    )


def seen_by(document: JobDocument, user_id: str | None) -> JobDocument:
    """The document as one user sees it."""
    return document.model_copy(update={"owned": user_id is not None and user_id == document.owner_id})
