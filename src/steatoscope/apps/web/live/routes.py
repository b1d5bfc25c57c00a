"""Routes of the start page, of preferences and of live status."""

from __future__ import annotations

from flask import Blueprint
from flask_openapi3 import OpenAPI

from steatoscope.apps.web.layout import register_layout
from steatoscope.apps.web.live.preferences import preferences

pages = Blueprint("live", __name__)
pages.add_url_rule("/preferences", "preferences", preferences, methods=["POST"])


def register(app: OpenAPI) -> None:
    """Add the routes to the application."""
    register_layout(app)
    app.register_blueprint(pages)
