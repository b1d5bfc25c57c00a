"""Accounts in the API."""

from __future__ import annotations

from datetime import datetime

from flask import Response, jsonify
from pydantic import BaseModel, ConfigDict, Field

from steatoscope.apps.web.admin import people
from steatoscope.apps.web.admin.blueprints import api
from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import allow
from steatoscope.service.access.rights import Right, Role
from steatoscope.service.storage import users as accounts


class UserPath(BaseModel):
    """The account of an address."""

    user_id: str = Field(max_length=64)


class NewUser(BaseModel):
    """An account to be made."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,79}$")
    roles: list[Role] = Field(min_length=1, max_length=8)
    oidc_subject: str = Field("", max_length=255, description="subject at the identity provider, where there is one")


class UserChange(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    roles: list[Role] | None = Field(None, min_length=1, max_length=8)
    disabled: bool | None = None
    oidc_subject: str | None = Field(None, max_length=255)


class UserDocument(BaseModel):
    """An account."""

    id: str
    name: str
    roles: list[str]
    disabled: bool
    locked: bool
    must_change_password: bool
    oidc_subject: str | None
    created_at: datetime
    last_login_at: datetime | None
    sessions: int = Field(description="open browser sessions")
    tokens: int = Field(description="API tokens that are not revoked")


class UserList(BaseModel):
    """All accounts by name."""

    users: list[UserDocument]


class FreshPassword(BaseModel):
    """An account with its new password, which is never shown again."""

    user: UserDocument
    password: str


class Count(BaseModel):
    """How many were ended."""

    count: int


@api.get("/users", summary="List of accounts", responses={200: UserList})
@allow(Right.USERS)
def list_accounts() -> Response:
    """All accounts by name."""
    with service().database.reading() as session:
        documents = people.described(session, accounts.list_users(session))
    return jsonify(UserList.model_validate({"users": documents}).model_dump(mode="json"))


@api.post("/users", summary="Add an account", responses={201: FreshPassword})
@allow(Right.USERS)
def add_account(body: NewUser) -> tuple[Response, int]:
    """A new account with a random password, which must be changed at the first sign-in."""
    with people.changing() as session:
        user, password = people.add(session, body.name, body.roles, body.oidc_subject)
        document = people.described(session, [user])[0]
    return jsonify(FreshPassword.model_validate({"user": document, "password": password}).model_dump(mode="json")), 201


@api.get("/users/<user_id>", summary="One account", responses={200: UserDocument})
@allow(Right.USERS)
def one_account(path: UserPath) -> Response:
    """One account."""
    with service().database.reading() as session:
        return _document(people.described(session, [people.found(session, path.user_id)])[0])


@api.patch("/users/<user_id>", summary="Change an account", responses={200: UserDocument})
@allow(Right.USERS)
def change_account(path: UserPath, body: UserChange) -> Response:
    """Other roles, disabled or enabled, tied to a subject of the identity provider. The last administrator stays."""
    with people.changing() as session:
        user = people.found(session, path.user_id)
        if body.roles is not None:
            people.give_roles(session, user, body.roles)
        if body.disabled is not None:
            people.shut(session, user, body.disabled)
        if body.oidc_subject is not None:
            people.link(session, user, body.oidc_subject)
        return _document(people.described(session, [user])[0])


@api.post("/users/<user_id>/password", summary="Reset a password", responses={200: FreshPassword})
@allow(Right.USERS)
def reset_account(path: UserPath) -> Response:
    """A new random password, which must be changed at the next sign-in; all sessions end."""
    with people.changing() as session:
        user = people.found(session, path.user_id)
        password = people.reset_password(session, user)
        document = people.described(session, [user])[0]
    return jsonify(FreshPassword.model_validate({"user": document, "password": password}).model_dump(mode="json"))


@api.delete("/users/<user_id>/sessions", summary="End an account's sessions", responses={200: Count})
@allow(Right.USERS)
def end_account_sessions(path: UserPath) -> Response:
    """End all browser sessions of an account."""
    with people.changing() as session:
        return jsonify({"count": people.end_sessions(session, people.found(session, path.user_id))})


@api.delete("/users/<user_id>/tokens", summary="Revoke an account's tokens", responses={200: Count})
@allow(Right.USERS)
def revoke_account_tokens(path: UserPath) -> Response:
    """Revoke all API tokens of an account."""
    with people.changing() as session:
        return jsonify({"count": people.revoke_tokens(session, people.found(session, path.user_id))})


def _document(document: object) -> Response:
    return jsonify(UserDocument.model_validate(document).model_dump(mode="json"))
