"""Results: immutable versions, their files, sign-offs and mask corrections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steatoscope.service.storage.contents import register
from steatoscope.service.storage.tables_people import User
from steatoscope.service.storage.tables_results import Correction, Job, Result, ResultFile, Review
from steatoscope.service.storage.tables_studies import Study

DECISIONS: Final = ("agree", "amend")
GRADES: Final = ("normal", "mild", "moderate", "severe")


@dataclass(frozen=True, slots=True)
class NewResultFile:
    """A file of a new result, its content stored already."""

    name: str
    sha256: str
    size: int
    media_type: str


def add_result(
    session: Session,
    job: Job,
    report: Mapping[str, Any],
    files: Sequence[NewResultFile],
    *,
    kind: str = "machine",
    acquired_on: date | None = None,
) -> Result:
    """The next version of a study's result, which becomes the current one; a job has one result, however often it ends.

    Raises ValueError where the job's study is gone.
    """
    study = session.scalars(select(Study).where(Study.id == job.study_id).with_for_update()).first()
    if study is None:
        raise ValueError(f"study {job.study_id} is gone")
    if (earlier := session.scalars(select(Result).where(Result.job_id == job.id)).first()) is not None:
        return earlier
    register(session, {file.sha256: file.size for file in files})
    newest = session.scalar(select(func.max(Result.version)).where(Result.study_id == study.id)) or 0
    result = Result(
        study_id=study.id,
        job_id=job.id,
        version=newest + 1,
        kind=kind,
        report=dict(report),
        files=[ResultFile(name=f.name, sha256=f.sha256, size=f.size, media_type=f.media_type) for f in files],
        **_figures(report),
    )
    session.add(result)
    session.flush()
    study.current_result_id = result.id
    study.modality = report.get("modality") or study.modality
    study.acquired_on = acquired_on or study.acquired_on
    session.flush()
    return result


def _figures(report: Mapping[str, Any]) -> dict[str, Any]:
    """The copies of a report's figures that lists and sorting use."""
    fat, grade, steatosis = report.get("fat"), report.get("grade"), report.get("steatosis")
    interval = (fat or {}).get("interval") or {}
    return {
        "report_digest": report["provenance"]["report_digest"],
        "status": report["quality"]["status"],
        "scale": fat and fat["scale"],
        "fat_percent": fat and fat["value_percent"],
        "fat_low": interval.get("low"),
        "fat_high": interval.get("high"),
        "grade": grade and grade["label"],
        "probability": steatosis and steatosis["probability"],
    }


def result_of(session: Session, study_id: str, version: int | None = None) -> Result | None:
    """A version of a study's result, the newest where none is named; None where there is none."""
    query = select(Result).where(Result.study_id == study_id)
    if version is not None:
        query = query.where(Result.version == version)
    return session.scalars(query.order_by(Result.version.desc()).limit(1)).first()


def results_of(session: Session, study_id: str) -> list[Result]:
    """All versions of a study's result, newest first."""
    return list(session.scalars(select(Result).where(Result.study_id == study_id).order_by(Result.version.desc())))


def result_file(session: Session, result: Result, name: str) -> ResultFile | None:
    """One file of a result by its name; None where there is none."""
    query = select(ResultFile).where(ResultFile.result_id == result.id, ResultFile.name == name)
    return session.scalars(query).first()


def add_review(
    session: Session, result: Result, user: User, decision: str, grade: str | None = None, comment: str = ""
) -> Review:
    """A clinician's sign-off beside the machine's result. Raises ValueError for an unfit decision or grade."""
    if decision not in DECISIONS:
        raise ValueError(f"a decision is one of {', '.join(DECISIONS)}")
    if decision == "amend" and grade not in GRADES:
        raise ValueError(f"an amended grade is one of {', '.join(GRADES)}")
    if decision == "amend" and grade == result.grade:
        raise ValueError("the amended grade is the machine's own; agree with it, or choose another grade")
    if decision == "agree" and grade not in {None, result.grade}:
        raise ValueError("who agrees names no other grade")
    review = Review(
        result_id=result.id,
        user_id=user.id,
        user_name=user.name,
        decision=decision,
        grade=grade if decision == "amend" else result.grade,
        comment=comment,
    )
    session.add(review)
    session.flush()
    return review


def same_review(
    session: Session, result: Result, user: User, decision: str, grade: str | None = None, comment: str = ""
) -> Review | None:
    """The newest sign-off of a version where it says the same and is by the same user; a further one waits for it."""
    session.scalars(select(Result.id).where(Result.id == result.id).with_for_update()).one()
    query = select(Review).where(Review.result_id == result.id).order_by(Review.created_at.desc(), Review.id.desc())
    newest = session.scalars(query.limit(1)).first()
    grade = grade if decision == "amend" else result.grade
    said = (user.id, decision, grade, comment)
    if newest is None or (newest.user_id, newest.decision, newest.grade, newest.comment) != said:
        return None
    return newest


def add_correction(
    session: Session,
    *,
    base: Result,
    job: Job,
    user: User,
    mask_sha256: str,
    mask_size: int,
    note: str = "",
) -> Correction:
    """A corrected liver mask (its content stored already), drawn over version ``base``; ``job`` re-measures with it."""
    register(session, {mask_sha256: mask_size})
    correction = Correction(
        study_id=base.study_id,
        base_result_id=base.id,
        job_id=job.id,
        user_id=user.id,
        mask_sha256=mask_sha256,
        note=note,
    )
    session.add(correction)
    session.flush()
    return correction
