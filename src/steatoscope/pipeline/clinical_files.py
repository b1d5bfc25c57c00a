"""Clinical values from a file or a text: our JSON, a FHIR R4 Bundle, or CSV; told apart by content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from steatoscope.core.clinical_input import TWIN_TOLERANCE, clinical_unfit, parse_clinical
from steatoscope.core.errors import SteatoscopeError
from steatoscope.pipeline.clinical_dates import ClinicalRead
from steatoscope.pipeline.clinical_fhir import fhir_values
from steatoscope.pipeline.clinical_table import read_table

_YEARS = 1.5


def read_clinical(path: Path, subject: str | None = None) -> ClinicalRead:
    """Checked values (without the missing ones), remarks and days, from a file; ``subject`` picks the row of a table.

    Raises E_PATH, E_EMPTY, E_FORMAT and E_MIXED.
    """
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        raise unreadable("It is neither JSON nor a CSV table in UTF-8.", str(path)) from fault
    return clinical_from_text(text, str(path), subject)


def clinical_from_text(text: str, path: str | None, subject: str | None = None) -> ClinicalRead:
    """As :func:`read_clinical`, from the content."""
    if not text.strip():
        raise SteatoscopeError("E_EMPTY", path=path, cause="There are no clinical values in it.")
    if not text.lstrip().startswith(("{", "[")):
        values = read_table(text, path).row(subject)
        if values is None:
            raise clinical_unfit(f"the table has no row for the subject {subject}", path)
        return ClinicalRead(checked(values, path))
    try:
        document = json.loads(text, object_pairs_hook=_named_once)
    except (ValueError, RecursionError) as fault:
        raise unreadable(f"It is not valid JSON: {fault}.", path) from fault
    return clinical_from_document(document, path)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names differ: of two values of one name nobody knows which one counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)} stands twice")
    return found


def clinical_from_document(document: Any, path: str | None) -> ClinicalRead:
    """As :func:`read_clinical`, from a JSON value: an object of names and values, or a FHIR Bundle."""
    if not isinstance(document, dict):
        raise unreadable("It is JSON, but no object of names and values.", path)
    if "resourceType" not in document:
        return ClinicalRead(checked(document, path))
    read = fhir_values(document, path)
    return read._replace(values=checked(read.values, path))


def unreadable(cause: str, path: str | None) -> SteatoscopeError:
    """The error of content that holds no clinical values at all."""
    return SteatoscopeError(
        "E_FORMAT",
        path=path,
        message="The clinical values cannot be read.",
        cause=cause,
        remedy='Give a JSON object such as {"age_years": 52}, a FHIR R4 Bundle or a CSV table; '
        "'steatoscope schema clinical' prints the names.",
    )


def checked(values: dict[str, Any], path: str | None) -> dict[str, Any]:
    """Values that fit (see ``core.clinical_input``), without the missing ones."""
    return parse_clinical(values, path=path).model_dump(exclude_none=True)


def joined(*sources: dict[str, Any]) -> dict[str, Any]:
    """Checked values of several sources as one, the first that states a value first; raises E_FORMAT where they differ.

    Numbers may differ by 5 %, ages by a year and a half.
    """
    values: dict[str, Any] = {}
    for source in sources:
        for name, value in source.items():
            if name in values and _differ(name, values[name], value):
                raise clinical_unfit(f"{name}: {values[name]} and {value} contradict each other", None)
            values.setdefault(name, value)
    return values


def _differ(name: str, one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one[:1].upper() != other[:1].upper() if name == "sex" else one != other
    if isinstance(one, bool) or isinstance(other, bool):
        return one is not other
    return bool(abs(one - other) > (_YEARS if name == "age_years" else TWIN_TOLERANCE * abs(one)))
