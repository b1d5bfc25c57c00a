"""Signing in and out: passwords with lock-out, and browser sessions."""

from __future__ import annotations

from flask import g, request
from flask import session as cookie
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.accounts.identify import SESSION_KEY, in_force
from steatoscope.apps.web.context import service
from steatoscope.service.access.passwords import digest_of, new_secret, verify_password
from steatoscope.service.storage import users
from steatoscope.service.storage.tables_people import User


def sign_in_with_password(name: str, password: str) -> bool:
    """Open a browser session for a name and password; False for a wrong pair and for a locked or disabled account.

    One hash is computed in every case and the answer is the same, so that neither tells whether the account exists.
    """
    with service().database.reading() as session:
        user = users.user_named(session, name)
        encoded = user.password_hash if user is not None else None
    fits = verify_password(encoded, password)
    with service().database.writing() as session:
        user = users.user_named(session, name)
        reason = _refusal(session, user, fits)
        if user is None or reason:
            trail.note(session, "user.sign_in", "user", user.id if user else "", outcome="refused", actor="",
                       reason=reason, name=user.name if user else "")  # fmt: skip
            return False
        open_browser_session(session, user, way="password")
    return True


def _refusal(session: Session, user: User | None, fits: bool) -> str:
    """Why an attempt fails ("" where it does not); a wrong password counts unless the account is locked already."""
    if user is None:
        return "unknown"
    if user.disabled:
        return "disabled"
    if users.is_locked(user):
        return "locked"
    if fits:
        return ""
    return "wrong, now locked" if users.note_failed_login(session, user) else "wrong"


def open_browser_session(session: Session, user: User, *, way: str) -> None:
    """Sign a user in: a new session under a new secret; what the browser held before ends."""
    leave_session(session)
    _new_session(session, user)
    users.note_login(session, user)
    trail.note(session, "user.sign_in", "user", user.id, actor=user.name, way=way)


def keep_only_this_browser(session: Session, user: User) -> None:
    """End all sessions of a user and open a new one for this browser, after a change of the password."""
    users.end_all_sessions(session, user)
    _forget_cookie()
    _new_session(session, user)


def leave_session(session: Session) -> None:
    """End the browser's session and forget everything that its cookie held, the token against forgery included."""
    if secret := cookie.get(SESSION_KEY):
        found = users.session_by_digest(session, digest_of(secret), idle_s=in_force().session_longest_s)
        if found is not None:
            users.end_session(session, found)
    _forget_cookie()


def _new_session(session: Session, user: User) -> None:
    secret = new_secret()
    longest_s = in_force().session_longest_s
    users.open_session(session, user, digest_of(secret), longest_s=longest_s, address=request.remote_addr or "")
    cookie[SESSION_KEY] = secret


def _forget_cookie() -> None:
    cookie.clear()
    g.pop("csrf_token", None)
