"""``create_app``: the web application over an open installation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import g, request
from flask_openapi3 import Info, OpenAPI
from flask_wtf.csrf import CSRFProtect
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.middleware.proxy_fix import ProxyFix

from steatoscope import __version__
from steatoscope.apps.web.accounts import routes as accounts
from steatoscope.apps.web.accounts.identify import identify, in_force
from steatoscope.apps.web.admin import routes as admin
from steatoscope.apps.web.apidoc import ErrorDocument, complete_document
from steatoscope.apps.web.context import principal
from steatoscope.apps.web.guard import check_door, public
from steatoscope.apps.web.headers import add_headers
from steatoscope.apps.web.limits import register_limits
from steatoscope.apps.web.live import routes as live
from steatoscope.apps.web.patients import routes as patients
from steatoscope.apps.web.problems import from_validation, register_problems
from steatoscope.apps.web.results import routes as results
from steatoscope.apps.web.speech import register_languages
from steatoscope.apps.web.system import routes as system
from steatoscope.apps.web.system.health import Readiness
from steatoscope.apps.web.system.metrics import Metrics
from steatoscope.apps.web.system.watch import register_watch
from steatoscope.apps.web.uploads import routes as uploads
from steatoscope.apps.web.worklist import routes as worklist
from steatoscope.apps.wiring.service import Service

csrf = CSRFProtect()
MODULES = (accounts, admin, system, live, uploads, results, worklist, patients)
_INTENDED = "Research and decision support, not a medical device: a qualified clinician reviews every result."


def create_app(service: Service, **config: Any) -> OpenAPI:
    """The application; ``config`` overrules Flask's settings (for tests)."""
    settings = service.settings
    app = OpenAPI(
        __name__,
        info=Info(title="Steatoscope", version=__version__, description=_INTENDED),
        security_schemes={"bearer": {"type": "http", "scheme": "bearer"}},
        doc_prefix="/api/v1",
        doc_url="/openapi.json",
        validation_error_status=422,
        validation_error_model=ErrorDocument,
        validation_error_callback=from_validation,
    )
    app.config.update(
        SECRET_KEY=service.secret,
        SESSION_COOKIE_NAME="steatoscope",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=settings.session_longest_s),
        MAX_CONTENT_LENGTH=settings.most_upload_bytes,
        MAX_FORM_MEMORY_SIZE=2 * 1024 * 1024,
        MAX_FORM_PARTS=20_000,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.config.update(config)
    app.extensions["steatoscope"] = service
    if settings.behind_proxy:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    app.extensions[system.KEY] = (figures := Metrics(service), Readiness(service))
    register_watch(app, figures)
    csrf.init_app(app)
    register_problems(app)
    register_languages(app)
    app.before_request(_who)
    register_limits(app)
    app.before_request(check_door)
    app.before_request(_forgery)
    app.after_request(add_headers)
    app.context_processor(lambda: {"principal": principal(), "version": __version__, "site_name": _site_name()})
    for module in MODULES:
        module.register(app)
    complete_document(app)
    for endpoint in ("openapi.doc_url", "openapi.openapi"):
        public(app.view_functions[endpoint])
    return app


def _who() -> None:
    g.principal = identify()
    if request.method != "GET" and principal().user_id is not None:
        request.max_content_length = in_force().most_upload_bytes


def _site_name() -> str:
    """The name of the site; "" on the page that says that the database does not answer."""
    try:
        return in_force().site_name
    except SQLAlchemyError:
        return ""


def _forgery() -> None:
    """Browser sessions must show the page's own secret with every change; tokens are not sent by browsers."""
    if request.endpoint is not None and principal().via != "token":
        csrf.protect()
