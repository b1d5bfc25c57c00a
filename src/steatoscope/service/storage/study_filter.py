"""Which studies a list, a table or a cohort is made of: the filter as conditions, and the columns to sort by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Date, Select, and_, case, false, func, or_, select

from steatoscope.service.storage.tables import Patient, Result, Review, Study, User

SIMULATED_CODE: Final = "W_SIMULATED"
_GRADES: Final = ("normal", "mild", "moderate", "severe")
#: the day a study was acquired, or was uploaded where that is not known
study_day: Final = func.coalesce(Study.acquired_on, func.date(Study.created_at), type_=Date)
CODES: Final = Result.report[("quality", "codes")]
ERROR_CODE: Final = Result.report[("error", "code")].as_string()


@dataclass(frozen=True, slots=True)
class StudyFilter:
    """Which studies; None or empty means any. Days count by :data:`study_day`, bounds included.

    ``text`` is sought in subject codes and study ids, and with ``identity`` also in descriptions, names and numbers.
    """

    subject: str | None = None
    text: str | None = None
    identity: bool = False
    modality: str | None = None
    grade: str | None = None
    state: str | None = None
    status: str | None = None
    scale: str | None = None
    owner_id: str | None = None
    patient_id: str | None = None
    since: date | None = None
    until: date | None = None
    fat_min: float | None = None
    fat_max: float | None = None
    reviewed: bool | None = None
    simulated: bool | None = None
    ids: tuple[str, ...] | None = None


_SORTS: Final[dict[str, ColumnElement[Any]]] = {
    "created": Study.created_at.expression,
    "date": study_day,
    "subject": Patient.subject.expression,
    "modality": Study.modality.expression,
    "state": Study.state.expression,
    "status": Result.status.expression,
    "scale": Result.scale.expression,
    "fat": Result.fat_percent.expression,
    "grade": case({name: index for index, name in enumerate(_GRADES)}, value=Result.grade),
    "owner": User.name.expression,
}
SORTS: Final = tuple(_SORTS)
_FIGURES: Final = frozenset({"status", "scale", "fat", "grade"})
_ALWAYS_KNOWN: Final = frozenset({"created", "date", "subject", "state"})
_SHORTEST_ID: Final = 6
#: the current result of a study; named by both its keys, so that the index of figures serves the join
_CURRENT: Final = and_(Result.study_id == Study.id, Result.id == Study.current_result_id)


def joined(statement: Select[Any]) -> Select[Any]:
    """A selection over studies with their patient, owner and current result joined."""
    return (
        statement.select_from(Study)
        .join(Patient, Patient.id == Study.patient_id)
        .outerjoin(User, User.id == Study.owner_id)
        .outerjoin(Result, _CURRENT)
    )


def joined_as_needed(statement: Select[Any], chosen: StudyFilter, sort: str = "") -> Select[Any]:
    """A selection over studies with only those tables joined that the filter or the order asks for: quicker."""
    statement = statement.select_from(Study)
    figures = (chosen.grade, chosen.status, chosen.scale, chosen.fat_min, chosen.fat_max, chosen.simulated)
    if chosen.subject is not None or sort == "subject":
        statement = statement.join(Patient, Patient.id == Study.patient_id)
    if sort == "owner":
        statement = statement.outerjoin(User, User.id == Study.owner_id)
    if sort in _FIGURES or any(figure is not None for figure in figures):
        statement = statement.outerjoin(Result, _CURRENT)
    return statement


def conditions(chosen: StudyFilter) -> list[ColumnElement[bool]]:
    """What a filter asks of the joined rows."""
    equal = (
        (Patient.subject, chosen.subject), (Study.modality, chosen.modality), (Result.grade, chosen.grade),
        (Study.state, chosen.state), (Result.status, chosen.status), (Result.scale, chosen.scale),
        (Study.owner_id, chosen.owner_id), (Study.patient_id, chosen.patient_id),
    )  # fmt: skip
    found: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
    bounds: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
        (chosen.since, lambda day: study_day >= day),
        (chosen.until, lambda day: study_day <= day),
        (chosen.fat_min, lambda fat: Result.fat_percent >= fat),
        (chosen.fat_max, lambda fat: Result.fat_percent <= fat),
        (chosen.ids, Study.id.in_),
        (chosen.text, lambda text: _matches(text, chosen.identity)),
    )
    found += [ask(value) for value, ask in bounds if value is not None]
    if chosen.reviewed is not None:
        has = select(Review.id).where(Review.result_id == Study.current_result_id).exists()
        found.append(has if chosen.reviewed else ~has)
    if chosen.simulated is not None:
        marked = func.coalesce(Result.simulated, false())
        found.append(marked if chosen.simulated else ~marked)
    return found


def _matches(text: str, identity: bool) -> ColumnElement[bool]:
    """Patients are looked for in their own table first: they are fewer than studies."""
    named = [Patient.subject.icontains(text, autoescape=True)]
    if identity:
        named += [kept(key).icontains(text, autoescape=True) for key in ("name", "patient_id")]
    places: list[ColumnElement[bool]] = [Study.patient_id.in_(select(Patient.id).where(or_(*named)).correlate(None))]
    if len(text) >= _SHORTEST_ID and set(text.lower()) <= set("0123456789abcdef"):
        places.append(and_(Study.id >= text.lower(), Study.id < text.lower() + "g"))  # a range: the index serves it
    if identity:
        places.append(Study.description.icontains(text, autoescape=True))
    return or_(*places)


def kept(key: str) -> ColumnElement[str]:
    """A part of the identity that is kept of a patient: ``name`` or ``patient_id``."""
    column: ColumnElement[str] = Patient.identity[key].as_string()
    return column


def is_simulated(codes: Any) -> bool:
    """Whether the quality codes of a report say that its images are simulated."""
    return any(code.get("code") == SIMULATED_CODE for code in codes or ())


def order_of(sort: str, down: bool) -> tuple[ColumnElement[Any], ...]:
    """What to order by: a column of :data:`SORTS`, missing values last, then the study's id, so pages are stable.

    Studies of one day stand in the order of their upload.
    """
    column = _SORTS[sort].desc() if down else _SORTS[sort].asc()
    ties = (Study.created_at.desc() if down else Study.created_at.asc(),) if sort == "date" else ()
    return (column if sort in _ALWAYS_KNOWN else column.nulls_last()), *ties, Study.id.asc()
