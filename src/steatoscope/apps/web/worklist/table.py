"""The pseudonymised table of studies: the columns of a cohort, guarded against formulas, never an identity."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from steatoscope.core.report import SCHEMA
from steatoscope.pipeline.cohort import COLUMNS, result_row
from steatoscope.service.storage.study_filter import is_simulated
from steatoscope.service.storage.study_lists import ExportedStudy

NOTICE: Final = "Research and decision support, not a diagnosis: a qualified clinician reviews every result."
_BEFORE: Final = (
    ("study", "", "Identifier of the study in this installation"),
    ("state", "", "queued, running, done, refused, failed or cancelled"),
    ("month", "", "Month of acquisition, or of upload where that is not known; the day is left out"),
    ("month_of", "", "acquired, or uploaded where the images name no day: then the month says nothing of the scan"),
    ("result_version", "", "Number of the newest result of the study; version is that of the software"),
    ("outline_corrected", "", "yes where a person corrected the outline that the result was measured in"),
    ("simulated", "", "yes where the images are simulated: never mix with real ones"),
)
_AFTER: Final = (
    ("review", "", "Sign-off of the newest version: agree, amend or disagree"),
    ("reviewed_grade", "", "Grade that the clinician gave instead"),
    ("notice", "", "How the values may be used"),
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_CONTROL: Final = {code: None for code in range(32) if chr(code) not in "\t\n\r"}


@cache
def column_names() -> tuple[str, ...]:
    """Names of all columns, in order."""
    return tuple(row["column"] for row in dictionary())


def dictionary() -> list[dict[str, str]]:
    """One row a column: name, unit (UCUM) and meaning."""
    all_columns = [*_BEFORE, *((name, unit, text) for name, unit, text, _ in COLUMNS), *_AFTER]
    return [{"column": name, "unit": unit, "meaning": text} for name, unit, text in all_columns]


def row_of(study: ExportedStudy) -> dict[str, Any]:
    """One row of the table; a study without a result has its state and nothing else. Missing values are None."""
    report = study.report or {}
    # a result from before, or none: figures only of a document that this version knows
    measured = result_row(report, path="", study="") if report.get("schema") == SCHEMA else {}
    simulated = is_simulated(report.get("quality", {}).get("codes")) if report else None
    return {
        **{name: measured.get(name) for name in column_names()},
        "study": study.study_id,
        "subject": study.subject,
        "modality": study.modality,
        "error_code": measured.get("error_code") or study.failure,
        "state": study.state,
        "month": study.day.strftime("%Y-%m"),
        "month_of": "acquired" if study.dated else "uploaded",
        "result_version": study.version,
        "outline_corrected": None if study.kind is None else ("yes" if study.kind == "corrected" else "no"),
        "simulated": None if simulated is None else ("yes" if simulated else "no"),
        "review": study.review,
        "reviewed_grade": study.reviewed_grade,
        "notice": NOTICE,
    }


def guarded(value: Any) -> Any:
    """A value that a spreadsheet takes as what it is: text that looks like a formula gets an apostrophe in front."""
    if not isinstance(value, str):
        return value
    text = value.translate(_CONTROL)
    return f"'{text}" if text.startswith(_FORMULA) else text


def guarded_row(row: Mapping[str, Any]) -> list[Any]:
    """The cells of a row in the order of the columns."""
    return [guarded(row.get(name)) for name in column_names()]
