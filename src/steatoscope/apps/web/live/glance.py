"""What the start page shows at a glance."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steatoscope.service.storage.job_table import QUEUED, RUNNING
from steatoscope.service.storage.tables import Job, Patient, Review, Study


def own_studies(session: Session, user_id: str | None, most: int = 8) -> list[tuple[Study, str]]:
    """A user's newest studies: ``(Study, subject)``."""
    query = select(Study, Patient.subject).join(Patient, Patient.id == Study.patient_id)
    newest = query.where(Study.owner_id == user_id).order_by(Study.created_at.desc()).limit(most)
    return [(study, subject) for study, subject in session.execute(newest)]


def queue_counts(session: Session) -> dict[str, int]:
    """How many analyses wait and how many run."""
    counts = select(Job.state, func.count()).where(Job.state.in_((QUEUED, RUNNING))).group_by(Job.state)
    found = dict(session.execute(counts).all())
    return {state: found.get(state, 0) for state in (QUEUED, RUNNING)}


def waits_for_sign_off(session: Session) -> int:
    """How many studies have a newest result that nobody has signed."""
    signed = select(Review.id).where(Review.result_id == Study.current_result_id).exists()
    query = select(func.count()).select_from(Study).where(Study.current_result_id.is_not(None), ~signed)
    return session.scalar(query) or 0
