"""Refusals of the service as the contract's error document, for programs as JSON and for people as a page."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NoReturn, Self, cast

from flask import Flask, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from steatoscope.apps.web.context import wants_json
from steatoscope.apps.web.limits import seconds_to_wait
from steatoscope.core.errors import SteatoscopeError

SERVICE_ERRORS: Final[Mapping[str, tuple[int, str, str, str]]] = MappingProxyType(
    {
        "E_SIGNIN": (401, "You are not signed in.", "There is no valid session or token.", "Sign in, or send a token."),
        "E_FORBIDDEN": (403, "This is not yours to do.", "Your role does not allow it.", "Ask an administrator."),
        "E_NOTFOUND": (404, "There is nothing here.", "The address or the object does not exist.", "Check the link."),
        "E_METHOD": (405, "This cannot be done here.", "The address does not take this method.", "See the API."),
        "E_CONFLICT": (409, "This cannot be done now.", "The object has moved on.", "Load the page again."),
        "E_TOOLARGE": (413, "The upload is too large.", "It exceeds the limit of this server.", "Send one study."),
        "E_INPUT": (422, "The request is not valid.", "A field is missing or wrong.", "Correct it and send again."),
        "E_RATE": (429, "Too many requests.", "The limit for a time was reached.", "Wait a little and try again."),
        "E_INTERNAL": (500, "Internal fault.", "The server could not answer.", "Try again; tell the administrator."),
        "E_BUSY": (503, "The service is busy.", "A part of it does not answer.", "Try again in a minute."),
    }
)
_BY_STATUS: Final = {status: code for code, (status, *_words) in SERVICE_ERRORS.items()} | {400: "E_INPUT"}


class Problem(Exception):
    """A refusal with an HTTP status and the error document."""

    def __init__(self, status: int, document: Mapping[str, str | None]) -> None:
        super().__init__(f"{document['code']}: {document['message']}")
        self.status = status
        self.document = dict(document)

    @classmethod
    def of(cls, code: str, *, cause: str | None = None, remedy: str | None = None, status: int | None = None) -> Self:
        """A refusal from the service's own catalogue."""
        usual, message, usual_cause, usual_remedy = SERVICE_ERRORS[code]
        words = {"code": code, "message": message, "cause": cause or usual_cause, "remedy": remedy or usual_remedy}
        return cls(status or usual, {**words, "path": None})

    @classmethod
    def from_fault(cls, fault: SteatoscopeError, *, status: int = 422) -> Self:
        """A coded error of the analysis; 413 where something is too large."""
        return cls(413 if fault.code == "E_BOMB" else status, fault.document())


def register_problems(app: Flask) -> None:
    """Answer every refusal and fault of the application in one way."""
    app.register_error_handler(Problem, _answer)
    app.register_error_handler(SteatoscopeError, lambda fault: _answer(Problem.from_fault(fault)))
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(OperationalError, _busy)
    app.register_error_handler(Exception, _internal)


def from_validation(fault: ValidationError) -> NoReturn:
    """Refuse a request whose fields do not fit, naming each field but not what was sent."""
    words = "; ".join(f"{'.'.join(map(str, error['loc'])) or 'body'}: {error['msg']}" for error in fault.errors()[:8])
    raise Problem.of("E_INPUT", cause=words or None)


def _from_http(fault: HTTPException) -> ResponseReturnValue:
    if isinstance(fault, CSRFError):
        words = "The page's security token is missing or out of date."
        return _answer(Problem.of("E_INPUT", status=400, cause=words, remedy="Load the page again."))
    if fault.response is not None:
        return cast(ResponseReturnValue, fault.response)
    status = fault.code or 500
    if status < 400:
        return fault.get_response()
    code = _BY_STATUS.get(status, "E_INPUT" if status < 500 else "E_INTERNAL")
    return _answer(Problem.of(code, status=status), _headers_of(fault))


def _headers_of(fault: HTTPException) -> dict[str, str]:
    if isinstance(fault, RateLimitExceeded):
        return {"Retry-After": str(seconds_to_wait())}
    return {name: value for name, value in fault.get_headers() if name in ("Allow", "Content-Range", "Retry-After")}


def _busy(fault: Exception) -> ResponseReturnValue:
    logging.getLogger("steatoscope.web").error("the database does not answer: %s", type(fault).__name__)
    return _answer(Problem.of("E_BUSY", cause="The database does not answer."))


def _internal(fault: Exception) -> ResponseReturnValue:
    logging.getLogger("steatoscope.web").exception("unhandled %s", type(fault).__name__)
    return _answer(Problem.of("E_INTERNAL"))


def _answer(problem: Problem, headers: Mapping[str, str] = MappingProxyType({})) -> ResponseReturnValue:
    more = dict(headers)
    if problem.status == 401:
        more["WWW-Authenticate"] = "Bearer"
    if wants_json():
        return jsonify({"error": problem.document}), problem.status, more
    return render_template("problem.html", error=problem.document, status=problem.status), problem.status, more
