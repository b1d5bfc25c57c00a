"""Lists of studies and patients: pages and streams, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Date, func, or_, select
from sqlalchemy.orm import Session

from steatoscope.service.storage.study_filter import (
    ERROR_CODE,
    StudyFilter,
    conditions,
    joined,
    joined_as_needed,
    kept,
    order_of,
    study_day,
)
from steatoscope.service.storage.tables import Job, Patient, Result, Review, Study, User


@dataclass(frozen=True, slots=True)
class LatestJob:
    """The newest job of a study."""

    job_id: str
    state: str
    stage: str
    progress: float
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ListedStudy:
    """One row of the work list; ``identity`` is what the database keeps and must be withheld by the caller."""

    study_id: str
    patient_id: str
    subject: str
    identity: dict[str, Any] | None
    description: str
    modality: str | None
    state: str
    acquired_on: date | None
    created_at: datetime
    owner_id: str | None
    owner: str | None
    version: int | None
    status: str | None
    scale: str | None
    fat_percent: float | None
    fat_low: float | None
    fat_high: float | None
    grade: str | None
    probability: float | None
    simulated: bool
    error_code: str | None
    review: str | None = None
    reviewed_grade: str | None = None
    job: LatestJob | None = None


_COLUMNS: Final = (
    Study.id, Study.patient_id, Patient.subject, Patient.identity, Study.description, Study.modality, Study.state,
    Study.acquired_on, Study.created_at, Study.owner_id, User.name, Result.version, Result.status, Result.scale,
    Result.fat_percent, Result.fat_low, Result.fat_high, Result.grade, Result.probability, Result.simulated, ERROR_CODE,
    Study.current_result_id,
)  # fmt: skip


def list_studies(
    session: Session,
    chosen: StudyFilter,
    *,
    page: int = 1,
    per_page: int = 25,
    sort: str = "created",
    down: bool = True,
) -> tuple[list[ListedStudy], int]:
    """One page of the studies that fit, and how many fit in all; the study's id settles ties, so pages are stable."""
    wanted = conditions(chosen)
    total = session.scalar(joined_as_needed(select(func.count()), chosen).where(*wanted)) or 0
    order = order_of(sort, down)
    # the identifiers first: else parts of the reports would be read for every study that fits, not for one page
    shown = joined_as_needed(select(Study.id), chosen, sort).where(*wanted).order_by(*order)
    ids = session.scalars(shown.limit(per_page).offset((page - 1) * per_page)).all()
    rows = session.execute(joined(select(*_COLUMNS)).where(Study.id.in_(ids)).order_by(*order)).all()
    reviews = latest_reviews(session, [row[-1] for row in rows if row[-1]])
    jobs = latest_jobs(session, [row[0] for row in rows])
    return [_listed(row, reviews.get(row[-1] or ""), jobs.get(row[0])) for row in rows], total


def _listed(row: Sequence[Any], review: Review | None, job: LatestJob | None) -> ListedStudy:
    *plain, simulated, error_code, _result_id = row
    refused = error_code if isinstance(error_code, str) else None
    if refused is None and job is not None and job.error:
        refused = str(job.error.get("code") or "") or None
    signed = (review.decision, review.grade) if review else (None, None)
    return ListedStudy(*(*plain, bool(simulated), refused, *signed, job))


def latest_reviews(session: Session, result_ids: Sequence[str]) -> dict[str, Review]:
    """The newest sign-off of each result."""
    statement = select(Review).where(Review.result_id.in_(result_ids)).order_by(Review.created_at, Review.id)
    return {review.result_id: review for review in session.scalars(statement)} if result_ids else {}


def latest_jobs(session: Session, study_ids: Sequence[str]) -> dict[str, LatestJob]:
    """The newest job of each study."""
    if not study_ids:
        return {}
    columns = (Job.study_id, Job.id, Job.state, Job.stage, Job.progress, Job.error)
    statement = select(*columns).where(Job.study_id.in_(study_ids)).order_by(Job.created_at, Job.id)
    return {row[0]: LatestJob(*row[1:]) for row in session.execute(statement)}


def identity_is_kept(session: Session) -> bool:
    """Whether this installation keeps the identity of any patient."""
    return session.scalar(select(Patient.id).where(Patient.identity.is_not(None)).limit(1)) is not None


@dataclass(frozen=True, slots=True)
class ExportedStudy:
    """One study of a table: no identity, no file names. ``failure`` is the error code of its newest job.

    ``dated`` tells that ``day`` is the day of acquisition, else it is that of upload; ``kind`` is that of the result.
    """

    study_id: str
    subject: str
    modality: str | None
    state: str
    day: date
    dated: bool
    version: int | None
    kind: str | None
    report: dict[str, Any] | None
    failure: str | None
    review: str | None
    reviewed_grade: str | None


def stream_studies(
    session: Session, chosen: StudyFilter, *, sort: str = "created", down: bool = True, at_once: int = 500
) -> Iterator[ExportedStudy]:
    """All studies that fit, with their reports, a few hundred at a time: only their identifiers are held together."""
    order = order_of(sort, down)
    ids = session.scalars(joined_as_needed(select(Study.id), chosen, sort).where(*conditions(chosen)).order_by(*order))
    columns = (
        Study.id, Patient.subject, Study.modality, Study.state, study_day, Study.acquired_on.is_not(None),
        Result.version, Result.kind, Result.report,
    )  # fmt: skip
    statement = joined(select(*columns, _failure(), *_review_columns()))
    for part in batched(ids.all(), at_once):
        rows = {row[0]: row for row in session.execute(statement.where(Study.id.in_(part)))}
        yield from (ExportedStudy(*rows[study_id]) for study_id in part if study_id in rows)


def batched(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The identifiers in parts of at most ``size``."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _failure() -> ColumnElement[Any]:
    code = Job.error["code"].as_string()
    newest = select(code).where(Job.study_id == Study.id).order_by(Job.created_at.desc(), Job.id.desc()).limit(1)
    return newest.correlate(Study).scalar_subquery()


def _review_columns() -> list[ColumnElement[Any]]:
    newest = (Review.created_at.desc(), Review.id.desc())
    return [
        select(column)
        .where(Review.result_id == Study.current_result_id)
        .order_by(*newest)
        .limit(1)
        .correlate(Study)
        .scalar_subquery()
        for column in (Review.decision, Review.grade)
    ]


@dataclass(frozen=True, slots=True)
class ListedPatient:
    """One row of the list of patients; ``identity`` must be withheld by the caller."""

    patient_id: str
    subject: str
    identity: dict[str, Any] | None
    sex: str | None
    studies: int
    latest: date | None


def list_patients(
    session: Session, *, text: str | None, identity: bool, page: int = 1, per_page: int = 25
) -> tuple[list[ListedPatient], int]:
    """One page of patients by subject code, and how many there are; ``identity`` lets ``text`` match names."""
    wanted: list[ColumnElement[bool]] = []
    if text is not None:
        places = [Patient.subject.icontains(text, autoescape=True)]
        if identity:
            places += [kept(key).icontains(text, autoescape=True) for key in ("name", "patient_id")]
        wanted.append(or_(*places))
    total = session.scalar(select(func.count(Patient.id)).where(*wanted)) or 0
    counted = (
        select(Study.patient_id, func.count(Study.id).label("n"), func.max(study_day, type_=Date).label("latest"))
        .group_by(Study.patient_id)
        .subquery()
    )
    columns = (
        Patient.id,
        Patient.subject,
        Patient.identity,
        Patient.sex,
        func.coalesce(counted.c.n, 0),
        counted.c.latest,
    )
    statement = select(*columns).outerjoin(counted, counted.c.patient_id == Patient.id).where(*wanted)
    rows = session.execute(statement.order_by(Patient.subject).limit(per_page).offset((page - 1) * per_page))
    return [ListedPatient(*row) for row in rows], total
