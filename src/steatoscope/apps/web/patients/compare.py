"""Two studies side by side, or a patient beside a healthy reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.patients.reference import healthy_study, pending_study
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.trail import note
from steatoscope.apps.web.worklist.query import Identifier
from steatoscope.pipeline.compare import Comparison, compare_reports
from steatoscope.pipeline.timeline import Visit
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.cohort_rows import REFERENCE_PREFIX, visits_by_subject
from steatoscope.service.storage.study_filter import StudyFilter, is_simulated, study_day
from steatoscope.service.storage.tables import Patient, Result, Study

HEALTHY: Final = "healthy:"
_MOST_CHOICES: Final = 200
RightSide = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{32}|healthy:(us|ct|mr|US|CT|MR))$")]


class CompareQuery(BaseModel):
    """Which two; ``right`` may be ``healthy:us``, ``healthy:ct`` or ``healthy:mr``."""

    model_config = ConfigDict(extra="ignore")

    left: Identifier
    right: RightSide | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """One study of a comparison."""

    study_id: str
    patient_id: str
    subject: str
    name: str
    modality: str | None
    day: Any
    uploaded: bool
    state: str
    version: int | None
    report: dict[str, Any]
    simulated: bool
    healthy: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """Both sides and what may be said of them; ``right`` and ``comparison`` are None while there is no right side.

    ``missing`` is the modality whose healthy reference does not exist, ``pending`` its study that is being measured.
    """

    left: Side
    right: Side | None
    comparison: Comparison | None
    visits: tuple[Visit | None, Visit | None]
    choices: tuple[tuple[str, str, Any, bool], ...]
    missing: str = ""
    pending: str = ""


def open_comparison(query: CompareQuery) -> Compared:
    """Both studies with what was measured; noted as ``study.compare`` for each patient that is shown."""
    with service().database.writing() as session:
        left = _side(session, query.left)
        choices = _choices(session, left)
        right_id, missing, pending = _right_id(session, query.right)
        right = _side(session, right_id) if right_id else None
        for side in (left, right) if right else (left,):
            other = right if side is left else left
            note(
                session, "study.compare", "study", side.study_id, subject=side.subject,
                other=other.study_id if other else None,
            )  # fmt: skip
        if right is None:
            return Compared(left, None, None, (None, None), choices, missing, pending)
        visits = (_visit(session, left), _visit(session, right))
    same = left.patient_id == right.patient_id
    return Compared(left, right, compare_reports(left.report, right.report, visits, same=same), visits, choices)


def _right_id(session: Session, wish: str | None) -> tuple[str, str, str]:
    """The study on the right, or the modality without a healthy reference and its study in the queue."""
    if wish is None or not wish.startswith(HEALTHY):
        return wish or "", "", ""
    modality = wish.removeprefix(HEALTHY).upper()
    study = healthy_study(session, modality)
    if study is not None:
        return study.id, "", ""
    waiting = pending_study(session, modality)
    return "", modality, waiting.id if waiting else ""


def _side(session: Session, study_id: str) -> Side:
    columns = (Study, Patient, study_day, Result.version, Result.report)
    statement = select(*columns).join(Patient).outerjoin(Result, Result.id == Study.current_result_id)
    row = session.execute(statement.where(Study.id == study_id)).one_or_none()
    if row is None:
        raise Problem.of("E_NOTFOUND")
    study, patient, day, version, report = row
    report = report or {}
    kept = patient.identity if principal().may(Right.IDENTITY) else None
    return Side(
        study_id=study.id,
        patient_id=patient.id,
        subject=patient.subject,
        name=str((kept or {}).get("name") or ""),
        modality=study.modality,
        day=day,
        uploaded=study.acquired_on is None,
        state=study.state,
        version=version,
        report=report,
        simulated=is_simulated(report.get("quality", {}).get("codes")),
        healthy=patient.subject.startswith(REFERENCE_PREFIX),
    )


def _visit(session: Session, side: Side) -> Visit | None:
    found = visits_by_subject(session, StudyFilter(ids=(side.study_id,)), references=True)
    return next((visit for own in found.values() for visit in own), None)


def _choices(session: Session, left: Side) -> tuple[tuple[str, str, Any, bool], ...]:
    """The patient's other measured studies as (id, modality, day, whether that of upload), the newest first."""
    statement = (
        select(Study.id, Study.modality, study_day, Study.acquired_on.is_(None))
        .where(Study.patient_id == left.patient_id, Study.id != left.study_id, Study.current_result_id.is_not(None))
        .order_by(study_day.desc(), Study.created_at.desc(), Study.id)
        .limit(_MOST_CHOICES)
    )
    return tuple((row[0], row[1] or "", row[2], bool(row[3])) for row in session.execute(statement))
