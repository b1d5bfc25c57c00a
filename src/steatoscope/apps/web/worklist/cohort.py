"""The cohort for programs: prevalence, distributions, refusals and subgroups, by patient."""

from __future__ import annotations

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel

from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.trail import note
from steatoscope.apps.web.worklist.query import FilterQuery, address_part, filter_of
from steatoscope.pipeline.cohort_summary import Cohort, summarise
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.cohort_rows import cohort_rows


class IntervalItem(BaseModel):
    """A two-sided interval at ``level``."""

    low: float
    high: float
    level: float


class ShareItem(BaseModel):
    """``count`` of ``n`` patients with a 95 % Wilson interval; null where there is no patient."""

    count: int
    n: int
    share: float | None
    interval: IntervalItem | None


class GroupItem(BaseModel):
    """A subgroup; ``small`` marks fewer than 5 patients."""

    name: str
    n: int
    mean: float
    mean_interval: IntervalItem | None
    median: float
    steatosis: ShareItem
    small: bool


class BinItem(BaseModel):
    """Patients with ``low <= fat < high``."""

    low: float
    high: float
    count: int


class PanelItem(BaseModel):
    """All of one modality on one scale; simulated and real apart."""

    modality: str
    scale: str
    simulated: bool
    whole: GroupItem
    grades: dict[str, ShareItem]
    histogram: list[BinItem]
    subgroups: dict[str, list[GroupItem]]


class RefusalItem(BaseModel):
    """How often an error code ended a study."""

    code: str
    message: str
    state: str
    studies: int
    patients: int
    simulated: int


class CohortAnswer(BaseModel):
    """The dashboard's figures. The unit is the patient: of each patient and modality the latest measured study."""

    studies: int
    patients: int
    measured_studies: int
    repeats_left_out: int
    panels: list[PanelItem]
    refusals: list[RefusalItem]


def found_cohort(query: FilterQuery) -> Cohort:
    """The cohort that a query asks for; the look is noted."""
    database = service().database
    with database.reading() as session:
        cohort = summarise(cohort_rows(session, filter_of(query)))
    asked = address_part(query)
    if "q" in asked:
        asked["q"] = True  # the words may be a name
    with database.writing() as session:
        note(session, "cohort.read", "cohort", subject=query.subject or "", filter=asked, patients=cohort.patients)
    return cohort


def register(api: APIBlueprint) -> None:
    """Add the route of the cohort."""

    @api.get("/cohort", summary="A cohort in figures", security=[{"bearer": []}], responses={200: CohortAnswer})
    @allow(Right.READ, Right.COHORT)
    def cohort(query: FilterQuery) -> Response:
        """Prevalence with Wilson intervals, distributions by scale, refusals by code, subgroups."""
        return jsonify(CohortAnswer.model_validate(found_cohort(query), from_attributes=True).model_dump(mode="json"))
