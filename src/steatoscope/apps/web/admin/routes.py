"""Routes of admin."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from flask_openapi3 import OpenAPI

from steatoscope.apps.web.admin.blueprints import api, pages

_MODULES: Final = (
    "users_api", "users_pages", "models_api", "models_pages", "settings_api", "audit_view", "condition_views",
    "erasure_views",
)  # fmt: skip


def register(app: OpenAPI) -> None:
    """Add the routes to the application."""
    for name in _MODULES:
        import_module(f"steatoscope.apps.web.admin.{name}")
    app.register_api(api)
    app.register_blueprint(pages)
