"""A user's own API tokens: made with part of the user's rights, shown once, revoked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.context import principal
from steatoscope.apps.web.problems import Problem
from steatoscope.service.access.passwords import TOKEN_PREFIX, digest_of, new_secret
from steatoscope.service.access.rights import Right
from steatoscope.service.storage import users
from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables_people import Token, User

MOST_DAYS: Final = 3650
MOST_TOKENS: Final = 50


def own_tokens(session: Session) -> list[Token]:
    """The tokens of who asks that are not revoked, newest first."""
    wanted = select(Token).where(Token.user_id == principal().user_id, Token.revoked_at.is_(None))
    return list(session.scalars(wanted.order_by(Token.created_at.desc(), Token.id)))


def make_token(session: Session, name: str, scopes: Iterable[str], days: int | None) -> tuple[Token, str]:
    """A new token of who asks and its secret, which is never shown again.

    The scopes are written down one by one, so that a role given later does not widen the token. Tokens make no tokens:
    a leaked one must not outlive its expiry. Refused where a scope is not one's own right.
    """
    who = principal()
    if who.via != "session":
        raise Problem.of("E_FORBIDDEN", cause="A token cannot make tokens.", remedy="Use your account page.")
    chosen = {Right(scope) for scope in scopes} or set(who.rights)
    if not chosen or not chosen <= who.rights:
        raise Problem.of("E_FORBIDDEN", cause="A token cannot have more rights than its user.")
    if len(own_tokens(session)) >= MOST_TOKENS:
        raise Problem.of("E_CONFLICT", cause=f"There are {MOST_TOKENS} tokens already.", remedy="Revoke one first.")
    secret = new_secret(TOKEN_PREFIX)
    token = users.issue_token(
        session,
        session.get_one(User, who.user_id),
        name,
        scopes=sorted(right.value for right in chosen),
        digest=digest_of(secret),
        expires_at=now() + timedelta(days=days) if days else None,
    )
    trail.note(session, "token.add", "token", token.id, scopes=list(token.scopes), days=days or 0)
    return token, secret


def revoke_own_token(session: Session, token_id: str) -> None:
    """End one of one's own tokens; another user's is not found. A token ends only itself."""
    token = session.get(Token, token_id)
    if token is None or token.user_id != principal().user_id:
        raise Problem.of("E_NOTFOUND")
    if principal().via == "token" and token.id != principal().session_id:
        raise Problem.of("E_FORBIDDEN", cause="A token revokes only itself.", remedy="Use your account page.")
    users.revoke_token(session, token)
    trail.note(session, "token.revoke", "token", token.id)
