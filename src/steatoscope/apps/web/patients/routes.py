"""Routes of patients: lists, timelines, comparison, agreement, and their pages."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint, OpenAPI, Tag


def register(app: OpenAPI) -> None:
    """Add the routes to the application."""
    from steatoscope.apps.web.patients import agreement, api
    from steatoscope.apps.web.patients.pages import pages

    blueprint = APIBlueprint("patients_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="Patients")])
    for part in (api, agreement):
        part.register(blueprint)
    app.register_api(blueprint)
    app.register_blueprint(pages)
