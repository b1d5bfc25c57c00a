"""Patients and timelines for programs."""

from __future__ import annotations

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint

from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.patients.documents import (
    PatientDocument,
    PatientPage,
    PatientPath,
    PatientsQuery,
    TimelineAnswer,
)
from steatoscope.apps.web.patients.reading import found_patients, open_patient, open_timeline
from steatoscope.service.access.rights import Right

_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]


def register(api: APIBlueprint) -> None:
    """Add the routes of patients."""

    @api.get("/patients", summary="Patients", security=_SECURITY, responses={200: PatientPage})
    @allow(Right.READ)
    def patients(query: PatientsQuery) -> Response:
        """Patients by subject code, paged."""
        return jsonify(found_patients(query).model_dump(mode="json"))

    @api.get("/patients/<patient_id>", summary="One patient", security=_SECURITY, responses={200: PatientDocument})
    @allow(Right.READ)
    def patient(path: PatientPath) -> Response:
        """A patient with all studies."""
        return jsonify(open_patient(path.patient_id).document.model_dump(mode="json"))

    @api.get(
        "/patients/<patient_id>/timeline",
        summary="A patient's values over time",
        security=_SECURITY,
        responses={200: TimelineAnswer},
    )
    @allow(Right.READ)
    def patient_timeline(path: PatientPath) -> Response:
        """Visits by scale, with the verdict of each change and the slope over three or more visits."""
        subject, found = open_timeline(path.patient_id)
        head = {"patient_id": path.patient_id, "subject": subject}
        answer = TimelineAnswer.model_validate(
            {**head, "tracks": found.tracks, "cautions": found.cautions}, from_attributes=True
        )
        return jsonify(answer.model_dump(mode="json"))
