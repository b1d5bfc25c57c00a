"""Patients read from the database for the API and the pages, each look with its entry in the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.patients.documents import PatientDocument, PatientItem, PatientPage, PatientsQuery
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.trail import note
from steatoscope.apps.web.worklist.listing import identity_of, item_of
from steatoscope.pipeline.timeline import Timeline, timeline
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.cohort_rows import visits_by_subject
from steatoscope.service.storage.study_filter import StudyFilter
from steatoscope.service.storage.study_lists import identity_is_kept, list_patients, list_studies
from steatoscope.service.storage.tables import Patient

MOST_STUDIES = 1000


@dataclass(frozen=True, slots=True)
class PatientFile:
    """A patient as the caller may see it."""

    document: PatientDocument
    timeline: Timeline


def open_patient(patient_id: str) -> PatientFile:
    """A patient with studies and timeline; noted as ``patient.read``. Raises E_NOTFOUND where there is none."""
    with service().database.writing() as session:
        patient = _noted(session, patient_id)
        named = principal().may(Right.IDENTITY)
        chosen = StudyFilter(patient_id=patient.id)
        rows, _total = list_studies(session, chosen, per_page=MOST_STUDIES, sort="date")
        document = PatientDocument(
            patient_id=patient.id,
            subject=patient.subject,
            identity=identity_of(patient.identity) if named else None,
            sex=patient.sex,
            studies=[item_of(row, named=named) for row in rows],
        )
        return PatientFile(document, _timeline(session, patient))


def open_timeline(patient_id: str) -> tuple[str, Timeline]:
    """A patient's subject code and timeline; noted as ``patient.read``."""
    with service().database.writing() as session:
        patient = _noted(session, patient_id)
        return patient.subject, _timeline(session, patient)


def _timeline(session: Session, patient: Patient) -> Timeline:
    visits = visits_by_subject(session, StudyFilter(patient_id=patient.id), references=True)
    return timeline(visits.get(patient.subject, []))


def _noted(session: Session, patient_id: str) -> Patient:
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise Problem.of("E_NOTFOUND")
    shown = bool(patient.identity) and principal().may(Right.IDENTITY)
    note(session, "patient.read", "patient", patient.id, subject=patient.subject, identity_shown=shown)
    return patient


def found_patients(query: PatientsQuery) -> PatientPage:
    """A page of patients; noted where names are shown or searched."""
    text = (query.q or "").strip() or None
    with service().database.reading() as session:
        named = principal().may(Right.IDENTITY) and identity_is_kept(session)
        rows, total = list_patients(session, text=text, identity=named, page=query.page, per_page=query.per_page)
    if named:
        subjects = [row.subject for row in rows]
        with service().database.writing() as session:
            action = "patient.search" if text else "patient.list"
            note(session, action, "patient", identity_shown=True, subjects=subjects[:50], shown=len(subjects))
    items = [_item(row, named) for row in rows]
    return PatientPage(items=items, page=query.page, per_page=query.per_page, total=total)


def _item(row: Any, named: bool) -> PatientItem:
    return PatientItem(
        patient_id=row.patient_id,
        subject=row.subject,
        identity=identity_of(row.identity) if named else None,
        sex=row.sex,
        studies=row.studies,
        latest=row.latest,
    )
