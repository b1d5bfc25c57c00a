"""Command-line arguments that click does not parse by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.report import SCHEMA


def gather_previous(arguments: Sequence[str]) -> list[str]:
    """Let one ``--previous`` take several report files: each following ``*.json`` gets the option of its own."""
    result: list[str] = []
    following = False
    for position, argument in enumerate(arguments):
        if following and argument.endswith(".json") and arguments[position - 1] != "--previous":
            result.append("--previous")
        following = argument == "--previous" or (following and argument.endswith(".json"))
        result.append(argument)
    return result


def parse_views(values: Sequence[str]) -> dict[str, Path]:
    """``NAME=PATH`` pairs as a mapping; raises UsageError for anything else."""
    views: dict[str, Path] = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not separator or not name or not path:
            raise UsageError(f"--view takes NAME=PATH, not {value!r}")
        if name in views:
            raise UsageError(f"--view names {name} twice")
        views[name] = Path(path)
    return views


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; raises the coded input errors."""
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path))
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise SteatoscopeError("E_FORMAT", path=str(path), cause=f"It is not valid JSON: {fault}.") from fault
    if not isinstance(document, dict):
        raise SteatoscopeError("E_FORMAT", path=str(path), cause="It is not a JSON object.")
    return document


def read_report(path: Path) -> dict[str, Any]:
    """An earlier report from a file; raises E_FORMAT where the JSON is not a report of this schema."""
    document = read_json(path)
    if document.get("schema") != SCHEMA:
        raise SteatoscopeError(
            "E_FORMAT",
            path=str(path),
            message="The file is not an earlier report.",
            cause=f"It is not a {SCHEMA} document.",
            remedy="Give the report.json of an earlier analysis.",
        )
    return document
