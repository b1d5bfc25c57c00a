"""Settings that administrators change while the service runs, and which model answers for each role."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steatoscope.service.storage.base import now
from steatoscope.service.storage.tables_system import ModelActivation, Setting


def get_setting(session: Session, key: str, default: Any = None) -> Any:
    """The value of a setting (anything JSON can hold), or the default."""
    row = session.get(Setting, key)
    return default if row is None else row.value["value"]


def set_setting(session: Session, key: str, value: Any, by: str) -> None:
    """Set a setting; ``by`` is who did it."""
    row = session.get(Setting, key)
    if row is None:
        session.add(Setting(key=key, value={"value": value}, updated_by=by))
    else:
        row.value, row.updated_at, row.updated_by = {"value": value}, now(), by
    session.flush()


def active_models(session: Session) -> dict[str, ModelActivation]:
    """The activation in force for each role that has one."""
    order = func.row_number().over(
        partition_by=ModelActivation.role, order_by=(ModelActivation.activated_at.desc(), ModelActivation.id.desc())
    )
    ranked = select(ModelActivation.id, order.label("place")).subquery()
    query = select(ModelActivation).join(ranked, ranked.c.id == ModelActivation.id).where(ranked.c.place == 1)
    return {row.role: row for row in session.scalars(query)}


def activate_model(session: Session, role: str, name: str, sha256: str, by: str, note: str = "") -> ModelActivation:
    """Let a model answer for a role from now on."""
    row = ModelActivation(
        role=role, name=name, sha256=sha256, activated_at=_later(session, role), activated_by=by, note=note[:200]
    )
    session.add(row)
    session.flush()
    return row


def _later(session: Session, role: str) -> Any:
    """Now, or just after the newest activation where the clock has gone back."""
    from datetime import timedelta

    newest = session.scalar(select(func.max(ModelActivation.activated_at)).where(ModelActivation.role == role))
    return now() if newest is None else max(now(), newest + timedelta(microseconds=1))


def roll_back_model(session: Session, role: str, by: str) -> ModelActivation:
    """Activate what answered for a role before the model in force; adds a row, the history is never rewritten.

    Rolling back twice returns to where one was. Raises ValueError where nothing different was active before.
    """
    history = model_history(session, role)
    current = (history[0].name, history[0].sha256) if history else None
    for row in history[1:]:
        if (row.name, row.sha256) != current:
            return activate_model(session, role, row.name, row.sha256, by, "rolled back")
    raise ValueError(f"no earlier model of {role} to go back to")


def model_history(session: Session, role: str) -> list[ModelActivation]:
    """All activations for a role, newest first."""
    query = select(ModelActivation).where(ModelActivation.role == role)
    return list(session.scalars(query.order_by(ModelActivation.activated_at.desc(), ModelActivation.id.desc())))
