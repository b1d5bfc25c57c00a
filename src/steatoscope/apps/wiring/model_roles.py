"""Which models can answer for which role of an analysis, and which one does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy.orm import Session

from steatoscope.apps.wiring.models import chosen_model
from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.catalogue import list_models, verify_models
from steatoscope.service.storage import configuration
from steatoscope.service.storage.tables_system import ModelActivation

ROLES: Final[Mapping[str, tuple[frozenset[str], str]]] = MappingProxyType(
    {
        "us-steatosis": (frozenset({"grader", "first", "regions"}), "US"),
        "us-segmenter": (frozenset({"segmenter"}), "US"),
        "us-localiser": (frozenset({"detector"}), "US"),
        "ct-segmenter": (frozenset({"segmenter"}), "CT"),
        "ct-localiser": (frozenset({"detector", "slices"}), "CT"),
        "mr-segmenter": (frozenset({"segmenter"}), "MR"),
    }
)
"""Roles by the name of the shipped model that fills each by default: kinds of model that fit, and the modality."""


@dataclass(frozen=True, slots=True)
class RoleState:
    """One role: the model in force, since when and by whom (None: the shipped one from the start), who could be."""

    role: str
    active: str
    since: ModelActivation | None
    candidates: tuple[str, ...]


def role_states(session: Session) -> list[RoleState]:
    """All roles with the model in force and the models that fit."""
    fitting: dict[str, list[str]] = {role: [] for role in ROLES}
    for entry in list_models():
        for role in _roles_of(entry):
            fitting[role].append(str(entry["name"]))
    active = configuration.active_models(session)
    return [
        RoleState(role, active[role].name if role in active else role, active.get(role), tuple(fitting[role]))
        for role in ROLES
    ]


def _roles_of(entry: Mapping[str, Any]) -> list[str]:
    try:
        chosen = chosen_model(str(entry["name"]))
    except (UsageError, SteatoscopeError):
        return []
    return [role for role, (kinds, modality) in ROLES.items() if chosen.role in kinds and chosen.modality == modality]


def activate(session: Session, role: str, name: str, by: str, note: str = "") -> ModelActivation:
    """Let a model answer for a role. Raises KeyError for an unknown role, ValueError where the model cannot."""
    if role not in ROLES:
        raise KeyError(role)
    entry = next((entry for entry in list_models() if entry["name"] == name), None)
    if entry is None:
        raise ValueError(f"there is no model {name!r}")
    if role not in _roles_of(entry):
        raise ValueError(f"the model {name!r} cannot answer for {role}")
    verified = next(result for result in verify_models() if result["name"] == name)
    if not verified["ok"]:
        raise ValueError(f"the model {name!r} is damaged: {', '.join(sorted(verified['faults']))}")
    return configuration.activate_model(session, role, name, str(verified["sha256"]), by, note)


def roll_back(session: Session, role: str, by: str) -> ModelActivation:
    """Let answer again what answered before: an earlier activation, or the shipped model that was there first.

    Raises KeyError for an unknown role, ValueError where nothing else was ever active.
    """
    if role not in ROLES:
        raise KeyError(role)
    history = configuration.model_history(session, role)
    if len({(row.name, row.sha256) for row in history}) == 1 and history[0].name != role:
        return activate(session, role, role, by, "rolled back to the shipped model")
    return configuration.roll_back_model(session, role, by)
