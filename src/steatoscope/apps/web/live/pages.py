"""The start page, and the page that follows an analysis."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import allow, signed_in
from steatoscope.apps.web.live.api import cancel_job, document_of, retry_job
from steatoscope.apps.web.live.glance import own_studies, queue_counts, waits_for_sign_off
from steatoscope.apps.web.live.preferences import preferences
from steatoscope.apps.web.problems import Problem
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.tables import Job, Patient, Study

pages = Blueprint("live", __name__)
pages.add_url_rule("/preferences", "preferences", preferences, methods=["POST"])
_ORDER: Final = {
    "US": ("read", "prepare", "segment", "grade", "localise", "measure", "report", "store"),
    "CT": ("read", "segment", "check", "measure", "localise", "report", "store"),
    "MR": ("read", "prepare", "segment", "measure", "localise", "report", "store"),
}
_USUAL: Final = ("read", "prepare", "segment", "measure", "localise", "report", "store")


@pages.get("/")
@signed_in
def home() -> ResponseReturnValue:
    """What the signed-in person is likely to do next."""
    reads = principal().may(Right.READ)
    with service().database.reading() as session:
        return render_template(
            "live/home.html",
            own=own_studies(session, principal().user_id) if reads else [],
            queue=queue_counts(session),
            unsigned=waits_for_sign_off(session) if principal().may(Right.SIGN) else 0,
        )


@pages.get("/studies/<study_id>/status")
@allow(Right.READ)
def status_page(study_id: str) -> ResponseReturnValue:
    """Where the newest analysis of a study stands; its result where it has one."""
    with service().database.reading() as session:
        study = session.get(Study, study_id)
        if study is None:
            raise Problem.of("E_NOTFOUND")
        document = document_of(session, _newest(session, study_id))
        subject = session.get_one(Patient, study.patient_id).subject
    if request.args.get("known"):
        _say_known(subject)
    if document.state in ("done", "refused"):
        return redirect(url_for("results.study_page", study_id=study_id), code=303)
    return render_template(
        "live/status.html",
        job=document,
        study=study,
        subject=subject,
        stages=_ORDER.get(study.modality or "", _USUAL),
        may_change=document.owned and principal().may(Right.CANCEL_OWN),
    )


def _say_known(subject: str) -> None:
    """Tell who sent files again that nothing new was done, and how to have them analysed once more."""
    words = gettext("These files were analysed before; nothing new was done.")
    if not principal().may(Right.UPLOAD):
        flash(words, "warn")
        return
    address = url_for("uploads.upload_page", subject=subject, force=1)
    flash(Markup('{} <a href="{}">{}</a>').format(words, address, gettext("Analyse again")), "warn")


@pages.post("/studies/<study_id>/status/cancel")
@allow(Right.CANCEL_OWN)
def cancel(study_id: str) -> ResponseReturnValue:
    """Cancel the newest analysis of a study, for browsers without scripts."""
    cancel_job(_newest_of(study_id))
    return redirect(url_for("live.status_page", study_id=study_id), code=303)


@pages.post("/studies/<study_id>/status/retry")
@allow(Right.CANCEL_OWN)
def retry(study_id: str) -> ResponseReturnValue:
    """Repeat the newest analysis of a study, for browsers without scripts."""
    retry_job(_newest_of(study_id))
    return redirect(url_for("live.status_page", study_id=study_id), code=303)


def _newest_of(study_id: str) -> str:
    with service().database.reading() as session:
        return _newest(session, study_id)


def _newest(session: Session, study_id: str) -> str:
    newest = select(Job.id).where(Job.study_id == study_id).order_by(Job.created_at.desc(), Job.id.desc()).limit(1)
    job_id = session.scalar(newest)
    if job_id is None:
        raise Problem.of("E_NOTFOUND")
    return job_id
