"""Makes the OpenAPI document true for what every operation shares: refusals are error documents."""

from __future__ import annotations

from typing import Any, Final

from flask_openapi3 import APIBlueprint, OpenAPI
from pydantic import BaseModel

_SHARED: Final = {
    "400": "The request cannot be read",
    "401": "No valid session or token",
    "403": "Not allowed with these rights",
    "404": "No such object",
    "405": "No such method here",
    "409": "The object has moved on",
    "413": "Too large",
    "415": "No media type that this address takes",
    "422": "A field is missing or wrong, or the upload is no readable scan",
    "429": "Too many requests; see Retry-After",
    "503": "A part of the service does not answer",
}


class ErrorDetail(BaseModel):
    """A refusal: what happened, why, and what helps."""

    code: str
    message: str
    cause: str | None = None
    remedy: str | None = None
    path: str | None = None


class ErrorDocument(BaseModel):
    """What every refused request is answered with."""

    error: ErrorDetail


def complete_document(app: OpenAPI) -> dict[str, Any]:
    """The OpenAPI document of the application with the shared refusals added to each operation."""
    _merge_paths(app)
    document: dict[str, Any] = app.api_doc
    schema = {"$ref": f"#/components/schemas/{ErrorDocument.__name__}"}
    for item in document["paths"].values():
        for operation in item.values():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            for status, words in _SHARED.items():
                known = operation["responses"].get(status)
                if known is None or known.get("content", {}).get("application/json", {}).get("schema") != schema:
                    operation["responses"][status] = {
                        "description": (known or {}).get("description") or words,
                        "content": {"application/json": {"schema": schema}},
                    }
    return document


def _merge_paths(app: OpenAPI) -> None:
    """Put together the methods of one address that several blueprints serve; the last one alone would win.

    Raises ValueError where two blueprints describe different things under one name.
    """
    schemas: dict[str, Any] = {}
    for blueprint in app.blueprints.values():
        if not isinstance(blueprint, APIBlueprint):
            continue
        for path, item in blueprint.paths.items():
            merged = app.paths[path] = app.paths[path].model_copy()
            for name in item.model_fields_set:
                setattr(merged, name, getattr(item, name))
        for name, schema in blueprint.components_schemas.items():
            if schemas.setdefault(name, schema) != schema:
                raise ValueError(f"two different descriptions are named {name}")
