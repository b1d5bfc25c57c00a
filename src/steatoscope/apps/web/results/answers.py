"""Rows of studies, versions, jobs and sign-offs as answers of the API."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web.results.find import discreet, newest_job, sees_identity
from steatoscope.apps.web.results.schemas import (
    CorrectionAnswer,
    JobAnswer,
    ReviewAnswer,
    StudyAnswer,
    VersionAnswer,
)
from steatoscope.service.storage.results import results_of
from steatoscope.service.storage.tables import Correction, Job, Result, Review, Study, User


def study_answer(session: Session, study: Study) -> StudyAnswer:
    """A study with all that belongs to it."""
    versions = versions_of(session, study)
    owner = session.get(User, study.owner_id) if study.owner_id else None
    return StudyAnswer(
        study_id=study.id,
        subject=study.patient.subject,
        identity=study.patient.identity if sees_identity() else None,
        modality=study.modality,
        state=study.state,
        description=study.description,
        acquired_on=study.acquired_on.isoformat() if study.acquired_on else None,
        created_at=study.created_at,
        owner=owner.name if owner else None,
        files=len(study.files),
        job=job_answer(newest_job(session, study)),
        current_version=versions[0].version if versions else None,
        versions=versions,
        reviews=reviews_of(session, study),
    )


def job_answer(job: Job | None) -> JobAnswer | None:
    """A job in short; the words of its error name no file."""
    if job is None:
        return None
    return JobAnswer(
        job_id=job.id, kind=job.kind, state=job.state, stage=job.stage, progress=job.progress, error=discreet(job.error)
    )


def versions_of(session: Session, study: Study) -> list[VersionAnswer]:
    """All versions, newest first, corrected ones with who corrected them."""
    results = results_of(session, study.id)
    numbers = {result.id: result.version for result in results}
    corrections = session.scalars(select(Correction).where(Correction.study_id == study.id))
    drawn = {row.job_id: _correction(session, row, numbers) for row in corrections}
    return [_version(result, drawn.get(result.job_id)) for result in results]


def _version(result: Result, correction: CorrectionAnswer | None) -> VersionAnswer:
    return VersionAnswer(
        version=result.version,
        kind="corrected" if result.kind == "corrected" else "machine",
        status=result.status,
        fat_percent=result.fat_percent,
        fat_low=result.fat_low,
        fat_high=result.fat_high,
        scale=result.scale,
        grade=result.grade,
        report_digest=result.report_digest,
        created_at=result.created_at,
        correction=correction,
    )


def _correction(session: Session, row: Correction, numbers: dict[str, int]) -> CorrectionAnswer:
    user = session.get(User, row.user_id) if row.user_id else None
    return CorrectionAnswer(
        user=user.name if user else None,
        base_version=numbers.get(row.base_result_id),
        note=row.note,
        created_at=row.created_at,
    )


def reviews_of(session: Session, study: Study) -> list[ReviewAnswer]:
    """All sign-offs of a study, newest first."""
    query = select(Review, Result.version).join(Result, Result.id == Review.result_id)
    rows = session.execute(query.where(Result.study_id == study.id).order_by(Review.created_at.desc()))
    return [review_answer(review, version) for review, version in rows]


def review_answer(review: Review, version: int) -> ReviewAnswer:
    """A sign-off."""
    return ReviewAnswer(
        review_id=review.id,
        version=version,
        decision=review.decision,
        grade=review.grade,
        comment=review.comment,
        user=review.user_name,
        created_at=review.created_at,
    )
