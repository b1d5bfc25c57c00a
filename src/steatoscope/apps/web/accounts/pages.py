"""The blueprint that all pages of accounts share, so that their endpoints are ``accounts.NAME``."""

from __future__ import annotations

from flask import Blueprint, request

from steatoscope.apps.web.context import principal
from steatoscope.apps.web.problems import Problem

pages = Blueprint("accounts", __name__)


@pages.before_request
def people_only() -> None:
    """A token changes nothing about its user's password, sessions and tokens, whatever its scopes."""
    if principal().via == "token" and request.method != "GET":
        raise Problem.of("E_FORBIDDEN", cause="A token cannot change an account.", remedy="Sign in with a browser.")
