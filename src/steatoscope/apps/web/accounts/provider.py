"""Signing in by an identity provider: OpenID Connect, authorization code with PKCE, state and nonce, by Authlib.

The provider only says who somebody is. Accounts and roles are the administrators': nobody gets an account this way.
"""

from __future__ import annotations

from typing import Any, Final

from flask import Flask, current_app, redirect, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.accounts import signing
from steatoscope.apps.web.accounts.entry_pages import guessed, sign_in_page
from steatoscope.apps.web.accounts.pages import pages
from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import public
from steatoscope.apps.web.limits import GUESSES, address_key, limiter
from steatoscope.apps.web.live.preferences import safe_target
from steatoscope.apps.web.problems import Problem
from steatoscope.service.access.rights import Role
from steatoscope.service.storage import users
from steatoscope.service.storage.tables_people import User

_KEY: Final = "steatoscope.provider"
_TARGET: Final = "provider_target"
_WAIT_S: Final = 10


def _client() -> Any:
    """The registered client; a 404 where no provider is set."""
    app, settings = current_app, service().settings
    if not settings.oidc_issuer:
        raise Problem.of("E_NOTFOUND")
    if _KEY not in app.extensions:
        app.extensions[_KEY] = _registered(app, settings.oidc_issuer)
    return app.extensions[_KEY]


def _registered(app: Flask, issuer: str) -> Any:
    from authlib.integrations.flask_client import OAuth

    settings = service().settings
    return OAuth(app).register(
        "provider",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret or None,
        server_metadata_url=issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile", "code_challenge_method": "S256", "default_timeout": _WAIT_S},
    )


@pages.get("/sign-in/provider")
@public
@limiter.limit("30 per minute", key_func=address_key)
def provider_start() -> ResponseReturnValue:
    """Send the browser to the provider."""
    client = _client()
    cookie[_TARGET] = safe_target(request.args.get("next", "/"))
    try:
        answer: ResponseReturnValue = client.authorize_redirect(url_for("accounts.provider_back", _external=True))
    except Exception as fault:
        raise Problem.of("E_BUSY", cause="The identity provider does not answer.") from fault
    return answer


@pages.get("/sign-in/provider/back")
@public
@limiter.limit(GUESSES, key_func=address_key, deduct_when=guessed)
def provider_back() -> ResponseReturnValue:
    """The browser comes back with a code: fetch and check the identity token, then sign its user in."""
    client, target = _client(), safe_target(cookie.get(_TARGET, "/"))
    try:
        claims = client.authorize_access_token().get("userinfo") or {}
        fits = client.load_server_metadata().get("issuer", "").rstrip("/") == service().settings.oidc_issuer.rstrip("/")
    except Exception as fault:
        return _refused(target, type(fault).__name__)
    subject = str(claims.get("sub") or "")[:255]
    if not subject or not fits:
        return _refused(target, "no subject" if fits else "another issuer")
    with service().database.writing() as session:
        user = _user_of(session, subject, str(claims.get("preferred_username") or ""))
        if user is not None and not user.disabled:
            signing.open_browser_session(session, user, way="provider")
            return redirect(target)
    return _refused(target, "no account" if user is None else "disabled")


def _refused(target: str, reason: str) -> ResponseReturnValue:
    with service().database.writing() as session:
        trail.note(session, "user.sign_in", outcome="refused", way="provider", reason=reason)
    return sign_in_page("", target, failed=True), 401


def _user_of(session: Session, subject: str, name: str) -> User | None:
    """The account tied to a subject; else one of that name, which is tied now.

    A name is a weaker proof than a subject: administrators, and accounts tied already, are never found by it. The
    first password, which an administrator has seen, ends with the tie where it was not changed yet.
    """
    tied = session.scalars(select(User).where(User.oidc_subject == subject)).first()
    if tied is not None:
        return tied
    user = users.user_named(session, name) if name else None
    if user is None or user.oidc_subject is not None or user.disabled or Role.ADMIN in user.roles:
        return None
    user.oidc_subject = subject
    if user.must_change_password:
        user.password_hash, user.must_change_password = None, False
    session.flush()
    trail.note(session, "user.link", "user", user.id, actor=user.name, name=user.name, linked=True)
    return user
