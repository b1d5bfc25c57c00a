"""Models in the API: the catalogue, which one answers for which role, activating and rolling back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response, jsonify
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from steatoscope.apps.web import trail
from steatoscope.apps.web.admin.blueprints import api
from steatoscope.apps.web.admin.people import changing
from steatoscope.apps.web.context import principal, service
from steatoscope.apps.web.guard import allow
from steatoscope.apps.web.problems import Problem
from steatoscope.apps.wiring import model_roles
from steatoscope.service.access.rights import Right
from steatoscope.service.storage.configuration import model_history
from steatoscope.service.storage.tables_system import ModelActivation


class ModelPath(BaseModel):
    """The model of an address."""

    name: str = Field(max_length=64)


class RolePath(BaseModel):
    """The role of an address."""

    role: str = Field(max_length=64)


class Activation(BaseModel):
    """Which model is to answer for a role."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=64)
    note: str = Field("", max_length=200)


class ActivationDocument(BaseModel):
    """One activation: which model, since when, by whom."""

    role: str
    name: str
    sha256: str
    activated_at: datetime
    activated_by: str
    note: str


class ModelDocument(BaseModel):
    """One model of the catalogue."""

    name: str
    version: str
    modality: str
    task: str
    licence: str | None
    sha256: str | None
    size: int
    shipped: bool
    verified: bool = Field(description="every file has the hash that was recorded")
    faults: dict[str, str]


class ModelCard(ModelDocument):
    """One model with its card and what it was trained on, in short."""

    card: str
    training: dict[str, Any]


class RoleDocument(BaseModel):
    """One role of an analysis."""

    role: str
    active: str = Field(description="the model that answers")
    since: ActivationDocument | None = Field(description="null where the shipped model was never changed")
    candidates: list[str]


class ModelList(BaseModel):
    """The catalogue and the roles."""

    models: list[ModelDocument]
    roles: list[RoleDocument]


class History(BaseModel):
    """All activations of a role, newest first."""

    history: list[ActivationDocument]


def catalogue() -> list[dict[str, Any]]:
    """All models, each verified now."""
    from steatoscope.learning.catalogue import list_models, verify_models

    results = {result["name"]: result for result in verify_models()}
    return [
        {
            **{key: entry.get(key) for key in ("name", "modality", "task", "licence", "sha256", "size", "shipped")},
            "version": str(entry["version"]),
            "verified": results[entry["name"]]["ok"],
            "faults": results[entry["name"]]["faults"],
        }
        for entry in list_models()
    ]


def described(row: ModelActivation | None) -> dict[str, Any] | None:
    """An activation as a document."""
    return None if row is None else {name: getattr(row, name) for name in ActivationDocument.model_fields}


def roles(session: Session) -> list[dict[str, Any]]:
    """All roles as documents."""
    return [
        {
            "role": state.role,
            "active": state.active,
            "since": described(state.since),
            "candidates": list(state.candidates),
        }
        for state in model_roles.role_states(session)
    ]


def card_of(name: str) -> dict[str, Any]:
    """One model with its card; 404 where there is none."""
    from steatoscope.learning.catalogue import show_model

    try:
        entry = show_model(name)
    except KeyError:
        raise Problem.of("E_NOTFOUND") from None
    known = next(model for model in catalogue() if model["name"] == name)
    return {**known, "card": entry["card"], "training": entry["training"]}


def activate(session: Session, role: str, name: str, note: str) -> ModelActivation:
    """Let a model answer for a role, with an entry in the trail; 404 for an unknown role."""
    try:
        row = model_roles.activate(session, role, name, principal().name, note)
    except KeyError:
        raise Problem.of("E_NOTFOUND") from None
    trail.note(session, "model.activate", "model", row.name, role=role, sha256=row.sha256)
    return row


def roll_back(session: Session, role: str) -> ModelActivation:
    """Let the model before answer again, with an entry in the trail; 404 for an unknown role."""
    try:
        row = model_roles.roll_back(session, role, principal().name)
    except KeyError:
        raise Problem.of("E_NOTFOUND") from None
    trail.note(session, "model.roll_back", "model", row.name, role=role, sha256=row.sha256)
    return row


@api.get("/models", summary="Models and roles", responses={200: ModelList})
@allow(Right.MODELS)
def list_models() -> Response:
    """The catalogue, each model verified, and which one answers for which role."""
    with service().database.reading() as session:
        document = ModelList.model_validate({"models": catalogue(), "roles": roles(session)})
    return jsonify(document.model_dump(mode="json"))


@api.get("/models/<name>", summary="One model with its card", responses={200: ModelCard})
@allow(Right.MODELS)
def one_model(path: ModelPath) -> Response:
    """One model: its card, its figures and what it was trained on."""
    return jsonify(ModelCard.model_validate(card_of(path.name)).model_dump(mode="json"))


@api.get("/model-roles/<role>/history", summary="Activations of a role", responses={200: History})
@allow(Right.MODELS)
def role_history(path: RolePath) -> Response:
    """All activations of a role, newest first."""
    if path.role not in model_roles.ROLES:
        raise Problem.of("E_NOTFOUND")
    with service().database.reading() as session:
        rows = [described(row) for row in model_history(session, path.role)]
    return jsonify(History.model_validate({"history": rows}).model_dump(mode="json"))


@api.post("/model-roles/<role>/activate", summary="Activate a model", responses={200: ActivationDocument})
@allow(Right.MODELS)
def activate_model(path: RolePath, body: Activation) -> Response:
    """Let a model answer for a role from the next analysis on; it must fit and be whole (else 409)."""
    with changing() as session:
        document = described(activate(session, path.role, body.name, body.note))
    return jsonify(ActivationDocument.model_validate(document).model_dump(mode="json"))


@api.post("/model-roles/<role>/roll-back", summary="Roll a role back", responses={200: ActivationDocument})
@allow(Right.MODELS)
def roll_back_model(path: RolePath) -> Response:
    """Let the model that answered before answer again; 409 where there was no other."""
    with changing() as session:
        document = described(roll_back(session, path.role))
    return jsonify(ActivationDocument.model_validate(document).model_dump(mode="json"))
