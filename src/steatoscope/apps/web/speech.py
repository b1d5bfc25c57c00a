"""Languages of the pages."""

from __future__ import annotations

from flask import Flask
from flask_babel import Babel

babel = Babel()


def register_languages(app: Flask) -> None:
    """Choose the language of each request."""
    babel.init_app(app)
