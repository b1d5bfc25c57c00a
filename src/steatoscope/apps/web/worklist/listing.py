"""Lists of studies for programs: a page of the work list, and the states that a page polls."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel, Field, StringConstraints

from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.trail import note
from steatoscope.apps.web.worklist.query import ListQuery, State, filter_of
from steatoscope.core.report import FatScale, GradeLabel, Status
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.study_lists import ListedStudy, identity_is_kept, latest_jobs, list_studies

SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]
_NAMED_AT_MOST = 50


class Identity(BaseModel):
    """What identity mode keeps of a patient; only shown to those who may see it."""

    name: str | None = None
    patient_id: str | None = None
    birth_date: str | None = None


class StudyItem(BaseModel):
    """One study of the work list."""

    study_id: str
    patient_id: str
    subject: str
    identity: Identity | None = None
    description: str
    modality: Literal["US", "CT", "MR"] | None
    state: State
    acquired_on: date | None
    created_at: datetime
    owner: str | None
    own: bool
    job_id: str | None
    stage: str
    progress: float | None
    version: int | None
    status: Status | None
    scale: FatScale | None
    fat_percent: float | None
    fat_low: float | None
    fat_high: float | None
    grade: GradeLabel | None
    probability: float | None
    simulated: bool
    error_code: str | None
    review: str | None
    reviewed_grade: str | None


class StudyPage(BaseModel):
    """One page of studies; ``total`` counts all that fit."""

    items: list[StudyItem]
    page: int
    per_page: int
    total: int


class StatesQuery(BaseModel):
    """Which studies to look after."""

    ids: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}(,[0-9a-f]{32}){0,199}$")] = Field(
        description="Up to 200 study ids, separated by commas"
    )


class StudyState(BaseModel):
    """Where a study stands."""

    study_id: str
    state: State
    stage: str
    progress: float


class StatesAnswer(BaseModel):
    """States of the studies that exist."""

    items: list[StudyState]


def found_page(query: ListQuery) -> StudyPage:
    """The page of studies that a query asks for; looks that show a patient leave their trace in the audit trail."""
    chosen = filter_of(query)
    database = service().database
    with database.reading() as session:
        rows, total = list_studies(
            session, chosen, page=query.page, per_page=query.per_page, sort=query.sort, down=query.order == "desc"
        )
        named = principal().may(Right.IDENTITY) and identity_is_kept(session)
    if named or query.subject is not None:
        _note_look(query, rows, named=named)
    items = [item_of(row, named=named) for row in rows]
    return StudyPage(items=items, page=query.page, per_page=query.per_page, total=total)


def _note_look(query: ListQuery, rows: list[ListedStudy], *, named: bool) -> None:
    """One entry a list: whose names or results were shown, and whether names were searched (never the words)."""
    subjects = list(dict.fromkeys(row.subject for row in rows))
    with service().database.writing() as session:
        note(
            session,
            "patient.search" if named and query.q else "study.list",
            "study",
            subject=query.subject or "",
            identity_shown=named,
            subjects=subjects[:_NAMED_AT_MOST],
            more=max(0, len(subjects) - _NAMED_AT_MOST),
        )


def item_of(row: ListedStudy, *, named: bool) -> StudyItem:
    """A row as the caller may see it: identity and free text only with the right, or where the study is their own."""
    own = row.owner_id is not None and row.owner_id == principal().user_id
    values = {name: getattr(row, name) for name in StudyItem.model_fields if hasattr(row, name)}
    values.update(
        identity=identity_of(row.identity) if named else None,
        description=row.description if own or principal().may(Right.IDENTITY) else "",
        own=own,
        job_id=row.job.job_id if row.job else None,
        stage=row.job.stage if row.job else "",
        progress=row.job.progress if row.job else None,
    )
    return StudyItem.model_validate(values)


def identity_of(kept: dict[str, object] | None) -> Identity | None:
    """The kept identity as texts."""
    if not kept:
        return None
    return Identity(**{name: str(kept[name]) for name in Identity.model_fields if kept.get(name)})


def register(api: APIBlueprint) -> None:
    """Add the routes of lists."""

    @api.get("/studies", summary="The work list", security=SECURITY, responses={200: StudyPage})
    @allow(Right.READ)
    def studies(query: ListQuery) -> Response:
        """Studies by filter, sorted and paged."""
        return jsonify(found_page(query).model_dump(mode="json"))

    @api.get("/studies/states", summary="States of some studies", security=SECURITY, responses={200: StatesAnswer})
    @allow(Right.READ)
    def states(query: StatesQuery) -> Response:
        """Light enough to be asked again and again; holds no result."""
        with service().database.reading() as session:
            found = latest_jobs(session, query.ids.split(","))
        items = [
            StudyState(study_id=study_id, state=job.state, stage=job.stage, progress=job.progress)  # type: ignore[arg-type]
            for study_id, job in found.items()
        ]
        return jsonify(StatesAnswer(items=items).model_dump(mode="json"))
