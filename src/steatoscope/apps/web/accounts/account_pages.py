"""The account page: password, API tokens, sessions."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.accounts import signing
from steatoscope.apps.web.accounts.entry_pages import guessed
from steatoscope.apps.web.accounts.forms import password_of, text_of
from steatoscope.apps.web.accounts.identify import in_force
from steatoscope.apps.web.accounts.pages import pages
from steatoscope.apps.web.accounts.tokens import MOST_DAYS, make_token, own_tokens, revoke_own_token
from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import signed_in
from steatoscope.apps.web.limits import GUESSES, limiter
from steatoscope.apps.web.problems import Problem
from steatoscope.service.access.passwords import hash_password, verify_password
from steatoscope.service.access.rights import Right
from steatoscope.service.storage import users
from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables_people import User, WebSession


@pages.get("/account")
@signed_in
def account() -> ResponseReturnValue:
    """The own account."""
    return _page()


def _page(*, error: str = "", secret: str = "", status: int = 200) -> ResponseReturnValue:
    who = principal()
    with service().database.reading() as session:
        user = session.get_one(User, who.user_id)
        words = render_template(
            "accounts/account.html",
            user=user,
            tokens=own_tokens(session),
            sessions=_own_sessions(session),
            rights=[right for right in Right if who.may(right)],
            now=now(),
            error=error,
            secret=secret,
        )
    return words, status


def _own_sessions(session: Session) -> list[WebSession]:
    wanted = select(WebSession).where(
        WebSession.user_id == principal().user_id, WebSession.ended_at.is_(None), WebSession.expires_at > now()
    )
    idle = in_force().session_idle_s
    rows = session.scalars(wanted.order_by(WebSession.last_seen_at.desc()))
    return [row for row in rows if (now() - row.last_seen_at).total_seconds() < idle]


@pages.post("/account/password")
@signed_in
@limiter.limit(GUESSES, deduct_when=guessed)
def change_password() -> ResponseReturnValue:
    """A new password, for who knows the old one; all other sessions end."""
    with service().database.reading() as session:
        encoded = session.get_one(User, principal().user_id).password_hash
    if encoded is None:
        return _page(error=_("This account has no password: it signs in with your organisation."), status=403)
    if not verify_password(encoded, password_of("old_password")):
        with service().database.writing() as session:
            trail.note(session, "user.password", "user", principal().user_id or "", outcome="refused")
        return _page(error=_("The old password is wrong."), status=403)
    fresh = password_of("password")
    if fresh != password_of("password_again"):
        return _page(error=_("The two passwords differ."), status=422)
    if verify_password(encoded, fresh):
        return _page(error=_("The new password is the old one."), status=422)
    try:
        hashed = hash_password(fresh)
    except ValueError:
        return _page(error=_("A password has 12 to 200 characters."), status=422)
    with service().database.writing() as session:
        user = session.get_one(User, principal().user_id)
        users.set_password_hash(session, user, hashed)
        trail.note(session, "user.password", "user", user.id)
        signing.keep_only_this_browser(session, user)
    flash(_("The password is changed. All other sessions are ended."), "ok")
    return redirect(url_for("accounts.account"))


@pages.post("/account/tokens")
@signed_in
def add_token() -> ResponseReturnValue:
    """A new API token; its secret is shown in this answer and never again."""
    scopes = [scope for scope in request.form.getlist("scopes") if scope in {right.value for right in Right}]
    name, days = text_of("name", longest=80), text_of("days", longest=5)
    if not name or not scopes:
        return _page(error=_("A token needs a name and at least one right."), status=422)
    if days and not (days.isdecimal() and 0 < int(days) <= MOST_DAYS):
        return _page(error=_("The days are a number from 1 to 3650, or empty."), status=422)
    with service().database.writing() as session:
        _token, secret = make_token(session, name, scopes, int(days) if days else None)
    return _page(secret=secret, status=201)


@pages.post("/account/tokens/<token_id>/revoke")
@signed_in
def revoke_token(token_id: str) -> ResponseReturnValue:
    """End one of the own tokens."""
    with service().database.writing() as session:
        revoke_own_token(session, token_id)
    flash(_("The token is revoked."), "ok")
    return redirect(url_for("accounts.account"))


@pages.post("/account/sessions/<session_id>/end")
@signed_in
def end_session(session_id: str) -> ResponseReturnValue:
    """End one of the own sessions."""
    with service().database.writing() as session:
        row = session.get(WebSession, session_id)
        if row is None or row.user_id != principal().user_id:
            raise Problem.of("E_NOTFOUND")
        users.end_session(session, row)
        trail.note(session, "session.end", "session", row.id)
    flash(_("The session is ended."), "ok")
    return redirect(url_for("accounts.account"))
