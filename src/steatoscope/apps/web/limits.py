"""Rate limits by user, or by address where nobody is signed in."""

from __future__ import annotations

from flask import request
from flask_limiter import Limiter

from steatoscope.apps.web.context import principal


def _key() -> str:
    return principal().user_id or request.remote_addr or "unknown"


limiter = Limiter(key_func=_key, default_limits=[], storage_uri="memory://")
