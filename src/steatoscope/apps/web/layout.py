"""The frame of every page: navigation by rights, theme, and the way back from a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, current_app, request, url_for
from flask_babel import lazy_gettext

from steatoscope.apps.web.context import principal
from steatoscope.service.access.rights import Right

THEME_COOKIE: Final = "steatoscope-theme"
THEMES: Final = ("light", "dark")
_ADMIN: Final = (Right.USERS, Right.MODELS, Right.SETTINGS, Right.AUDIT)
_ENTRIES: Final = (
    ("worklist.work_list", lazy_gettext("Work list"), (Right.READ,)),
    ("uploads.upload_page", lazy_gettext("Upload"), (Right.UPLOAD,)),
    ("worklist.cohort_page", lazy_gettext("Cohort"), (Right.COHORT,)),
    ("patients.agreement_page", lazy_gettext("Agreement"), (Right.COHORT,)),
    ("admin.overview", lazy_gettext("Administration"), _ADMIN),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the main navigation."""

    address: str
    words: str
    current: bool


def register_layout(app: Flask) -> None:
    """Give every template what ``base.html`` needs."""
    app.context_processor(
        lambda: {
            "navigation": navigation(),
            "theme": chosen_theme(),
            "page_address": page_address,
            "way_back": way_back(),
        }
    )


def navigation() -> list[Entry]:
    """Links to the pages that the current principal may open."""
    entries = []
    for endpoint, words, rights in _ENTRIES:
        address = page_address(endpoint)
        if address and any(principal().may(right) for right in rights):
            entries.append(Entry(address, str(words), _is_current(endpoint, address)))
    return entries


def chosen_theme() -> str:
    """ "light" or "dark" where the account or the cookie says so; empty: as the system."""
    theme = principal().theme or request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""


def page_address(endpoint: str) -> str:
    """The address of a page, or an empty text where this installation has no such page."""
    return url_for(endpoint) if endpoint in current_app.view_functions else ""


def way_back() -> str:
    """The page of this server that the request came from, or an empty text."""
    came = urlsplit(request.referrer or "")
    own = came.netloc == request.host and came.path != request.path
    return (came.path + (f"?{came.query}" if came.query else "")) if own else ""


def _is_current(endpoint: str, address: str) -> bool:
    if request.endpoint == endpoint:
        return True
    return endpoint == "admin.overview" and request.path.startswith(address + "/")
