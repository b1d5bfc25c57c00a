"""Follows every request: its id, its time, a line in the log, a count in the metrics. Never what was in it."""

from __future__ import annotations

import logging
import re
import time
from typing import Final

from flask import Flask, Response, g, request

from steatoscope.apps.web.context import principal
from steatoscope.apps.web.system.metrics import Metrics
from steatoscope.service.storage.base import new_id

HEADER: Final = "X-Request-ID"
_FIT: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_LOG: Final = logging.getLogger("steatoscope.web.access")
_QUIET: Final = ("static", "system.healthz", "system.readyz", "system.metrics")


def register_watch(app: Flask, metrics: Metrics) -> None:
    """Begin to follow; called before anything else that looks at requests, so that refusals are seen as well."""
    app.before_request(_begin)

    def end(response: Response) -> Response:
        return _end(response, metrics)

    app.after_request(end)


def _begin() -> None:
    g.started = time.perf_counter()
    given = request.headers.get(HEADER, "")
    g.request_id = given if _FIT.fullmatch(given) else new_id()


def _end(response: Response, metrics: Metrics) -> Response:
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    route = request.url_rule.rule if request.url_rule is not None else "(no route)"
    response.headers[HEADER] = g.get("request_id", "")
    metrics.note(request.method, route, response.status_code, seconds)
    level = logging.DEBUG if request.endpoint in _QUIET and response.status_code < 500 else logging.INFO
    fields = {
        "request_id": g.get("request_id", ""),
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "ms": round(seconds * 1000, 1),
        "user_id": principal().user_id,
        "via": principal().via,
    }
    _LOG.log(level, "request", extra={"fields": fields})
    return response
