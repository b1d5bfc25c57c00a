"""The page of accounts."""

from __future__ import annotations

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from steatoscope.apps.web.accounts.forms import text_of
from steatoscope.apps.web.admin import people
from steatoscope.apps.web.admin.blueprints import pages
from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.service.access.rights import Right, Role
from steatoscope.service.storage import users as accounts


def _page(*, status: int = 200, error: str = "", fresh: tuple[str, str] | None = None) -> Response:
    with service().database.reading() as session:
        rows = people.described(session, accounts.list_users(session))
    by_provider = bool(service().settings.oidc_issuer)
    words = render_template(
        "admin/users.html", users=rows, roles=list(Role), error=error, fresh=fresh, by_provider=by_provider
    )
    return make_response(words, status)


def _back() -> Response:
    return make_response(redirect(url_for("admin.users" if principal().may(Right.USERS) else "live.home")))


@pages.get("/admin/users")
@allow(Right.USERS)
def users() -> Response:
    """All accounts."""
    return _page()


@pages.post("/admin/users")
@allow(Right.USERS)
def add_user() -> Response:
    """A new account; its password is shown in this answer and never again."""
    try:
        with people.changing() as session:
            user, password = people.add(
                session,
                text_of("name", longest=81),
                request.form.getlist("roles"),
                text_of("oidc_subject", longest=255),
            )
    except Problem as problem:
        return _page(status=problem.status, error=str(problem.document["cause"]))
    return _page(status=201, fresh=(user.name, password))


@pages.post("/admin/users/<user_id>")
@allow(Right.USERS)
def change_user(user_id: str) -> Response:
    """Do one thing with an account: ``do`` is roles, disable, enable, password, sessions or tokens."""
    fresh: tuple[str, str] | None = None
    try:
        with people.changing() as session:
            user = people.found(session, user_id)
            match request.form.get("do"):
                case "roles":
                    people.give_roles(session, user, request.form.getlist("roles"))
                    if service().settings.oidc_issuer:
                        people.link(session, user, text_of("oidc_subject", longest=255))
                case "disable" | "enable" as wanted:
                    people.shut(session, user, wanted == "disable")
                case "password":
                    fresh = (user.name, people.reset_password(session, user))
                case "sessions":
                    people.end_sessions(session, user)
                case "tokens":
                    people.revoke_tokens(session, user)
                case _:
                    raise Problem.of("E_INPUT")
    except Problem as problem:
        if problem.status != 409:
            raise
        return _page(status=409, error=str(problem.document["cause"]))
    if fresh is not None:
        return _page(fresh=fresh)
    flash(_("Done."), "ok")
    return _back()
