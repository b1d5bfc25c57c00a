"""``steatoscope users``: accounts of an installation, from its own command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from steatoscope.apps.cli.installation import installation_options, opened
from steatoscope.apps.cli.output import emit, note
from steatoscope.core.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from steatoscope.service.storage.tables import User

_ROLES = ("viewer", "clinician", "researcher", "admin")
_role = click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice(_ROLES), help="Role; may be given several times."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def users() -> None:
    """Add, list and change accounts of the service."""


@users.command()
@click.argument("name")
@_role
@installation_options
@_json
def add(name: str, roles: tuple[str, ...], as_json: bool, **where: Any) -> None:
    """Add an account with a random password and an API token that has all its rights; both are shown only now."""
    from steatoscope.service.access.passwords import TOKEN_PREFIX, digest_of, hash_password, new_password, new_secret
    from steatoscope.service.storage.users import add_user, issue_token

    password, token = new_password(), new_secret(TOKEN_PREFIX)
    with _changing(where) as session:
        user = add_user(session, name, roles, password_hash=hash_password(password))
        issue_token(session, user, "command line", digest=digest_of(token))
        _record(session, "user.add", user, roles=user.roles)
    _show_once({"user": user.name, "password": password, "token": token}, as_json)


@users.command("list")
@installation_options
@_json
def list_accounts(as_json: bool, **where: Any) -> None:
    """List all accounts."""
    from steatoscope.service.storage.rows import plain
    from steatoscope.service.storage.users import is_locked, list_users

    with opened(**where) as service, service.database.reading() as session:
        rows = [
            {
                "user": user.name,
                "roles": user.roles,
                "disabled": user.disabled,
                "locked": is_locked(user),
                "last_login_at": plain(user.last_login_at),
            }
            for user in list_users(session)
        ]
    if as_json:
        emit({"users": rows})
        return
    for row in rows:
        state = "disabled" if row["disabled"] else "locked" if row["locked"] else ""
        click.echo(f"{row['user']:30} {', '.join(row['roles']):40} {state}".rstrip())


@users.command()
@click.argument("name")
@installation_options
@_json
def disable(name: str, as_json: bool, **where: Any) -> None:
    """Shut an account: nobody signs in with it, its sessions end, its tokens are refused."""
    _set_disabled(name, True, as_json, where)


@users.command()
@click.argument("name")
@installation_options
@_json
def enable(name: str, as_json: bool, **where: Any) -> None:
    """Open an account again, and end its lock-out."""
    _set_disabled(name, False, as_json, where)


def _set_disabled(name: str, disabled: bool, as_json: bool, where: dict[str, Any]) -> None:
    from steatoscope.service.storage.users import set_disabled

    action = "user.disable" if disabled else "user.enable"
    user = _change(name, action, where, lambda session, user: set_disabled(session, user, disabled))
    _tell({"user": user.name, "disabled": user.disabled}, as_json)


@users.command()
@click.argument("name")
@_role
@installation_options
@_json
def roles(name: str, roles: tuple[str, ...], as_json: bool, **where: Any) -> None:
    """Give an account these roles instead of the ones it has; its browser sessions end."""
    from steatoscope.service.storage.users import set_roles

    user = _change(name, "user.roles", where, lambda session, user: set_roles(session, user, roles), roles=list(roles))
    _tell({"user": user.name, "roles": user.roles}, as_json)


@users.command()
@click.argument("name")
@installation_options
@_json
def password(name: str, as_json: bool, **where: Any) -> None:
    """Give an account a new random password, shown only now, and end its sessions."""
    from steatoscope.service.access.passwords import hash_password, new_password
    from steatoscope.service.storage.users import set_password_hash

    fresh = new_password()
    user = _change(
        name, "user.password", where, lambda session, user: set_password_hash(session, user, hash_password(fresh))
    )
    _show_once({"user": user.name, "password": fresh}, as_json)


def _change(
    name: str, action: str, where: dict[str, Any], change: Callable[[Session, User], None], **details: Any
) -> User:
    from steatoscope.service.storage.users import user_named

    with _changing(where) as session:
        user = user_named(session, name)
        if user is None:
            raise UsageError(f"there is no user {name!r}; see 'steatoscope users list'")
        change(session, user)
        _record(session, action, user, **details)
    return user


@contextmanager
def _changing(where: dict[str, Any]) -> Iterator[Session]:
    """A writing session; what the repositories refuse is wrong usage."""
    with opened(**where) as service:
        try:
            with service.database.writing() as session:
                yield session
        except ValueError as fault:
            raise UsageError(str(fault)) from fault


def _record(session: Session, action: str, user: User, **details: Any) -> None:
    from steatoscope.service.storage.audit import record

    record(
        session,
        actor="command line",
        action=action,
        object_type="user",
        object_id=user.id,
        details={"name": user.name, **details},
    )


def _show_once(secrets: dict[str, str], as_json: bool) -> None:
    _tell(secrets, as_json)
    if not as_json:
        note("Keep these now: they are not shown again.")


def _tell(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit(document)
        return
    for name, value in document.items():
        click.echo(f"{name}: {', '.join(value) if isinstance(value, list) else value}")
