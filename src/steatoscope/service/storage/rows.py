"""Rows as plain JSON, the same on every database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from steatoscope.service.storage.base import Base


def plain(value: Any) -> Any:
    """A column's value as JSON has it: points in time in UTC and dates by ISO 8601, all else as it is."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return value


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's columns as JSON has them."""
    return {name: plain(value) for name, value in row.items()}


def as_document(item: Base) -> dict[str, Any]:
    """The columns of a mapped object as JSON has them."""
    return {name: plain(getattr(item, name)) for name in item.__table__.columns.keys()}  # noqa: SIM118
