"""Routes of uploads."""

from __future__ import annotations

from flask_openapi3 import OpenAPI

from steatoscope.apps.web.uploads import api_commit, api_parts, api_preview, api_studies, page
from steatoscope.apps.web.uploads.parts import register_parts

WITH_ADDRESSES = (api_commit, api_parts, api_preview, api_studies)


def register(app: OpenAPI) -> None:
    """Add the routes to the application."""
    register_parts(app)
    app.register_api(api_studies.api)
    app.register_blueprint(page.pages)
