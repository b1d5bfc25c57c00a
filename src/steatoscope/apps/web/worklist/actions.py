"""Bulk actions on studies: cancel and retry one's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.trail import note
from steatoscope.apps.web.worklist.query import Identifier
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.job_table import request_cancel, retry
from steatoscope.service.storage.study_lists import LatestJob, latest_jobs
from steatoscope.service.storage.tables import Patient, Study

Action = Literal["cancel", "retry"]
Reason = Literal["unknown", "not_yours", "not_possible"]
_FROM: dict[str, frozenset[str]] = {
    "cancel": frozenset({"queued", "running"}),
    "retry": frozenset({"failed", "cancelled"}),
}


class ActionBody(BaseModel):
    """What to do with which studies."""

    action: Action
    study_ids: list[Identifier] = Field(min_length=1, max_length=200)


class Skipped(BaseModel):
    """A study that was left as it is."""

    study_id: str
    reason: Reason


class ActionAnswer(BaseModel):
    """Studies that were acted on, and those that were not."""

    done: list[str]
    skipped: list[Skipped]


def act(action: Action, study_ids: Sequence[str]) -> ActionAnswer:
    """Cancel or retry the newest job of each study that is the caller's own, in one transaction."""
    ids = list(dict.fromkeys(study_ids))
    answer = ActionAnswer(done=[], skipped=[])
    with service().database.writing() as session:
        known = _known(session, ids)
        jobs = latest_jobs(session, ids)
        for study_id in ids:
            owner_id, subject = known.get(study_id, (None, ""))
            reason = _hindrance(action, study_id in known, owner_id, jobs.get(study_id))
            if reason is not None:
                answer.skipped.append(Skipped(study_id=study_id, reason=reason))
                continue
            job_id = jobs[study_id].job_id
            (request_cancel if action == "cancel" else retry)(session, job_id)
            note(session, f"job.{action}", "job", job_id, subject=subject, study=study_id)
            answer.done.append(study_id)
    return answer


def _known(session: Session, ids: Sequence[str]) -> dict[str, tuple[str | None, str]]:
    statement = select(Study.id, Study.owner_id, Patient.subject).join(Patient, Patient.id == Study.patient_id)
    return {row[0]: (row[1], row[2]) for row in session.execute(statement.where(Study.id.in_(ids)))}


def _hindrance(action: Action, known: bool, owner_id: str | None, job: LatestJob | None) -> Reason | None:
    if not known:
        return "unknown"
    if owner_id is None or owner_id != principal().user_id:
        return "not_yours"
    return None if job is not None and job.state in _FROM[action] else "not_possible"


def register(api: APIBlueprint) -> None:
    """Add the route of bulk actions."""

    @api.post(
        "/studies/actions",
        summary="Cancel or retry several studies",
        security=[{"bearer": []}],
        responses={200: ActionAnswer},
    )
    @allow(Right.READ, Right.CANCEL_OWN)
    def studies_actions(body: ActionBody) -> Response:
        """Acts on one's own studies; the others are skipped with the reason."""
        return jsonify(act(body.action, body.study_ids).model_dump(mode="json"))
