"""API tokens and browser sessions: the database keeps only digests of their secrets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.service.storage.base import now
from steatoscope.service.storage.database import is_writing
from steatoscope.service.storage.tables_people import Token, User, WebSession

TOUCH_S: Final = 60.0


def issue_token(
    session: Session,
    user: User,
    name: str,
    *,
    scopes: Iterable[str] = (),
    digest: str,
    expires_at: datetime | None = None,
) -> Token:
    """A new API token of a user; an empty list of scopes means all rights of the user."""
    token = Token(user_id=user.id, name=name[:80], digest=digest, scopes=sorted(set(scopes)), expires_at=expires_at)
    session.add(token)
    session.flush()
    return token


def revoke_token(session: Session, token: Token) -> None:
    """End a token now; one that has ended stays as it is."""
    if token.revoked_at is None:
        token.revoked_at = now()
        session.flush()


def token_by_digest(session: Session, digest: str) -> Token | None:
    """The token with this digest if it is valid now: neither revoked nor expired, its user not disabled.

    In a writing session its ``last_used_at`` is kept up to date, at most once a minute. A caller that looks in a
    reading session first (cheap) asks ``touch_due`` and calls again in a writing session where that is True.
    """
    token = session.scalars(select(Token).where(Token.digest == digest)).first()
    if token is None or token.revoked_at is not None or token.user.disabled:
        return None
    if token.expires_at is not None and token.expires_at <= now():
        return None
    if is_writing(session) and touch_due(token.last_used_at):
        token.last_used_at = now()
        session.flush()
    return token


def open_session(session: Session, user: User, digest: str, *, longest_s: float, address: str) -> WebSession:
    """A new browser session that ends after ``longest_s`` at the latest."""
    opened = WebSession(
        user_id=user.id, digest=digest, expires_at=now() + timedelta(seconds=longest_s), address=address[:64]
    )
    session.add(opened)
    session.flush()
    return opened


def session_by_digest(session: Session, digest: str, *, idle_s: float) -> WebSession | None:
    """The browser session with this digest if it is alive: not ended, not too old, not idle, its user not disabled.

    In a writing session ``last_seen_at`` is kept up to date, at most once a minute (see ``token_by_digest``).
    """
    found = session.scalars(select(WebSession).where(WebSession.digest == digest)).first()
    if found is None or found.ended_at is not None:
        return None
    moment = now()
    if found.expires_at <= moment or found.last_seen_at + timedelta(seconds=idle_s) <= moment:
        return None
    user = session.get(User, found.user_id)
    if user is None or user.disabled:
        return None
    if is_writing(session) and touch_due(found.last_seen_at, within_s=idle_s):
        found.last_seen_at = moment
        session.flush()
    return found


def touch_due(last: datetime | None, *, within_s: float = 4 * TOUCH_S) -> bool:
    """Whether a time of last use is old enough to be written again: a minute, or a quarter of a shorter idle time."""
    return last is None or last + timedelta(seconds=min(TOUCH_S, within_s / 4)) <= now()


def end_session(session: Session, web_session: WebSession) -> None:
    """End a browser session now."""
    if web_session.ended_at is None:
        web_session.ended_at = now()
        session.flush()


def end_all_sessions(session: Session, user: User) -> int:
    """End all browser sessions of a user; returns how many were open."""
    alive = list(
        session.scalars(select(WebSession).where(WebSession.user_id == user.id, WebSession.ended_at.is_(None)))
    )
    for web_session in alive:
        web_session.ended_at = now()
    session.flush()
    return len(alive)


def forget_old_sessions(session: Session, *, older_than_s: float) -> int:
    """Remove the rows of browser sessions that ended or expired long ago; returns how many."""
    limit = now() - timedelta(seconds=older_than_s)
    old = session.scalars(select(WebSession).where(WebSession.expires_at < limit)).all()
    for web_session in old:
        session.delete(web_session)
    session.flush()
    return len(old)
