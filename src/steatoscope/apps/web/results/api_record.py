"""API: the record of one version as a PDF: who corrected it, who signed it off, whether it is current."""

from __future__ import annotations

from flask import Response
from sqlalchemy.orm import Session

from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.results.answers import reviews_of, versions_of
from steatoscope.apps.web.results.api_files import download_name, opened
from steatoscope.apps.web.results.blueprint import api
from steatoscope.apps.web.results.schemas import StudyPath, VersionQuery
from steatoscope.apps.web.results.serve import content_answer, content_of
from steatoscope.core.report import Report
from steatoscope.service.access.rights import Right
from steatoscope.service.report.pdf_addendum import Record, SignOff, render_record
from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables import Result, Study

NAME = "record.pdf"


@api.get(
    "/studies/<study_id>/record.pdf",
    summary="Version, correction and sign-offs as PDF",
    responses={200: content_of("application/pdf")},
)
@allow(Right.READ)
def get_record(path: StudyPath, query: VersionQuery) -> Response:
    """What happened to a version after it was measured, to be kept beside its report; the report stays as it was."""
    with service().database.writing() as session:
        study, result = opened(session, path.study_id, query.version, "report.download", NAME)
        report, record = Report.model_validate(result.report), _record(session, study, result)
        download = download_name(study, result, NAME)
    response = content_answer(render_record(report, record), download)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _record(session: Session, study: Study, result: Result) -> Record:
    versions = versions_of(session, study)
    shown = next(one for one in versions if one.version == result.version)
    drawn = shown.correction
    signed = [one for one in reviews_of(session, study) if one.version == result.version]
    return Record(
        study=study.id,
        subject=study.patient.subject,
        version=result.version,
        newest=versions[0].version,
        kind=shown.kind,
        made_at=shown.created_at,
        drawn_at=now(),
        sign_offs=tuple(SignOff(one.user, one.decision, one.grade, one.comment, one.created_at) for one in signed),
        corrector=(drawn.user or "") if drawn else "",
        corrected_at=drawn.created_at if drawn else None,
        note=drawn.note if drawn else "",
    )
