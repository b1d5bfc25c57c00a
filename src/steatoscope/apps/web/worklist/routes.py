"""Routes of the work list: lists, tables, bulk actions, cohort, and their pages."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint, OpenAPI, Tag


def register(app: OpenAPI) -> None:
    """Add the routes to the application."""
    from steatoscope.apps.web.worklist import actions, cohort, export, listing
    from steatoscope.apps.web.worklist.pages import pages

    api = APIBlueprint("worklist_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="Lists and cohorts")])
    for part in (listing, export, actions, cohort):
        part.register(api)
    app.register_api(api)
    app.register_blueprint(pages)
