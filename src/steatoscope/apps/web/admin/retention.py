"""Patients whose newest study is older than the retention: offered for erasure, never erased by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steatoscope.apps.wiring.preferences import preferences
from steatoscope.apps.wiring.settings import ServiceSettings
from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables import Patient, Study

_MOST = 200


@dataclass(frozen=True, slots=True)
class OldPatient:
    """A patient past the retention."""

    id: str
    subject: str
    studies: int
    newest: datetime


def past_retention(session: Session, settings: ServiceSettings) -> list[OldPatient]:
    """Patients whose newest study was uploaded longer ago than the retention, oldest first, at most 200."""
    days = preferences(session, settings).retention_days
    if not days:
        return []
    newest = func.max(Study.created_at)
    query = select(Patient.id, Patient.subject, func.count(Study.id), newest).join(
        Study, Study.patient_id == Patient.id
    )
    old = query.group_by(Patient.id, Patient.subject).having(newest < now() - timedelta(days=days))
    return [OldPatient(*row) for row in session.execute(old.order_by(newest).limit(_MOST))]
