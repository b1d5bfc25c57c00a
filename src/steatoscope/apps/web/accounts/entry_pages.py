"""Pages that open the door: first run, sign-in, sign-out."""

from __future__ import annotations

from flask import Response, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from steatoscope.apps.web import trail
from steatoscope.apps.web.accounts import first_run, signing
from steatoscope.apps.web.accounts.forms import is_ticked, password_of, text_of
from steatoscope.apps.web.accounts.pages import pages
from steatoscope.apps.web.context import NOBODY, principal, service
from steatoscope.apps.web.guard import public, signed_in
from steatoscope.apps.web.limits import GUESSES, address_key, limiter
from steatoscope.apps.web.live.preferences import safe_target


def guessed(response: Response) -> bool:
    """Whether an answer says that a guess was wrong."""
    return response.status_code in (401, 403)


@pages.route("/setup", methods=["GET", "POST"])
@public
@limiter.limit("30 per minute", methods=["POST"], key_func=address_key)
@limiter.limit(GUESSES, methods=["POST"], key_func=address_key, deduct_when=guessed)
def setup() -> ResponseReturnValue:
    """Make the first administrator with the code that the server printed."""
    with service().database.reading() as session:
        if first_run.has_users(session):
            return redirect(url_for("accounts.sign_in"))
    if request.method == "GET":
        return render_template("accounts/setup.html", error="", name="", code=request.args.get("code", "")[:40])
    return _set_up(text_of("name"), password_of("password"))


def _set_up(name: str, password: str) -> ResponseReturnValue:
    def again(error: str, status: int) -> ResponseReturnValue:
        return render_template("accounts/setup.html", error=error, name=name, code=text_of("code", longest=40)), status

    if not first_run.code_fits(service(), text_of("code")):
        with service().database.writing() as session:
            trail.note(session, "setup.try", outcome="refused", reason="wrong code")
        return again(_("The code is wrong. The server printed it when it started."), 403)
    if password != password_of("password_again"):
        return again(_("The two passwords differ."), 422)
    try:
        with service().database.writing() as session:
            user = first_run.make_first_admin(session, name, password, reads_scans=is_ticked("reads_scans"))
            if user is None:
                return redirect(url_for("accounts.sign_in"))
            trail.note(session, "user.add", "user", user.id, actor=user.name, roles=list(user.roles), first=True)
            signing.open_browser_session(session, user, way="setup")
    except ValueError as fault:
        return again(str(fault), 422)
    return redirect(safe_target("/"))


@pages.route("/sign-in", methods=["GET", "POST"])
@public
@limiter.limit("30 per minute", methods=["POST"], key_func=address_key)
@limiter.limit(GUESSES, methods=["POST"], key_func=address_key, deduct_when=guessed)
def sign_in() -> ResponseReturnValue:
    """Ask for name and password."""
    target = safe_target(request.values.get("next", ""))
    if request.method == "GET":
        with service().database.reading() as session:
            if not first_run.has_users(session):
                return redirect(url_for("accounts.setup"))
        if principal().user_id is not None:
            return redirect(target)
        return sign_in_page("", target)
    name = text_of("name", longest=80)
    if not signing.sign_in_with_password(name, password_of("password")):
        return sign_in_page(name, target, failed=True), 401
    return redirect(target)


def sign_in_page(name: str, target: str, *, failed: bool = False) -> str:
    """The page that asks for name and password."""
    by_provider = bool(service().settings.oidc_issuer)
    return render_template("accounts/sign_in.html", name=name, target=target, failed=failed, by_provider=by_provider)


@pages.post("/sign-out")
@signed_in
def sign_out() -> ResponseReturnValue:
    """End this browser's session."""
    with service().database.writing() as session:
        trail.note(session, "user.sign_out", "user", principal().user_id or "")
        signing.leave_session(session)
    g.principal = NOBODY
    flash(_("You are signed out."))
    return redirect(url_for("accounts.sign_in"))
