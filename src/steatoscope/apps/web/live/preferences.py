"""The choice of language and theme: kept in a cookie, and in the account of who is signed in."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import redirect, request
from flask.typing import ResponseReturnValue

from steatoscope.apps.web import trail
from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import public
from steatoscope.apps.web.layout import THEME_COOKIE, THEMES
from steatoscope.apps.web.speech import LANGUAGE_COOKIE, LANGUAGES
from steatoscope.service.storage.tables import User

_YEAR_S = 365 * 24 * 3600


@public
def preferences() -> ResponseReturnValue:
    """Keep the choice and go back to the page."""
    language, theme = request.form.get("language", ""), request.form.get("theme", "")
    language = language if language in dict(LANGUAGES) else ""
    theme = theme if theme in THEMES else ""
    if user_id := principal().user_id:
        with service().database.writing() as session:
            user = session.get(User, user_id)
            if user is not None:
                user.language, user.theme = language, theme
                trail.note(session, "user.preferences", "user", user.id, language=language, theme=theme)
    response = redirect(safe_target(request.form.get("next")))
    for name, value in ((LANGUAGE_COOKIE, language), (THEME_COOKIE, theme)):
        secure = service().settings.secure_cookies
        response.set_cookie(name, value, max_age=_YEAR_S, httponly=True, samesite="Lax", secure=secure)
    return response


def safe_target(address: str | None) -> str:
    """A path of this server, or the start page: never a redirect to elsewhere."""
    if not address or not address.startswith("/") or address.startswith("//") or "\\" in address:
        return "/"
    if any(ord(letter) < 33 for letter in address):
        return "/"
    parts = urlsplit(address)
    return "/" if parts.scheme or parts.netloc else address.rstrip("?")
