"""A ``benchmark.json`` read from a file: what is none, or is damaged, is E_FORMAT with the place of the damage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation.lab_run import BENCHMARK
from steatoscope.learning.evaluation.report import REQUIRED
from steatoscope.learning.evaluation.report_rows import GLOSSARY, SHARES, is_number

_COUNTS: Final = ("n_subjects", "n_images", "left_out", "n_tested")
_KINDS: Final[Mapping[str, tuple[type, str]]] = {
    "name": (str, "text"),
    "data": (str, "text"),
    "results": (dict, "an object"),
    "manifest": (dict, "an object"),
    "run": (dict, "an object"),
    "recipe": (dict, "an object"),
    "configuration": (dict, "an object"),
    "environment": (dict, "an object"),
    "notes": (list, "a list"),
    "failures": (list, "a list"),
    "cases": (list, "a list"),
}


def read_document(path: Path) -> dict[str, Any]:
    """The document of a file, parts that are null left out. Raises E_FORMAT for what no benchmark writes."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as fault:
        raise _fault(path, "It is not JSON in UTF-8 text.") from fault
    except (OSError, ValueError, RecursionError) as fault:
        raise _fault(path, f"It is not whole JSON: {fault}.") from fault
    if not isinstance(document, dict):
        raise _fault(path, "It is no benchmark document: it is no JSON object.")
    document = {key: value for key, value in document.items() if value is not None}
    missing = [key for key in REQUIRED if key not in document]
    if missing:
        raise _fault(path, f"It is no benchmark document: it has no {', '.join(missing)}.")
    wrong = _wrong_part(document) or _wrong_figure(document["results"])
    if wrong:
        raise _fault(path, f"{wrong}.")
    return document


def _wrong_part(document: Mapping[str, Any]) -> str | None:
    for key, (kind, words) in _KINDS.items():
        if key in document and not isinstance(document[key], kind):
            return f"{key} is not {words}"
    for key in _COUNTS:
        count = document.get(key, 0)
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            return f"{key} is not a count: {_short(count)}"
    if not document["name"].strip():
        return "name is empty"
    model = document.get("model")
    return "model has no name" if isinstance(model, dict) and "name" not in model else None


def _wrong_figure(results: Mapping[str, Any]) -> str | None:
    for row, figures in results.items():
        if not isinstance(figures, dict):
            return f"results: the row '{row}' is not an object"
    numbers = {m for figures in results.values() for m, value in figures.items() if is_number(value)} | set(GLOSSARY)
    for row, figures in results.items():
        for metric, value in figures.items():
            wrong = _wrong_value(metric, value, metric in numbers)
            if wrong:
                return f"results: {metric} of '{row}' is {wrong}: {_short(value)}"
    return None


def _wrong_value(metric: str, value: Any, numeric: bool) -> str | None:
    """What is wrong with one figure; a column of words, such as a unit, may hold words."""
    if value is None:
        return None
    if metric.endswith("_ci"):
        whole = isinstance(value, list) and len(value) == 2 and all(one is None or is_number(one) for one in value)
        return None if whole else "not an interval of two numbers"
    if not is_number(value):
        return "not a number" if numeric or isinstance(value, float) else None
    return "no share between 0 and 1" if metric in SHARES and not 0.0 <= value <= 1.0 else None


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:60]


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _fault(path: Path, cause: str) -> SteatoscopeError:
    return SteatoscopeError(
        "E_FORMAT",
        path=str(path),
        message="The benchmark document cannot be read.",
        cause=cause,
        remedy=f"Copy {BENCHMARK} again from where the benchmark wrote it, or run the benchmark again.",
    )
