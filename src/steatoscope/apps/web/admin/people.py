"""What administrators do with accounts; each change is noted in the audit trail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.context import service
from steatoscope.apps.web.problems import Problem
from steatoscope.service.access.passwords import hash_password, new_password
from steatoscope.service.storage import users
from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables_people import Token, User, WebSession


@contextmanager
def changing() -> Iterator[Session]:
    """A writing session; what the repositories refuse is answered with 409 and their words."""
    try:
        with service().database.writing() as session:
            yield session
    except ValueError as fault:
        raise Problem.of("E_CONFLICT", cause=_sentence(str(fault)), remedy="Change the request.") from fault


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def add(session: Session, name: str, roles: Sequence[str], oidc_subject: str = "") -> tuple[User, str]:
    """A new account and its first password, which is shown once and must be changed."""
    password = new_password()
    user = users.add_user(session, name, roles, password_hash=hash_password(password), must_change_password=True)
    _link(session, user, oidc_subject)
    trail.note(session, "user.add", "user", user.id, name=user.name, roles=list(user.roles))
    return user, password


def found(session: Session, user_id: str) -> User:
    """The account; 404 where there is none."""
    user = session.get(User, user_id)
    if user is None:
        raise Problem.of("E_NOTFOUND")
    return user


def give_roles(session: Session, user: User, roles: Sequence[str]) -> None:
    """Other roles: the account's sessions end, so that nobody goes on with old rights."""
    before = list(user.roles)
    users.set_roles(session, user, roles)
    if before == list(user.roles):
        return
    trail.note(session, "user.roles", "user", user.id, name=user.name, before=before, roles=list(user.roles))


def shut(session: Session, user: User, disabled: bool) -> None:
    """Disable or enable an account."""
    if user.disabled != disabled:
        users.set_disabled(session, user, disabled)
        trail.note(session, "user.disable" if disabled else "user.enable", "user", user.id, name=user.name)


def link(session: Session, user: User, oidc_subject: str) -> None:
    """Tie an account to a subject of the identity provider, or ("") to none."""
    if (user.oidc_subject or "") != oidc_subject:
        _link(session, user, oidc_subject)
        trail.note(session, "user.link", "user", user.id, name=user.name, linked=bool(oidc_subject))


def _link(session: Session, user: User, oidc_subject: str) -> None:
    taken = select(User.id).where(User.oidc_subject == oidc_subject, User.id != user.id)
    if oidc_subject and session.scalar(taken) is not None:
        raise ValueError("another account has this subject of the identity provider")
    user.oidc_subject = oidc_subject or None
    session.flush()


def reset_password(session: Session, user: User) -> str:
    """A new random password, shown once and to be changed; sessions and lock-out end."""
    password = new_password()
    users.set_password_hash(session, user, hash_password(password), must_change=True)
    trail.note(session, "user.password", "user", user.id, name=user.name, reset=True)
    return password


def end_sessions(session: Session, user: User) -> int:
    """End all sessions of an account."""
    count = users.end_all_sessions(session, user)
    trail.note(session, "session.end", "user", user.id, name=user.name, count=count)
    return count


def revoke_tokens(session: Session, user: User) -> int:
    """Revoke all API tokens of an account."""
    alive = list(session.scalars(select(Token).where(Token.user_id == user.id, Token.revoked_at.is_(None))))
    for token in alive:
        users.revoke_token(session, token)
    trail.note(session, "token.revoke", "user", user.id, name=user.name, count=len(alive))
    return len(alive)


def described(session: Session, people: Sequence[User]) -> list[dict[str, Any]]:
    """Accounts as pages and API show them: never with a hash."""
    open_sessions = _counts(session, WebSession, WebSession.ended_at.is_(None) & (WebSession.expires_at > now()))
    tokens = _counts(session, Token, Token.revoked_at.is_(None))
    return [
        {
            "id": user.id,
            "name": user.name,
            "roles": list(user.roles),
            "disabled": user.disabled,
            "locked": users.is_locked(user),
            "must_change_password": user.must_change_password,
            "oidc_subject": user.oidc_subject,
            "created_at": user.created_at,
            "last_login_at": user.last_login_at,
            "sessions": open_sessions.get(user.id, 0),
            "tokens": tokens.get(user.id, 0),
        }
        for user in people
    ]


def _counts(session: Session, table: type[WebSession] | type[Token], condition: Any) -> dict[str, int]:
    return dict(session.execute(select(table.user_id, func.count()).where(condition).group_by(table.user_id)).all())
