"""One's own API tokens in the API."""

from __future__ import annotations

from datetime import datetime

from flask import Response, jsonify
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from steatoscope.apps.web.accounts.tokens import MOST_DAYS, make_token, own_tokens, revoke_own_token
from steatoscope.apps.web.context import service
from steatoscope.apps.web.guard import signed_in
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.tables_people import Token

api = APIBlueprint(
    "tokens_api", __name__, url_prefix="/api/v1", abp_tags=[Tag(name="tokens")], abp_security=[{"bearer": []}]
)


class TokenPath(BaseModel):
    """The token of an address."""

    token_id: str = Field(max_length=64)


class NewToken(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=80)
    scopes: list[Right] = Field(default=[], max_length=32, description="part of one's own rights; empty: all of them")
    days: int | None = Field(90, ge=1, le=MOST_DAYS, description="days until it expires; null: never")


class TokenDocument(BaseModel):
    """A token, without its secret."""

    id: str
    name: str
    scopes: list[str] = Field(description="rights; an empty list stands for all rights of the user")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenList(BaseModel):
    """One's own tokens, newest first."""

    tokens: list[TokenDocument]


class FreshToken(TokenDocument):
    """A new token with its secret, which is never shown again."""

    secret: str


def _described(token: Token) -> dict[str, object]:
    return {name: getattr(token, name) for name in TokenDocument.model_fields}


@api.get("/tokens", summary="One's own tokens", responses={200: TokenList})
@signed_in
def list_tokens() -> Response:
    """One's own tokens that are not revoked, newest first."""
    with service().database.reading() as session:
        documents = [_described(token) for token in own_tokens(session)]
    return jsonify(TokenList.model_validate({"tokens": documents}).model_dump(mode="json"))


@api.post("/tokens", summary="Make a token", responses={201: FreshToken})
@signed_in
def add_token(body: NewToken) -> tuple[Response, int]:
    """A new token with part of one's own rights. Only from a browser session: a token makes no tokens (403)."""
    with service().database.writing() as session:
        token, secret = make_token(session, body.name, body.scopes, body.days)
        document = FreshToken.model_validate({**_described(token), "secret": secret})
    return jsonify(document.model_dump(mode="json")), 201


@api.delete("/tokens/<token_id>", summary="Revoke a token", responses={204: None})
@signed_in
def revoke_token(path: TokenPath) -> tuple[str, int]:
    """End one of one's own tokens; with a token only that one itself."""
    with service().database.writing() as session:
        revoke_own_token(session, path.token_id)
    return "", 204
