"""Routes of results: the API of one study's result, and its page."""

from __future__ import annotations

from flask_openapi3 import OpenAPI

from steatoscope.apps.web.results import api_files, api_mask, api_record, api_study, api_viewer, page
from steatoscope.apps.web.results.blueprint import api, pages

VIEWS = (api_study, api_files, api_record, api_viewer, api_mask, page)


def register(app: OpenAPI) -> None:
    """Add the routes to the application."""
    app.register_api(api)
    app.register_blueprint(pages)
