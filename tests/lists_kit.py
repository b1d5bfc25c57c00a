"""Many studies at once, written straight into the tables, with reports that fit the schema."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any

from service_kit import Bench
from steatoscope.core.report import Report
from steatoscope.science.clinical.grades import grade_part, profile_for_scale
from steatoscope.service.storage.base import new_id
from steatoscope.service.storage.tables import Job, Patient, Result, Study

SCALES = {"US": "histology", "CT": "ct_pdff_equiv", "MR": "pdff"}
METHODS = {"histology": "us-steatosis 1.0.0", "ct_pdff_equiv": "pickhardt2018", "pdff": "complex hamilton2011_6"}


def report_of(
    subject: str,
    modality: str,
    fat: float | None,
    *,
    scale: str | None = None,
    method: str | None = None,
    simulated: bool = False,
    error: str | None = None,
    config: dict[str, Any] | None = None,
    model: str = "net 1.0.0",
    measurements: Iterable[tuple[str, float, str]] = (),
) -> dict[str, Any]:
    """A report document that fits the schema."""
    scale = scale or SCALES[modality]
    part = None
    grade = None
    if fat is not None:
        part = {
            "value_percent": fat, "scale": scale, "interval": {"low": max(0.0, fat - 2), "high": fat + 2, "level": 0.9},
            "method": method or METHODS.get(scale, scale), "statistic": "median",
        }  # fmt: skip
        grade = grade_part(fat, 1.0, profile_for_scale(scale, None), 0.9, None)
    name, version = model.split(" ")
    codes = [{"code": "W_SIMULATED", "message": "The images are simulated."}] if simulated else []
    report = Report.model_validate(
        {
            "subject": subject, "modality": modality, "fat": part, "grade": grade, "fatty_area": None,
            "steatosis": (fat is not None and {"probability": 0.9, "threshold": 0.5, "positive": True}) or None,
            "inputs": [{"path": f"{subject}-secret-name.png", "sha256": "0" * 64, "kind": "png", "frames": 1}],
            "error": (error and {"code": error, "message": f"refused by {error}", "cause": "c", "remedy": "r"}) or None,
            "segmentation": {}, "regions": [], "lesion": None, "baseline": None, "change": None, "clinical": None,
            "measurements": [
                {"name": n, "value": v, "unit": u, "method": "m", "quality": "ok"} for n, v, u in measurements
            ],
            "explanation": None, "quality": {"status": "refused" if error else "ok", "codes": codes},
            "models": [{"name": name, "version": version, "sha256": "", "card": ""}],
            "provenance": {
                "version": "0", "config": config or {}, "seeds": {}, "report_digest": new_id(), "created": ""
            },
            "timings_ms": {},
        }
    )  # fmt: skip
    return report.document()


def add_study(
    bench: Bench,
    subject: str,
    modality: str | None = "MR",
    fat: float | None = 10.0,
    day: date = date(2026, 1, 15),
    *,
    owner: str = "clinician",
    state: str | None = None,
    identity: dict[str, str] | None = None,
    sex: str | None = None,
    age: float | None = None,
    description: str = "",
    failure: str | None = None,
    measured: bool = True,
    **report: Any,
) -> str:
    """One study with a finished job and, where ``measured``, a result; returns its id."""
    state = state or ("refused" if report.get("error") else "failed" if failure else "done")
    with bench.service.database.writing() as session:
        patient = session.query(Patient).filter_by(subject=subject).one_or_none() or Patient(
            id=new_id(), subject=subject
        )
        patient.identity = identity or patient.identity
        patient.sex = sex or patient.sex
        session.add(patient)
        session.flush()
        owner_id = bench.users[owner][0]
        moment = datetime.combine(day, time(12), UTC)
        study = Study(
            id=new_id(), patient_id=patient.id, owner_id=owner_id, modality=modality, state=state, acquired_on=day,
            content_digest="0" * 64, created_at=moment, description=description,
            clinical={} if age is None else {"age_years": age},
        )  # fmt: skip
        session.add(study)
        session.flush()
        error = {"code": failure, "message": f"failed by {failure}", "cause": "c", "remedy": "r"} if failure else None
        job = Job(id=new_id(), study_id=study.id, owner_id=owner_id, state=state, created_at=moment, error=error)
        session.add(job)
        if measured and failure is None and modality is not None:
            study.current_result_id = _result(session, study.id, job.id, report_of(subject, modality, fat, **report))
    return study.id


def _result(session: Any, study_id: str, job_id: str, report: dict[str, Any]) -> str:
    fat, grade = report["fat"] or {}, report["grade"] or {}
    result = Result(
        id=new_id(), study_id=study_id, job_id=job_id, version=1, report=report,
        report_digest=report["provenance"]["report_digest"], status=report["quality"]["status"],
        scale=fat.get("scale"), fat_percent=fat.get("value_percent"), fat_low=fat["interval"]["low"] if fat else None,
        fat_high=fat["interval"]["high"] if fat else None, grade=grade.get("label"), probability=0.9 if fat else None,
    )  # fmt: skip
    session.add(result)
    session.flush()
    return result.id


def sample(bench: Bench) -> None:
    """A small mixed cohort: repeats, all modalities and scales, refusals, failures, simulated and real."""
    ge, siemens = {"manufacturer": "GE"}, {"manufacturer": "Siemens", "field_strength_t": 1.5}
    for k, fat in enumerate((2.0, 4.0, 6.5, 9.0, 16.5, 18.0, 22.5, 31.0)):
        config = ge if k % 2 else siemens
        add_study(
            bench, f"P-{k:02d}", "MR", fat, date(2026, 1 + k % 3, 10), sex="FM"[k % 2], age=30 + 5 * k, config=config,
            measurements=[("r2star", 40.0 + k, "1/s"), ("liver_volume", 1500 + 20 * k, "ml")],
        )  # fmt: skip
        add_study(
            bench, f"P-{k:02d}", "CT", fat + (k % 3 - 1) * 1.5 + 1, date(2026, 1 + k % 3, 20), config=ge,
            measurements=[("liver_hu", 60 - fat, "HU"), ("liver_volume", 1490 + 20 * k, "ml")],
        )  # fmt: skip
    for month, fat in enumerate((14.0, 11.2, 8.1), start=4):
        add_study(bench, "P-04", "MR", fat, date(2026, month, 10), config=siemens)
    for k, fat in enumerate((3.0, 20.0, 45.0, 70.0)):
        add_study(bench, f"P-{k:02d}", "US", fat, date(2026, 3, 5 + k), model=f"us-steatosis 1.{k % 2}.0", age=50)
    add_study(bench, "S-SIM", "CT", 18.0, date(2026, 2, 1), simulated=True)
    add_study(bench, "P-00", "CT", None, date(2026, 5, 1), error="E_CONTRAST")
    add_study(bench, "F-00", None, None, date(2026, 5, 2), failure="E_TRUNCATED")
    add_study(bench, "Q-00", "MR", None, date(2026, 6, 1), state="queued", measured=False)
    add_study(bench, "Q-01", "US", None, date(2026, 6, 2), state="running", measured=False)
