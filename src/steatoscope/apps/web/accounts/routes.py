"""Routes of accounts."""

from __future__ import annotations

from importlib import import_module

from flask_openapi3 import OpenAPI

from steatoscope.apps.web.accounts import tokens_api
from steatoscope.apps.web.accounts.pages import pages


def register(app: OpenAPI) -> None:
    """Add the routes to the application."""
    for name in ("entry_pages", "account_pages", "provider"):
        import_module(f"steatoscope.apps.web.accounts.{name}")
    app.register_blueprint(pages)
    app.register_api(tokens_api.api)
