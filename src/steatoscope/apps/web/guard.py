"""The door to every view: each declares who may pass, and what declares nothing is refused.

``@allow(Right.READ)`` (all named rights are needed), ``@signed_in``, ``@public``, ``@loopback_or_token(...)``. The mark
is read before the view runs; ownership of an object is the view's own check (:func:`require_owner`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from flask import Flask, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from steatoscope.apps.web.context import principal, wants_json
from steatoscope.apps.web.problems import Problem
from steatoscope.service.access.rights import Right

View = TypeVar("View", bound=Callable[..., Any])
_MARK = "__steatoscope_door__"
_BEFORE_NEW_PASSWORD = frozenset({"accounts.account", "accounts.change_password", "accounts.sign_out"})


@dataclass(frozen=True, slots=True)
class Door:
    """Who may pass."""

    kind: Literal["public", "signed_in", "rights", "loopback"]
    rights: frozenset[Right] = frozenset()


def allow(*rights: Right) -> Callable[[View], View]:
    """Only who holds all of these rights."""
    return _marked(Door("rights", frozenset(rights)))


def signed_in(view: View) -> View:
    """Anybody who is signed in or has a valid token."""
    return _marked(Door("signed_in"))(view)


def public(view: View) -> View:
    """Anybody."""
    return _marked(Door("public"))(view)


def loopback(*rights: Right) -> Callable[[View], View]:
    """Anybody on this machine itself; from elsewhere only who holds these rights."""
    return _marked(Door("loopback", frozenset(rights)))


def _marked(door: Door) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, _MARK, door)
        return view

    return mark


def door_of(app: Flask, endpoint: str) -> Door | None:
    """The door of an endpoint; static files are public; None where a view declares nothing."""
    if endpoint == "static":
        return Door("public")
    return getattr(app.view_functions.get(endpoint), _MARK, None)


def check_door() -> ResponseReturnValue | None:
    """Before each request: let pass, send to the sign-in page, or refuse with 401 or 403."""
    if request.endpoint is None:
        return None
    if "\0" in request.path:
        raise Problem.of("E_NOTFOUND")
    if any("\0" in value for _name, values in request.args.lists() for value in values):
        raise Problem.of("E_INPUT", cause="No text of this service holds a NUL character.")
    door = door_of(current_app, request.endpoint)
    if door is not None and door.kind == "public":
        return None
    if door is not None and door.kind == "loopback" and from_loopback():
        return None
    who = principal()
    if who.user_id is None:
        if wants_json() or who.via == "refused":
            raise Problem.of("E_SIGNIN")
        return redirect(url_for("accounts.sign_in", next=request.full_path.rstrip("?")))
    if who.must_change_password and request.endpoint not in _BEFORE_NEW_PASSWORD:
        if wants_json():
            raise Problem.of("E_FORBIDDEN", cause="The password must be changed first.", remedy="Open your account.")
        return redirect(url_for("accounts.account"))
    if door is None or not door.rights <= who.rights:
        raise Problem.of("E_FORBIDDEN")
    return None


def require_owner(owner_id: str | None) -> None:
    """Refuse with 403 where the object belongs to somebody else."""
    if owner_id is None or owner_id != principal().user_id:
        raise Problem.of("E_FORBIDDEN")


def from_loopback() -> bool:
    """Whether the request was sent from this machine, by nobody's proxy."""
    if request.headers.get("X-Forwarded-For") or request.headers.get("Forwarded"):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
