"""Pages of models."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from steatoscope.apps.web.accounts.forms import text_of
from steatoscope.apps.web.admin import models_api
from steatoscope.apps.web.admin.blueprints import pages
from steatoscope.apps.web.admin.people import changing
from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.wiring import model_roles
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.configuration import model_history


@pages.get("/admin/models")
@allow(Right.MODELS)
def models() -> Response:
    """The catalogue and which model answers for which role."""
    return _page()


def _page(*, status: int = 200, error: str = "") -> Response:
    with service().database.reading() as session:
        rows = models_api.roles(session)
        history = [row for role in model_roles.ROLES for row in model_history(session, role)]
    history.sort(key=lambda row: row.activated_at, reverse=True)
    words = render_template(
        "admin/models.html", models=models_api.catalogue(), roles=rows, history=history[:50], error=error
    )
    return make_response(words, status)


@pages.get("/admin/models/<name>")
@allow(Right.MODELS)
def model(name: str) -> Response:
    """One model with its card."""
    return make_response(render_template("admin/model.html", model=models_api.card_of(name)))


@pages.post("/admin/models/<role>")
@allow(Right.MODELS)
def change_model(role: str) -> Response:
    """Activate a model for a role, or roll the role back."""
    try:
        with changing() as session:
            if request.form.get("do") == "roll_back":
                row = models_api.roll_back(session, role)
            else:
                row = models_api.activate(session, role, text_of("name", longest=64), text_of("note"))
    except Problem as problem:
        if problem.status != 409:
            raise
        return _page(status=409, error=str(problem.document["cause"]))
    flash(_("%(name)s answers for %(role)s from the next analysis on.", name=row.name, role=row.role), "ok")
    return make_response(redirect(url_for("admin.models")))
