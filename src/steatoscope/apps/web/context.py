"""What a request may use: the installation behind the application, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from flask import current_app, g, request

from steatoscope.apps.wiring.service import Service
from steatoscope.service.access.rights import Right


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a person, a token, nobody (``user_id`` None), or "refused": a token that is not valid.

    ``session_id`` is that of the browser session, or of the token.
    """

    user_id: str | None = None
    name: str = ""
    roles: tuple[str, ...] = ()
    rights: frozenset[Right] = frozenset()
    via: Literal["nobody", "session", "token", "refused"] = "nobody"
    session_id: str | None = None
    must_change_password: bool = False
    language: str = ""
    theme: str = ""

    def may(self, right: Right) -> bool:
        """Whether this right is held."""
        return right in self.rights


NOBODY = Principal()
REFUSED = Principal(via="refused")


def service() -> Service:
    """The installation behind the current application."""
    return cast(Service, current_app.extensions["steatoscope"])


def principal() -> Principal:
    """Who sends the current request."""
    return cast(Principal, g.get("principal", NOBODY))


def wants_json() -> bool:
    """Whether the answer to this request is for a program: the API, or a page's own script."""
    return request.path.startswith("/api/") or request.accept_mimetypes.best == "application/json"
