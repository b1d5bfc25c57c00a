"""Settings in the API and on their page: which can be changed while the service runs, and which at its start."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Response, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.admin.blueprints import api, pages
from steatoscope.apps.web.admin.people import changing
from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.web.speech import profile_name
from steatoscope.apps.wiring.preferences import change_preferences, preferences
from steatoscope.apps.wiring.settings import MIB
from steatoscope.service.access.rights import Right

_SECRET: Final = frozenset({"oidc_client_secret"})
_ADDRESSES: Final = frozenset({"database_url", "storage_url", "broker_url"})


class PreferencesDocument(BaseModel):
    """Settings that can be changed while the service runs."""

    site_name: str = Field(description="shown at the head of every page")
    default_profile: str = Field(description="profile of grades; empty: each scale's own")
    retention_days: int = Field(description="patients whose newest study is older are offered for erasure; 0: never")
    session_idle_s: int
    session_longest_s: int
    most_upload_bytes: int = Field(description="never more than the limit at the start")


class PreferencesChange(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    site_name: str | None = Field(None, max_length=200)
    default_profile: str | None = Field(None, max_length=40)
    retention_days: int | None = Field(None, ge=0, le=36500)
    session_idle_s: int | None = Field(None, ge=60, le=86400)
    session_longest_s: int | None = Field(None, ge=300, le=30 * 86400)
    most_upload_bytes: int | None = Field(None, ge=MIB, le=1 << 40)


class SettingsDocument(BaseModel):
    """All settings; secrets are left out."""

    preferences: PreferencesDocument
    at_start: dict[str, str | int | float | bool]


def at_start() -> dict[str, str | int | float | bool]:
    """The start-up settings without secrets: passwords in addresses are replaced."""
    settings, shown = service().settings, {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name in _SECRET:
            value = "set" if value else ""
        elif field.name in _ADDRESSES:
            value = without_password(str(value))
        shown[field.name] = value if isinstance(value, str | int | float | bool) else str(value)
    return shown


def without_password(address: str) -> str:
    """An address with its password replaced by stars."""
    parts = urlsplit(address)
    if parts.password is None:
        return address
    return address.replace(f":{parts.password}@", ":***@", 1)


def change(session: Session, changes: dict[str, Any]) -> None:
    """Set some settings, with an entry in the trail. Raises ValueError where a value is not allowed."""
    changed = change_preferences(session, service().settings, changes, principal().name)
    if changed:
        trail.note(session, "settings.change", "settings", **{name: changes[name] for name in changed})


@api.get("/settings", summary="Settings", responses={200: SettingsDocument})
@allow(Right.SETTINGS)
def show_settings() -> Response:
    """All settings, without secrets."""
    with service().database.reading() as session:
        return _document(session)


@api.patch("/settings", summary="Change settings", responses={200: SettingsDocument})
@allow(Right.SETTINGS)
def change_settings(body: PreferencesChange) -> Response:
    """Change settings while the service runs."""
    with changing() as session:
        change(session, body.model_dump(exclude_none=True))
        return _document(session)


def _document(session: Session) -> Response:
    chosen = asdict(preferences(session, service().settings))
    return jsonify(SettingsDocument.model_validate({"preferences": chosen, "at_start": at_start()}).model_dump())


@pages.get("/admin/settings")
@allow(Right.SETTINGS)
def settings() -> Response:
    """All settings."""
    return _page()


def _page(*, status: int = 200, error: str = "") -> Response:
    from steatoscope.science.clinical.grades import PROFILES

    with service().database.reading() as session:
        chosen = preferences(session, service().settings)
    words = render_template(
        "admin/settings.html",
        chosen=chosen,
        at_start=at_start(),
        profiles=[(name, profile_name(name)) for name in PROFILES],
        error=error,
        mib=MIB,
    )
    return make_response(words, status)


@pages.post("/admin/settings")
@allow(Right.SETTINGS)
def save_settings() -> Response:
    """Change settings; times are given in minutes and sizes in MiB."""
    form = request.form
    try:
        changes: dict[str, Any] = {
            "site_name": form.get("site_name", ""),
            "default_profile": form.get("default_profile", ""),
            "retention_days": int(form.get("retention_days") or 0),
            "session_idle_s": 60 * int(form["session_idle"]),
            "session_longest_s": 60 * int(form["session_longest"]),
            "most_upload_bytes": MIB * int(form["most_upload"]),
        }
    except (ValueError, KeyError):
        return _page(status=422, error=_("Times, days and sizes are whole numbers."))
    try:
        with changing() as session:
            change(session, changes)
    except Problem as problem:
        return _page(status=problem.status, error=str(problem.document["cause"]))
    flash(_("The settings are changed."), "ok")
    return make_response(redirect(url_for("admin.settings")))
