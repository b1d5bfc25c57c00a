"""The audit trail as views use it: who and from where come from the request."""

from __future__ import annotations

from typing import Any

from flask import request
from sqlalchemy.orm import Session

from steatoscope.apps.web.context import principal
from steatoscope.service.storage import audit


def note(
    session: Session,
    action: str,
    object_type: str = "",
    object_id: str = "",
    *,
    subject: str = "",
    outcome: str = "ok",
    actor: str | None = None,
    **details: Any,
) -> None:
    """Record an action in the transaction that makes it; ``actor`` is the principal's name where none is given."""
    audit.record(
        session,
        actor=principal().name if actor is None else actor,
        action=action,
        object_type=object_type,
        object_id=object_id,
        subject=subject,
        outcome=outcome,
        address=request.remote_addr or "",
        details=details,
    )
