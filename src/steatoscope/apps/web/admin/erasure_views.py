"""Export and erasure of all that is kept of one patient: pages and API."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Response, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.accounts.forms import text_of
from steatoscope.apps.web.admin.blueprints import api, pages
from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.job_table import QUEUED, RUNNING, request_cancel
from steatoscope.service.storage.patients import erase_patient, export_patient, patient_named
from steatoscope.service.storage.tables import Job, Patient, Result, Study


class PatientPath(BaseModel):
    """The patient of an address."""

    patient_id: str = Field(max_length=64)


class Confirmation(BaseModel):
    """Repeats the subject code, so that nobody is erased by a wrong link."""

    model_config = ConfigDict(extra="forbid")
    subject: str = Field(min_length=1, max_length=80)


class ErasureDocument(BaseModel):
    """How much was erased."""

    erased: dict[str, int]


class ErasableQuery(BaseModel):
    """Whose id is sought."""

    model_config = ConfigDict(extra="ignore")
    subject: str = Field(min_length=1, max_length=80, description="Subject code, exactly")


class ErasablePatient(BaseModel):
    """What is kept of a patient, in numbers; no clinical value."""

    id: str
    subject: str
    created_at: datetime
    identity: bool = Field(description="whether name, number or day of birth are kept")
    studies: int
    results: int


class ErasableList(BaseModel):
    """The patient with this code, or nobody."""

    patients: list[ErasablePatient]


class Sent:
    """The content of an open file in parts; closed when all is sent, and when nobody takes it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self._file.read(1 << 20), b"")

    def close(self) -> None:
        """Close the file; the server calls this at the end of the answer."""
        self._file.close()

    def __del__(self) -> None:
        self._file.close()


def found(session: Session, patient_id: str) -> Patient:
    """The patient; 404 where there is none."""
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise Problem.of("E_NOTFOUND")
    return patient


def export(patient_id: str) -> Response:
    """A zip file of all that is kept of a patient; it is removed from disk as soon as it is open for sending."""
    handle, name = tempfile.mkstemp(prefix="export-", suffix=".zip", dir=service().settings.scratch)
    os.close(handle)
    try:
        with service().database.reading() as session:
            patient = found(session, patient_id)
            counts = export_patient(session, service().blobs, patient, Path(name))
        with service().database.writing() as session:
            trail.note(session, "patient.export", "patient", patient_id, subject=patient.subject, exported=counts)
        size = Path(name).stat().st_size
        sent = Sent(Path(name))
    finally:
        Path(name).unlink(missing_ok=True)
    response = Response(sent, mimetype="application/zip")
    response.content_length = size
    response.headers["Content-Disposition"] = f'attachment; filename="patient-{patient_id}.zip"'
    return response


def erase(session: Session, patient_id: str, confirmed: str) -> dict[str, int]:
    """Erase a patient after the subject code was repeated (else 409); jobs under way are cancelled."""
    patient = found(session, patient_id)
    if confirmed != patient.subject:
        words = "The subject code does not fit the patient."
        raise Problem.of("E_CONFLICT", cause=words, remedy="Type the subject code of this patient.")
    subject = patient.subject
    wanted = select(Job.id).join(Study, Study.id == Job.study_id).where(Study.patient_id == patient_id)
    for job_id in list(session.scalars(wanted.where(Job.state.in_((QUEUED, RUNNING))))):
        request_cancel(session, job_id)
    counts = erase_patient(session, service().blobs, patient)
    trail.note(session, "patient.erase", "patient", patient_id, subject=subject, erased=counts)
    return counts


def counted(session: Session, row: Patient) -> dict[str, Any]:
    """A patient as an administrator sees it: how much is kept, and nothing of what was measured."""
    mine = select(Study.id).where(Study.patient_id == row.id)
    results = select(func.count()).select_from(Result).where(Result.study_id.in_(mine))
    return {
        "id": row.id,
        "subject": row.subject,
        "created_at": row.created_at,
        "identity": row.identity is not None,
        "studies": session.scalar(select(func.count()).select_from(mine.subquery())) or 0,
        "results": session.scalar(results) or 0,
    }


@api.get("/erasable-patients", summary="Find a patient to export or erase", responses={200: ErasableList})
@allow(Right.ERASE)
def find_erasable(query: ErasableQuery) -> Response:
    """The id of the patient with a subject code, and how much is kept; the list is empty where there is none."""
    with service().database.writing() as session:
        patient = patient_named(session, query.subject.strip())
        rows = [] if patient is None else [counted(session, patient)]
        trail.note(
            session, "patient.find", "patient", patient.id if patient else "", subject=query.subject, found=len(rows)
        )
    return jsonify(ErasableList.model_validate({"patients": rows}).model_dump(mode="json"))


@api.get(
    "/patients/<patient_id>/export",
    summary="All that is kept of a patient",
    responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
)
@allow(Right.ERASE)
def export_one(path: PatientPath) -> Response:
    """A zip file with every row and every file of one patient."""
    return export(path.patient_id)


@api.delete("/patients/<patient_id>", summary="Erase a patient", responses={200: ErasureDocument})
@allow(Right.ERASE)
def erase_one(path: PatientPath, body: Confirmation) -> Response:
    """Erase all that is kept of one patient but for the audit trail; the body repeats the subject code."""
    with service().database.writing() as session:
        counts = erase(session, path.patient_id, body.subject)
    return jsonify({"erased": counts})


@pages.get("/admin/patients")
@allow(Right.ERASE)
def patients() -> Response:
    """Look a patient up by subject code."""
    subject = request.args.get("subject", "").strip()[:80]
    with service().database.reading() as session:
        patient = patient_named(session, subject) if subject else None
        if patient is not None:
            return make_response(redirect(url_for("admin.patient", patient_id=patient.id)))
    return make_response(render_template("admin/patients.html", subject=subject), 404 if subject else 200)


@pages.get("/admin/patients/<patient_id>")
@allow(Right.ERASE)
def patient(patient_id: str) -> Response:
    """What is kept of a patient, in numbers; export and erasure."""
    return _page(patient_id)


def _page(patient_id: str, *, status: int = 200, error: str = "") -> Response:
    with service().database.reading() as session:
        shown = counted(session, found(session, patient_id))
    return make_response(render_template("admin/patient.html", patient=shown, error=error), status)


@pages.get("/admin/patients/<patient_id>/export")
@allow(Right.ERASE)
def export_patient_page(patient_id: str) -> Response:
    """All that is kept of a patient as a zip file."""
    return export(patient_id)


@pages.post("/admin/patients/<patient_id>/erase")
@allow(Right.ERASE)
def erase_patient_page(patient_id: str) -> Response:
    """Erase a patient whose subject code was typed."""
    try:
        with service().database.writing() as session:
            counts = erase(session, patient_id, text_of("subject", longest=80))
    except Problem as problem:
        if problem.status != 409:
            raise
        return _page(patient_id, status=409, error=_("The subject code does not fit this patient."))
    studies = ngettext("%(num)s study", "%(num)s studies", counts["studies"])
    files = ngettext("%(num)s file", "%(num)s files", counts["files"])
    flash(_("Erased: %(studies)s, %(files)s.", studies=studies, files=files), "ok")
    return make_response(redirect(url_for("admin.patients")))
