"""The page of one study: its result with everything that explains it, or how far its analysis is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.results.answers import job_answer, reviews_of, versions_of
from steatoscope.apps.web.results.api_files import files_of
from steatoscope.apps.web.results.blueprint import api, pages
from steatoscope.apps.web.results.charts import contribution_bars, grade_scale
from steatoscope.apps.web.results.find import newest_job, sees_identity, the_result, the_study
from steatoscope.apps.web.results.schemas import StudyPath, VersionQuery
from steatoscope.apps.web.results.serve import content_of, tagged
from steatoscope.core.report import Report
from steatoscope.service.access.rights import Right
from steatoscope.service.report.content import present
from steatoscope.service.report.viewer_bundle import NAME
from steatoscope.service.storage.job_table import FINAL
from steatoscope.service.storage.results import result_file
from steatoscope.service.storage.tables import Result, Study


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another study of the same patient."""

    study: Study
    result: Result


@pages.get("/studies/<study_id>")
@allow(Right.READ)
def study_page(study_id: str) -> ResponseReturnValue:
    """The result of a study, its newest version or the one named by ``version``."""
    version = request.args.get("version", type=int)
    with service().database.writing() as session:
        study = the_study(session, study_id)
        result = None if study.current_result_id is None else the_result(session, study, version)
        action = "study.read" if result is None else "report.read"
        shown = None if result is None else result.version
        trail.note(session, action, "study", study.id, subject=study.patient.subject, version=shown)
        words = _study_words(session, study) | ({} if result is None else _result_words(session, study, result))
    return render_template("results/study.html", link=page_link, **words)


def _study_words(session: Session, study: Study) -> dict[str, Any]:
    job = newest_job(session, study)
    return {
        "study": study,
        "subject": study.patient.subject,
        "identity": study.patient.identity if sees_identity() else None,
        "job": job_answer(job),
        "busy": job is not None and job.state not in FINAL,
        "versions": versions_of(session, study),
        "reviews": reviews_of(session, study),
        "neighbours": _neighbours(session, study),
        "result": None,
        "measured": False,
    }


def _result_words(session: Session, study: Study, result: Result) -> dict[str, Any]:
    report = Report.model_validate(result.report)
    return {
        "result": result,
        "report": report,
        "content": present(report),
        "scale": grade_scale(report),
        "bars": contribution_bars(report),
        "cards": [model.card for model in report.models if model.card.endswith("card.md")],
        "files": files_of(session, result),
        "measured": any(part.value is not None for part in report.measurements),
        "viewable": result_file(session, result, NAME) is not None,
        "newest": study.current_result_id == result.id,
        "may_sign": principal().may(Right.SIGN),
        "may_correct": principal().may(Right.CORRECT) and study.current_result_id == result.id,
    }


def _neighbours(session: Session, study: Study) -> list[Neighbour]:
    """Other studies of the patient that have a result, newest first."""
    query = (
        select(Study, Result)
        .join(Result, Result.id == Study.current_result_id)
        .where(Study.patient_id == study.patient_id, Study.id != study.id)
        .order_by(Study.created_at.desc())
    )
    return [Neighbour(other, result) for other, result in session.execute(query.limit(12))]


def page_link(endpoint: str, **values: Any) -> str:
    """The address of a page, or an empty text where this installation has no such page."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else ""


@api.get(
    "/studies/<study_id>/baseline.png",
    summary="The patient on the healthy distribution",
    responses={200: content_of("image/png")},
)
@allow(Right.READ)
def get_baseline(path: StudyPath, query: VersionQuery) -> Response:
    """Where the value lies in the reference population; 404 where the report compares with none."""
    with service().database.writing() as session:
        study = the_study(session, path.study_id)
        result = the_result(session, study, query.version)
        report = Report.model_validate(result.report)
        trail.note(session, "image.read", "study", study.id, subject=study.patient.subject, version=result.version)
    picture = _baseline(report.model_dump_json(by_alias=True))
    if picture is None:
        raise Problem.of("E_NOTFOUND", cause="The report holds no comparison with a reference population.")
    return tagged(Response(picture, mimetype="image/png"), f"{result.report_digest}-baseline")


@lru_cache(maxsize=64)
def _baseline(document: str) -> bytes | None:
    """The picture of a report as JSON, drawn once."""
    from steatoscope.service.report.baseline_figure import render_baseline

    return render_baseline(Report.model_validate_json(document))


@pages.get("/models/<name>/card")
@allow(Right.READ)
def model_card(name: str) -> ResponseReturnValue:
    """The card of a model that took part in a result, as plain text on a page."""
    from steatoscope.learning.catalogue import show_model

    try:
        model = show_model(name)
    except KeyError:
        raise Problem.of("E_NOTFOUND", cause="There is no such model here.") from None
    return render_template("results/card.html", model=model)
