"""Jobs in the API: look, list, watch, cancel, try again."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, current_app, jsonify, request
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import allow, require_owner
from steatoscope.apps.web.live import events
from steatoscope.apps.web.live.documents import JobDocument, State, job_documents, seen_by
from steatoscope.apps.web.live.watch import Live
from steatoscope.apps.web.problems import Problem
from steatoscope.service.access.rights import Right
from steatoscope.service.storage import job_table
from steatoscope.service.storage.tables import Job

LIVE: Final = "steatoscope-live"
api = APIBlueprint(
    "jobs_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="jobs")], abp_security=[{"bearer": []}]
)


class JobPath(BaseModel):
    """The job of an address."""

    job_id: str = Field(max_length=64)


class JobQuery(BaseModel):
    """Which jobs a list holds."""

    page: int = Field(1, ge=1, le=1_000_000)
    per_page: int = Field(50, ge=1, le=200)
    state: State | None = None
    study_id: str | None = Field(None, max_length=64)
    mine: bool = Field(False, description="only one's own jobs")


class JobList(BaseModel):
    """One page of jobs, newest first."""

    jobs: list[JobDocument]
    page: int
    per_page: int
    total: int


def live() -> Live:
    """What this process shares for live status."""
    shared: Live = current_app.extensions[LIVE]
    return shared


def document_of(session: Session, job_id: str) -> JobDocument:
    """The document of one job as the asker sees it; a 404 where there is none."""
    found = job_documents(session, [job_id], live().estimates)
    if job_id not in found:
        raise Problem.of("E_NOTFOUND")
    return seen_by(found[job_id], principal().user_id)


@api.get("/jobs/<job_id>", summary="State of a job", responses={200: JobDocument})
@allow(Right.READ)
def job(path: JobPath) -> Response:
    """State, stage, progress, place in the queue and times of one analysis."""
    with service().database.reading() as session:
        return jsonify(document_of(session, path.job_id).model_dump(mode="json"))


@api.get("/jobs", summary="List of jobs", responses={200: JobList})
@allow(Right.READ)
def jobs(query: JobQuery) -> Response:
    """Jobs, newest first, by page."""
    wanted = select(Job.id)
    if query.state:
        wanted = wanted.where(Job.state == query.state)
    if query.study_id:
        wanted = wanted.where(Job.study_id == query.study_id)
    if query.mine:
        wanted = wanted.where(Job.owner_id == principal().user_id)
    with service().database.reading() as session:
        total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
        newest = wanted.order_by(Job.created_at.desc(), Job.id.desc())
        ids = session.scalars(newest.limit(query.per_page).offset((query.page - 1) * query.per_page)).all()
        found = job_documents(session, ids, live().estimates)
    shown = [seen_by(found[job_id], principal().user_id) for job_id in ids if job_id in found]
    listed = JobList(jobs=shown, page=query.page, per_page=query.per_page, total=total)
    return jsonify(listed.model_dump(mode="json"))


@api.delete("/jobs/<job_id>", summary="Cancel a job", responses={202: JobDocument})
@allow(Right.CANCEL_OWN)
def cancel(path: JobPath) -> tuple[Response, int]:
    """Cancel one's own job: a waiting one at once, a running one within two seconds."""
    return jsonify(cancel_job(path.job_id).model_dump(mode="json")), 202


@api.post("/jobs/<job_id>/retry", summary="Try a job again", responses={202: JobDocument})
@allow(Right.CANCEL_OWN)
def retry(path: JobPath) -> tuple[Response, int]:
    """Queue one's own failed or cancelled job again."""
    return jsonify(retry_job(path.job_id).model_dump(mode="json")), 202


_STREAM: Final[dict[str, Any]] = {
    "description": "Events `state` (data: the job), `end`, `gone`; comments in between",
    "content": {"text/event-stream": {}},
}


@api.get("/jobs/<job_id>/events", summary="Server-Sent Events of a job", responses={200: _STREAM})
@allow(Right.READ)
def job_events(path: JobPath) -> Response:
    """The job's document at each change until it ends; after a minute the reader has to come back."""
    with service().database.reading() as session:
        document_of(session, path.job_id)
    shared = live()
    if not shared.places.acquire(blocking=False):
        raise Problem.of("E_BUSY", cause="Too many pages watch jobs at once.", remedy="Ask for the state instead.")
    known = request.headers.get("Last-Event-ID", "")[:64]
    body = events.stream(
        shared.watcher,
        path.job_id,
        principal().user_id,
        known=known,
        heartbeat_s=current_app.config.get("LIVE_HEARTBEAT_S", events.HEARTBEAT_S),
        longest_s=current_app.config.get("LIVE_LONGEST_S", events.LONGEST_S),
    )
    response = Response(body, mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(shared.places.release)
    return response


def cancel_job(job_id: str) -> JobDocument:
    """Ask for the end of one's own job; a 409 where it has ended."""
    with service().database.writing() as session:
        found = _own(session, job_id)
        if found.state in job_table.FINAL:
            raise Problem.of("E_CONFLICT", cause="The analysis has ended already.", remedy="Look at its result.")
        job_table.request_cancel(session, job_id)
        trail.note(session, "job.cancel", "job", job_id, study=found.study_id)
    return _news(job_id)


def retry_job(job_id: str) -> JobDocument:
    """Queue one's own job again; a 409 where it has neither failed nor been cancelled."""
    with service().database.writing() as session:
        found = _own(session, job_id)
        try:
            job_table.retry(session, job_id)
        except ValueError:
            raise Problem.of(
                "E_CONFLICT", cause="Only a failed or cancelled analysis can be repeated.", remedy="Upload it again."
            ) from None
        trail.note(session, "job.retry", "job", job_id, study=found.study_id)
    return _news(job_id)


def _own(session: Session, job_id: str) -> Job:
    found = session.get(Job, job_id)
    if found is None:
        raise Problem.of("E_NOTFOUND")
    require_owner(found.owner_id)
    return found


def _news(job_id: str) -> JobDocument:
    live().watcher.poke()
    with service().database.reading() as session:
        return document_of(session, job_id)
