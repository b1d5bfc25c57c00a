"""Who sends a request: a bearer token, a browser session, or nobody."""

from __future__ import annotations

from steatoscope.apps.web.context import NOBODY, Principal


def identify() -> Principal:
    """The principal of the current request."""
    return NOBODY
