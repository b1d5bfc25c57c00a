"""Routes of system: for machines that watch the service. Open on loopback, elsewhere for who may see settings."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify
from flask.typing import ResponseReturnValue
from flask_openapi3 import OpenAPI
from prometheus_client import CONTENT_TYPE_LATEST

from steatoscope import __version__
from steatoscope.apps.web.guard import loopback
from steatoscope.apps.web.limits import limiter
from steatoscope.apps.web.system.health import WORKERS, Readiness
from steatoscope.apps.web.system.metrics import Metrics
from steatoscope.service.access.rights import Right

KEY = "steatoscope.system"
pages = Blueprint("system", __name__)
limiter.exempt(pages)


@pages.get("/healthz")
@loopback(Right.SETTINGS)
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify({"status": "ok", "version": __version__})


@pages.get("/readyz")
@loopback(Right.SETTINGS)
def readyz() -> ResponseReturnValue:
    """Whether pages and uploads work; 503 names what does not.

    Without a worker studies still queue and pages answer: that is told as ``degraded``, or a proxy would take away a
    web server that works.
    """
    readiness: Readiness = current_app.extensions[KEY][1]
    checks = readiness.checks()
    parts = {check.name: {"ok": check.ok, "detail": check.detail} for check in checks}
    failed = [check.name for check in checks if not check.ok]
    unready = any(name != WORKERS for name in failed)
    status = "unready" if unready else "degraded" if failed else "ok"
    return jsonify({"status": status, "failed": failed, "checks": parts}), 503 if unready else 200


@pages.get("/metrics")
@loopback(Right.SETTINGS)
def metrics() -> ResponseReturnValue:
    """Figures for Prometheus."""
    figures: Metrics = current_app.extensions[KEY][0]
    return Response(figures.page(), content_type=CONTENT_TYPE_LATEST)


def register(app: OpenAPI) -> None:
    """Add the routes to the application."""
    app.register_blueprint(pages)
