"""The audit trail as files: JSON lines (exact, the chain can be checked again) and CSV (for reading)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from steatoscope.service.storage.tables_system import AuditEntry


def json_lines(documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One line of JSON for each entry."""
    for document in documents:
        yield json.dumps(document, sort_keys=True, ensure_ascii=False) + "\n"


def csv_lines(documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A header and one line for each entry; what a spreadsheet would take for a formula is led by an apostrophe."""
    columns = list(AuditEntry.__table__.columns.keys())
    yield _line(columns)
    for document in documents:
        yield _line([_cell(document[name]) for name in columns])


def _cell(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
