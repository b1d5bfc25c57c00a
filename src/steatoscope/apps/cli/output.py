"""What commands print: one JSON document on stdout, everything else on stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click


def emit(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def error_document(code: str, message: str, cause: str, remedy: str, path: str | None = None) -> dict[str, Any]:
    """The contract's error document for faults outside the catalogue (usage, internal)."""
    return {"error": {"code": code, "message": message, "cause": cause, "remedy": remedy, "path": path}}


def note(text: str) -> None:
    """Tell a person something, on stderr."""
    click.echo(text, err=True)


def say(text: str, *, as_json: bool) -> None:
    """Print a line for a person on stdout; silent in JSON mode."""
    if not as_json:
        click.echo(text)
