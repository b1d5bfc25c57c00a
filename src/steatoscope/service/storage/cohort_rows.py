"""What cohorts, timelines and agreement need of each study: a few fields of the report, never the whole of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.pipeline.cohort_summary import CohortRow, measuring_model
from steatoscope.pipeline.protocol import protocol_of, repeatability_in, scanner_of
from steatoscope.pipeline.timeline import Visit
from steatoscope.service.storage.study_filter import (
    ERROR_CODE,
    StudyFilter,
    conditions,
    joined,
    study_day,
)
from steatoscope.service.storage.study_lists import batched, latest_jobs
from steatoscope.service.storage.tables import Patient, Result, Study

#: subjects that are a reference to compare with, not patients: left out of cohorts and agreement
REFERENCE_PREFIX: Final = "healthy-reference-"
_CONFIG: Final = Result.report[("provenance", "config")]
_MAKER: Final = Result.report[("provenance", "config", "manufacturer")].as_string()
_MODELS: Final = Result.report["models"]
_METHOD: Final = Result.report[("fat", "method")].as_string()
_LEVEL: Final = Result.report[("fat", "interval", "level")].as_float()
_ERROR_TEXT: Final = Result.report[("error", "message")].as_string()
_IDS_AT_ONCE: Final = 500
_HEAD: Final = ("study_id", "patient_id", "on", "modality", "state", "scale", "value", "grade")


def cohort_rows(session: Session, chosen: StudyFilter) -> list[CohortRow]:
    """All studies that fit, as rows of the dashboard; reference subjects are left out."""
    columns = (
        Study.id, Study.patient_id, study_day, Study.modality, Study.state, Result.scale, Result.fat_percent,
        Result.grade, ERROR_CODE, _ERROR_TEXT, Patient.sex, Study.clinical, _MAKER, _MODELS, _METHOD,
        Result.simulated, Study.created_at,
    )  # fmt: skip
    statement = joined(select(*columns)).where(*conditions(chosen), ~Patient.subject.startswith(REFERENCE_PREFIX))
    rows = session.execute(statement.order_by(Study.id)).all()
    failed = [row[0] for row in rows if row[4] == "failed"]
    errors = {
        key: job.error for part in batched(failed, _IDS_AT_ONCE) for key, job in latest_jobs(session, part).items()
    }
    return [_cohort_row(row, errors.get(row[0])) for row in rows]


def _cohort_row(row: Sequence[Any], failure: Mapping[str, Any] | None) -> CohortRow:
    *head, code, text, sex, clinical, maker, models, method, simulated, added = row
    failure = failure or {}
    facts: dict[str, Any] = {
        "code": code or failure.get("code"),
        "message": str(text or failure.get("message") or ""),
        "sex": _sex(sex or (clinical or {}).get("sex")),
        "age_years": _number((clinical or {}).get("age_years")),
        "manufacturer": maker or None,
        "model": measuring_model(models or (), method or ""),
        "simulated": bool(simulated),
        "added": added,
    }
    return CohortRow(**dict(zip(_HEAD, head, strict=True)), **facts)


def _sex(given: Any) -> str | None:
    return {"f": "F", "m": "M", "o": "O"}.get(str(given or "")[:1].lower())


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def visits_by_subject(session: Session, chosen: StudyFilter, *, references: bool = False) -> dict[str, list[Visit]]:
    """Measured studies that fit, as visits by subject code, in the order of time; without references by default."""
    columns = (
        Patient.subject, Study.id, study_day, Study.modality, Result.scale, _METHOD, Result.fat_percent,
        Result.fat_low, Result.fat_high, _LEVEL, Result.grade, _CONFIG, _MODELS, Result.simulated,
        Study.acquired_on.is_(None), Study.created_at,
    )  # fmt: skip
    wanted = [*conditions(chosen), Result.fat_percent.is_not(None), Result.scale.is_not(None)]
    if not references:
        wanted.append(~Patient.subject.startswith(REFERENCE_PREFIX))
    found: dict[str, list[Visit]] = {}
    for subject, *rest in session.execute(
        joined(select(*columns)).where(*wanted).order_by(study_day, Study.created_at, Study.id)
    ):
        found.setdefault(subject, []).append(_visit(*rest))
    return found


def _visit(
    study_id: str, on: date, modality: str, scale: str, method: str, value: float, low: float, high: float,
    level: float | None, grade: str | None, config: Any, models: Any, simulated: bool,
    uploaded: bool, added: datetime,
) -> Visit:  # fmt: skip
    return Visit(
        study_id=study_id,
        on=on,
        modality=modality,
        scale=scale,
        method=method or "",
        value=value,
        low=value if low is None else low,
        high=value if high is None else high,
        level=level or 0.9,
        grade=grade,
        scanner=scanner_of(config),
        protocol=protocol_of(config),
        repeatability=repeatability_in(config),
        models=tuple(f"{model['name']} {model['version']}" for model in models or ()),
        simulated=bool(simulated),
        uploaded=bool(uploaded),
        added=added,
    )
