"""Accounts: names, roles, passwords, lock-out. There is always an administrator who can sign in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steatoscope.service.storage.base import now
from steatoscope.service.storage.credentials import (
    end_all_sessions,
    end_session,
    issue_token,
    open_session,
    revoke_token,
    session_by_digest,
    token_by_digest,
    touch_due,
)
from steatoscope.service.storage.tables_people import User

__all__ = [
    "ADMIN",
    "ROLES",
    "add_user",
    "end_all_sessions",
    "end_session",
    "is_locked",
    "issue_token",
    "list_users",
    "note_failed_login",
    "note_login",
    "open_session",
    "revoke_token",
    "session_by_digest",
    "set_disabled",
    "set_password_hash",
    "set_roles",
    "token_by_digest",
    "touch_due",
    "user_named",
]

ADMIN: Final = "admin"
ROLES: Final = ("viewer", "clinician", "researcher", ADMIN)
MOST_FAILURES: Final = 5
LOCK_S: Final = 5 * 60
LONGEST_LOCK_S: Final = 60 * 60
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,79}")


def add_user(
    session: Session,
    name: str,
    roles: Sequence[str],
    *,
    password_hash: str | None = None,
    must_change_password: bool = False,
) -> User:
    """A new account. Raises ValueError for a name that is unfit or taken, and for no role or an unknown one.

    Names are compared without regard to case, so that ``Anna`` and ``anna`` are never two people.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a user name has 1 to 80 letters, digits or . _ @ + - and begins with a letter or a digit")
    user = User(
        name=name,
        roles=checked_roles(roles),
        password_hash=password_hash,
        must_change_password=must_change_password,
    )
    if user_named(session, name) is not None:
        raise ValueError(f"there is already a user named {name}")
    session.add(user)
    session.flush()
    return user


def checked_roles(roles: Iterable[str]) -> list[str]:
    """The roles in their fixed order, each once. Raises ValueError where there is none or one is unknown."""
    given = set(roles)
    if unknown := sorted(given - set(ROLES)):
        raise ValueError(f"unknown role {unknown[0]!r}; roles are {', '.join(ROLES)}")
    if not given:
        raise ValueError("a user has at least one role")
    return [role for role in ROLES if role in given]


def user_named(session: Session, name: str) -> User | None:
    """The account with this name, whatever its case; None where there is none."""
    return session.scalars(select(User).where(func.lower(User.name) == name.lower())).first()


def list_users(session: Session) -> list[User]:
    """All accounts by name."""
    return list(session.scalars(select(User).order_by(func.lower(User.name))))


def set_roles(session: Session, user: User, roles: Iterable[str]) -> None:
    """Give an account these roles instead and end its sessions where they differ: nobody goes on with old rights.

    Raises ValueError as ``add_user``, and for the last administrator.
    """
    fresh = checked_roles(roles)
    if ADMIN not in fresh:
        _keep_an_admin(session, user)
    if fresh == list(user.roles):
        return
    user.roles = fresh
    end_all_sessions(session, user)
    session.flush()


def set_disabled(session: Session, user: User, disabled: bool) -> None:
    """Shut or open an account; shutting ends its sessions. Raises ValueError for the last administrator."""
    if disabled:
        _keep_an_admin(session, user)
        end_all_sessions(session, user)
    else:
        user.failed_logins, user.locked_until = 0, None
    user.disabled = disabled
    session.flush()


def set_password_hash(session: Session, user: User, password_hash: str, *, must_change: bool = False) -> None:
    """A new password: ends the account's sessions and its lock-out."""
    user.password_hash = password_hash
    user.must_change_password = must_change
    user.failed_logins, user.locked_until = 0, None
    end_all_sessions(session, user)


def _keep_an_admin(session: Session, leaving: User) -> None:
    """Rows are locked in one order, so that two administrators cannot remove each other at the same moment."""
    users = session.scalars(
        select(User).order_by(User.id).with_for_update().execution_options(populate_existing=True)
    ).all()
    admins = {user.id for user in users if ADMIN in user.roles and not user.disabled}
    if admins == {leaving.id}:
        raise ValueError("the last administrator who can sign in cannot be disabled or lose the role")


def is_locked(user: User) -> bool:
    """Whether the account is locked out at this moment."""
    return user.locked_until is not None and user.locked_until > now()


def note_failed_login(session: Session, user: User) -> bool:
    """Count a wrong password; True where the account is now locked out.

    Every fifth wrong password in a row locks the account, first for 5 minutes, then twice as long each time, at most
    for an hour.
    """
    session.flush()
    session.refresh(user, with_for_update=True)
    user.failed_logins += 1
    rounds, rest = divmod(user.failed_logins, MOST_FAILURES)
    if rest == 0:
        user.locked_until = now() + timedelta(seconds=min(LOCK_S * 2 ** (min(rounds, 10) - 1), LONGEST_LOCK_S))
    session.flush()
    return is_locked(user)


def note_login(session: Session, user: User) -> None:
    """Note a good sign-in: the count of wrong passwords begins anew."""
    user.failed_logins, user.locked_until, user.last_login_at = 0, None, now()
    session.flush()
