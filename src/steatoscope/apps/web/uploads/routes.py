"""Routes of uploads."""

from __future__ import annotations

from flask_openapi3 import OpenAPI

from steatoscope.apps.web.uploads.api_studies import api
from steatoscope.apps.web.uploads.parts import register_parts


def register(app: OpenAPI) -> None:
    """Add the routes to the application."""
    register_parts(app)
    app.register_api(api)
