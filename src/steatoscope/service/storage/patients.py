"""Patients: found or made by subject code, exported, erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from steatoscope.service.storage.erasure import erase_patient
from steatoscope.service.storage.patient_export import export_patient
from steatoscope.service.storage.tables_studies import Patient

__all__ = ["erase_patient", "export_patient", "patient_for", "patient_named"]


def patient_for(
    session: Session,
    subject: str,
    *,
    identity: Mapping[str, Any] | None = None,
    identity_key: str | None = None,
    sex: str | None = None,
) -> Patient:
    """The patient with this key or subject code, made where there is none; what was unknown so far is filled in.

    The key comes first: the same person under another subject code stays one patient. Raises ValueError for an empty
    or too long code, and where the code belongs to a patient with another key.
    """
    if not subject or len(subject) > 80:
        raise ValueError("a subject code has 1 to 80 characters")
    patient = _keyed(session, identity_key) or patient_named(session, subject) or _made(session, subject)
    if identity_key is not None and patient.identity_key not in {None, identity_key}:
        raise ValueError(f"subject {subject} is another person")
    patient.identity_key = patient.identity_key or identity_key
    patient.identity = patient.identity or (dict(identity) if identity else None)
    patient.sex = patient.sex or (sex if sex in {"F", "M", "O"} else None)
    session.flush()
    return patient


def patient_named(session: Session, subject: str) -> Patient | None:
    """The patient with this subject code; None where there is none."""
    return session.scalars(select(Patient).where(Patient.subject == subject)).first()


def _made(session: Session, subject: str) -> Patient:
    """A new patient, or the one that another transaction made at the same moment."""
    patient = Patient(subject=subject)
    try:
        with session.begin_nested():
            session.add(patient)
    except IntegrityError:
        return session.scalars(select(Patient).where(Patient.subject == subject)).one()
    return patient


def _keyed(session: Session, identity_key: str | None) -> Patient | None:
    if identity_key is None:
        return None
    return session.scalars(select(Patient).where(Patient.identity_key == identity_key)).first()
