"""Who sends a request: a bearer token, a browser session, or nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask import g, request
from flask import session as cookie
from sqlalchemy.orm import Session

from steatoscope.apps.web.context import NOBODY, REFUSED, Principal, service
from steatoscope.apps.wiring.preferences import Preferences, preferences
from steatoscope.service.access.passwords import digest_of
from steatoscope.service.access.rights import Right, rights_of
from steatoscope.service.storage import users
from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables_people import Token, User, WebSession

SESSION_KEY: Final = "who"
_LONGEST_SECRET: Final = 200


def identify() -> Principal:
    """The principal of the current request.

    A bearer token alone decides where one is shown: one that is not valid is refused, whatever the cookies say.
    """
    if request.endpoint == "static":
        return NOBODY
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return _by_token(secret.strip())
    secret = cookie.get(SESSION_KEY, "")
    return _by_session(secret) if secret else NOBODY


def in_force() -> Preferences:
    """The settings in force, read once a request."""
    if "preferences" not in g:
        with service().database.reading() as session:
            g.preferences = preferences(session, service().settings)
    found: Preferences = g.preferences
    return found


def _by_token(secret: str) -> Principal:
    if not 0 < len(secret) <= _LONGEST_SECRET:
        return REFUSED
    digest, database = digest_of(secret), service().database
    with database.reading() as session:
        token = users.token_by_digest(session, digest)
        if token is None:
            return REFUSED
        found, due = _of_token(token, token.user), users.touch_due(token.last_used_at)
    if due:
        with database.writing() as session:
            users.token_by_digest(session, digest)
    return found


def _of_token(token: Token, user: User) -> Principal:
    rights = rights_of(user.roles)
    if token.scopes:
        rights &= frozenset(right for right in Right if right.value in token.scopes)
    return Principal(
        user.id, user.name, tuple(user.roles), rights, via="token", session_id=token.id, language=user.language
    )


def _by_session(secret: str) -> Principal:
    digest, database, chosen = digest_of(secret), service().database, in_force()
    with database.reading() as session:
        found = _alive(session, digest, chosen)
        if found is None:
            return NOBODY
        due = users.touch_due(found.last_seen_at, within_s=chosen.session_idle_s)
        user = session.get_one(User, found.user_id)
        who = Principal(
            user.id,
            user.name,
            tuple(user.roles),
            rights_of(user.roles),
            via="session",
            session_id=found.id,
            must_change_password=user.must_change_password,
            language=user.language,
            theme=user.theme,
        )
    if due:
        with database.writing() as session:
            _alive(session, digest, chosen)
    return who


def _alive(session: Session, digest: str, chosen: Preferences) -> WebSession | None:
    """The session of a digest, within the times in force now: these may have been shortened since the sign-in."""
    found = users.session_by_digest(session, digest, idle_s=chosen.session_idle_s)
    if found is None or now() - found.created_at > timedelta(seconds=chosen.session_longest_s):
        return None
    return found
