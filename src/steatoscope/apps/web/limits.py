"""Rate limits by user, or by address where nobody is signed in.

Wide enough for status polling, parts of large uploads and a viewer that plays a cine; narrow for who is not signed in.
"""

from __future__ import annotations

import math
import time
from typing import Final

from flask import Flask, request
from flask_limiter import Limiter

from steatoscope.apps.web.context import principal, service

SIGNED_IN: Final = "6000 per minute"
ANONYMOUS: Final = "300 per minute"
GUESSES: Final = "20 per 10 minutes; 60 per hour; 200 per day"


def address_key() -> str:
    """The address that the request comes from."""
    return request.remote_addr or "unknown"


def _key() -> str:
    return principal().user_id or address_key()


def _usual() -> str:
    return ANONYMOUS if principal().user_id is None else SIGNED_IN


limiter = Limiter(key_func=_key, application_limits=[_usual], in_memory_fallback_enabled=True)


def register_limits(app: Flask) -> None:
    """Count requests in memory, or in Redis where the installation has one for its jobs."""
    with app.app_context():
        broker = service().settings.broker_url
    shared = broker if broker.startswith(("redis://", "rediss://")) else "memory://"
    app.config.setdefault("RATELIMIT_ENABLED", True)
    app.config.setdefault("RATELIMIT_STORAGE_URI", shared)
    limiter.init_app(app)


def seconds_to_wait() -> int:
    """Seconds until the limit that stopped this request allows another one."""
    reached = limiter.current_limit
    return max(1, math.ceil(reached.reset_at - time.time())) if reached is not None else 60
