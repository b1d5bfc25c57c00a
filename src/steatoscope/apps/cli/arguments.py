"""Command-line arguments that click does not parse by itself."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from steatoscope.core.errors import SteatoscopeError, UsageError

if TYPE_CHECKING:
    from steatoscope.pipeline.clinical_dates import ClinicalRead
    from steatoscope.science.clinical.combined import CombinedModel
    from steatoscope.science.clinical.site_reference import SiteReference

_NO_REPORT: Final = "The file is not an earlier report."
_ANOTHER: Final = "Give the report.json of an earlier analysis."


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
    """An earlier report from a file; raises E_FORMAT where the JSON is not a report of this schema.

    A content that does not match its own digest, or has none, is marked under ``ALTERED``, and follow-up does not
    compare it. The digest is of the stored document itself, so that reports of other minor versions match theirs.
    """
    from steatoscope.core.report import SCHEMA, report_digest
    from steatoscope.pipeline.follow_up import ALTERED

    document = read_json(path)
    if document.get("schema") != SCHEMA:
        raise SteatoscopeError(
            "E_FORMAT",
            path=str(path),
            message=_NO_REPORT,
            cause=f"It is not a {SCHEMA} document.",
            remedy=_ANOTHER,
        )
    document.pop(ALTERED, None)
    _check_report(document, path)
    provenance = document.get("provenance")
    kept = provenance.get("report_digest") if isinstance(provenance, dict) else None
    marked = document if kept == report_digest(document) else {**document, ALTERED: True}
    return _with_day(marked, path)


def _check_report(document: dict[str, Any], path: Path) -> None:
    """Refuse a report whose values cannot be read; fields of another version may be more or, outside of fat, fewer."""
    from pydantic import ValidationError

    from steatoscope.core.report import Report

    try:
        Report.model_validate(document)
    except ValidationError as fault:
        for error in fault.errors(include_url=False, include_context=False):
            place, kind = error["loc"], error["type"]
            if kind == "extra_forbidden" or (kind == "missing" and (place[0] != "fat" or len(place) == 1)):
                continue
            raise SteatoscopeError(
                "E_FORMAT",
                path=str(path),
                message=_NO_REPORT,
                cause=f"{'.'.join(str(step) for step in place)}: {error['msg']}.",
                remedy=_ANOTHER,
            ) from fault


def _with_day(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """The report with its day of acquisition, where the manifest beside it belongs to it and names one."""
    try:
        manifest = json.loads((path.parent / "manifest.json").read_text(encoding="utf-8"))
        same = manifest["report_digest"] == document["provenance"]["report_digest"]
        day = str(manifest["source"]["acquired"]) if same else ""
    except (OSError, ValueError, KeyError, TypeError):
        day = ""
    return {**document, "acquired": day} if day else document


def chosen_baseline(path: Path | None) -> SiteReference | None:
    """The healthy reference of ``--baseline``, else of ``STEATOSCOPE_BASELINE``; None where neither is given."""
    named = path or (Path(given) if (given := os.environ.get("STEATOSCOPE_BASELINE")) else None)
    if named is None:
        return None
    from steatoscope.pipeline.baseline_file import read_baseline

    return read_baseline(named)


def chosen_clinical(path: Path | None, subject: str | None) -> ClinicalRead:
    """Values, remarks and days of ``--clinical``, of the named subject where it is a table; empty for no path."""
    from steatoscope.pipeline.clinical_dates import ClinicalRead, remarks_told

    if path is None:
        return ClinicalRead({})
    from steatoscope.apps.cli.output import note
    from steatoscope.pipeline.clinical_files import read_clinical

    read = read_clinical(path, subject)
    for remark in remarks_told(read):
        note(remark)
    return read


def chosen_clinical_model(path: Path | None) -> CombinedModel | None:
    """The combined model of ``--clinical-model``, else of ``STEATOSCOPE_CLINICAL_MODEL``; None where neither is given.

    Without one the model that goes with the product answers.
    """
    named = path or (Path(given) if (given := os.environ.get("STEATOSCOPE_CLINICAL_MODEL")) else None)
    if named is None:
        return None
    from steatoscope.pipeline.clinical_model import read_model

    return read_model(named)
