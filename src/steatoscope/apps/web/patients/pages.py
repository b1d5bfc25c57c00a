"""The patient, comparison and agreement pages."""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.patients import words
from steatoscope.apps.web.patients.agreement import found_agreement
from steatoscope.apps.web.patients.compare import CompareQuery, open_comparison
from steatoscope.apps.web.patients.documents import AgreementQuery
from steatoscope.apps.web.patients.reading import open_patient
from steatoscope.apps.web.patients.reference import FAT_PERCENT, make_healthy
from steatoscope.apps.web.plots import differences, scatter, track_points
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.worklist.query import of_page
from steatoscope.service.access.rights import Right
from steatoscope.service.report.formatting import number_text, unit_label
from steatoscope.service.report.wording import MEASUREMENTS

pages = Blueprint("patients", __name__)
_ID: Final = re.compile(r"[0-9a-f]{32}")
_MODALITIES: Final = ("US", "CT", "MR")


@pages.get("/patients/<patient_id>")
@allow(Right.READ)
def patient_page(patient_id: str) -> ResponseReturnValue:
    """One patient: charts by scale, verdicts between visits, all studies."""
    if not _ID.fullmatch(patient_id):
        raise Problem.of("E_NOTFOUND")
    found = open_patient(patient_id)
    return render_template(
        "patients/patient.html",
        patient=found.document,
        timeline=found.timeline,
        charts_data=[track_points(track) for track in found.timeline.tracks],
        words=words,
    )


@pages.get("/compare")
@allow(Right.READ)
def compare_page() -> ResponseReturnValue:
    """Two studies side by side with linked viewers; without ``right`` a choice of what to compare with."""
    query = of_page(CompareQuery)
    found = open_comparison(query)
    return render_template(
        "patients/compare.html",
        query=query,
        found=found,
        words=words,
        fat_percent=FAT_PERCENT,
        names={**MEASUREMENTS, **words.FACTS},
        modalities=_MODALITIES,
        number_text=number_text,
        unit_label=unit_label,
    )


@pages.post("/compare/healthy")
@allow(Right.READ, Right.UPLOAD)
def make_reference() -> ResponseReturnValue:
    """Simulate a healthy reference of one modality and queue its analysis."""
    modality, left = request.form.get("modality", ""), request.form.get("left", "")
    if modality not in _MODALITIES:
        raise Problem.of("E_INPUT", cause="modality: one of US, CT, MR.")
    make_healthy(modality)
    flash(gettext("The simulated reference is being measured. It appears here when it is finished."), "ok")
    if not _ID.fullmatch(left):
        return redirect(url_for("worklist.work_list"))
    return redirect(url_for("patients.compare_page", left=left, right=f"healthy:{modality.lower()}"))


@pages.get("/agreement")
@allow(Right.READ, Right.COHORT)
def agreement_page() -> ResponseReturnValue:
    """One modality against another in patients measured by both."""
    query = of_page(AgreementQuery)
    groups = found_agreement(query)
    drawn = [(None, None) if group.obstacle else (scatter(group), differences(group)) for group in groups]
    return render_template(
        "patients/agreement.html", query=query, groups=groups, charts_data=drawn, modalities=_MODALITIES
    )
