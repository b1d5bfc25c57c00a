"""What a caller may ask of lists, tables and cohorts, as the API and the pages share it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from steatoscope.apps.web.context import principal
from steatoscope.apps.web.problems import from_validation
from steatoscope.core.report import FatScale, GradeLabel, Status
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.study_filter import StudyFilter

Text = Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00]*$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
State = Literal["queued", "running", "done", "failed", "refused", "cancelled"]
Sort = Literal["created", "date", "subject", "modality", "state", "status", "scale", "fat", "grade", "owner"]
Order = Literal["asc", "desc"]
Query = TypeVar("Query", bound=BaseModel)


class FilterQuery(BaseModel):
    """Which studies; a field that is missing or empty asks nothing."""

    model_config = ConfigDict(populate_by_name=True)

    subject: Text | None = Field(default=None, description="Exactly this subject code")
    q: Text | None = Field(default=None, description="Part of a subject code or study id; with identity also of a name")
    modality: Literal["US", "CT", "MR"] | None = None
    grade: GradeLabel | None = None
    state: State | None = None
    status: Status | None = Field(default=None, description="Quality of the result")
    scale: FatScale | None = None
    owner: Literal["me"] | None = None
    since: date | None = Field(default=None, alias="from", description="First day (acquired, else uploaded)")
    until: date | None = Field(default=None, alias="to", description="Last day")
    fat_min: float | None = Field(default=None, ge=0, le=100)
    fat_max: float | None = Field(default=None, ge=0, le=100)
    reviewed: bool | None = Field(default=None, description="Signed off or not")
    simulated: bool | None = Field(default=None, description="Only simulated, or only real images")

    @model_validator(mode="before")
    @classmethod
    def _without_empties(cls, values: Any) -> Any:
        """A form sends every field; what is left blank asks nothing. A modality may be written in small letters."""
        if not isinstance(values, Mapping):
            return values
        kept = {name: value for name, value in values.items() if value != ""}
        if isinstance(kept.get("modality"), str):
            kept["modality"] = kept["modality"].upper()
        return kept


class ListQuery(FilterQuery):
    """A page of a list."""

    page: int = Field(default=1, ge=1, le=1_000_000)
    per_page: int = Field(default=25, ge=1, le=200)
    sort: Sort = "created"
    order: Order = "desc"


class TableQuery(FilterQuery):
    """A whole table."""

    sort: Sort = "created"
    order: Order = "desc"


def filter_of(query: FilterQuery, ids: tuple[str, ...] | None = None) -> StudyFilter:
    """The storage's filter; whether names are searched depends on who asks."""
    text = (query.q or "").strip()
    return StudyFilter(
        subject=query.subject,
        text=text or None,
        identity=principal().may(Right.IDENTITY),
        modality=query.modality,
        grade=query.grade,
        state=query.state,
        status=query.status,
        scale=query.scale,
        owner_id=principal().user_id if query.owner == "me" else None,
        since=query.since,
        until=query.until,
        fat_min=query.fat_min,
        fat_max=query.fat_max,
        reviewed=query.reviewed,
        simulated=query.simulated,
        ids=ids,
    )


def of_page(model: type[Query]) -> Query:
    """The query of a page's own address; refused like the API's where it does not fit."""
    try:
        return model.model_validate(request.args.to_dict())
    except ValidationError as fault:
        return from_validation(fault)


def address_part(query: BaseModel, **changes: Any) -> dict[str, Any]:
    """What an address needs to ask the same again, with changes; defaults are left out."""
    values = query.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True) | changes
    return {name: value for name, value in values.items() if value is not None}
