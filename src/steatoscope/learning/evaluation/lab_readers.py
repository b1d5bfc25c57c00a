"""A reader study read from a CSV: ``case,subject,reader,grade`` and, where it is known, ``truth``."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation.report_rows import words
from steatoscope.science.clinical.grades import LABELS
from steatoscope.science.metrics.readers import NONE, Consensus, Readings, reader_study

COLUMNS: Final = ("case", "subject", "reader", "grade")
_MESSAGES: Final = {
    "E_LABEL": "A grade in the reader table is wrong.",
    "E_ANNOTATION": "The reader table lacks something or contradicts itself.",
}
_SHOWN: Final = ("cases", "agreement", "kappa", "kappa_linear", "kappa_quadratic")
Row = Mapping[str, str]


def read_readings(path: Path, labels: Sequence[str] = LABELS) -> Readings:
    """The study of a file; grades are names of ``labels`` in order, or their numbers from 0.

    Raises E_PATH, E_EMPTY, E_FORMAT for what is no table, E_ANNOTATION for a missing column or entry, a case of two
    subjects and a reader who graded a case twice, E_LABEL for a grade that is none of the labels and for two truths.
    """
    rows = list(_rows(path))
    cases = list(dict.fromkeys(row["case"] for row in rows))
    readers = tuple(sorted({row["reader"] for row in rows}))
    places = {case: number for number, case in enumerate(cases)}
    grades = np.full((len(cases), len(readers)), NONE, dtype=np.intp)
    subjects: dict[str, str] = {}
    truth: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        case, column = row["case"], readers.index(row["reader"])
        if subjects.setdefault(case, row["subject"]) != row["subject"]:
            raise _fault("E_ANNOTATION", path, line, f"The case {case} is of two subjects.")
        if grades[places[case], column] != NONE:
            raise _fault("E_ANNOTATION", path, line, f"{row['reader']} graded the case {case} twice.")
        grades[places[case], column] = _grade(row["grade"], labels, path, line)
        if row.get("truth") and truth.setdefault(case, _grade(row["truth"], labels, path, line)) != _grade(
            row["truth"], labels, path, line
        ):
            raise _fault("E_LABEL", path, line, f"The case {case} has two truths.")
    known = None if not truth else np.array([truth.get(case, NONE) for case in cases], dtype=np.intp)
    return Readings(grades, np.array([subjects[case] for case in cases]), readers, len(labels), known)


def study_document(
    path: Path,
    *,
    model: str | None = None,
    how: Consensus = "majority",
    labels: Sequence[str] = LABELS,
    seed: int = 0,
    resamples: int = 1000,
) -> dict[str, Any]:
    """The whole study of a file, JSON-ready; ``model`` names the reader that is a model.

    Raises as :func:`read_readings`, and E_ANNOTATION where no reader has the model's name.
    """
    readings = read_readings(path, labels)
    if model is not None and model not in readings.readers:
        cause = f"No reader is called {model}; there are {', '.join(readings.readers)}."
        raise SteatoscopeError("E_ANNOTATION", path=str(path), cause=cause)
    found = reader_study(readings, model=model, how=how, seed=seed, resamples=resamples)
    counts = {"cases": len(readings.subjects), "subjects": len(set(readings.subjects.tolist()))}
    return {"file": path.name, **counts, "readers": list(readings.readers), "labels": list(labels), **found}


def study_table(study: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Rows of a study for a page: a name, then cases, agreement and the three kappas in words."""
    rows = [*study["pairs"].items(), *((f"{k} and truth", v) for k, v in study.get("truth", {}).items())]
    rows += study.get("model", {}).items()
    return [(name, [with_interval(row, metric) for metric in _SHOWN]) for name, row in rows]


def with_interval(row: Mapping[str, Any], metric: str) -> str:
    """A figure in words, its interval in brackets where it has one."""
    span = row.get(f"{metric}_ci")
    return words(row.get(metric)) + (f" ({words(span[0])} to {words(span[1])})" if span else "")


def _rows(path: Path) -> Iterator[Row]:
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path))
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if lacking:
                raise _fault("E_ANNOTATION", path, 1, f"There is no column {', '.join(lacking)}.")
            rows = [{k: (v or "").strip() for k, v in row.items() if isinstance(k, str)} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise SteatoscopeError(
            "E_FORMAT",
            path=str(path),
            message="The reader table cannot be read.",
            cause="It is not a CSV table in UTF-8 text.",
            remedy="Save the table as CSV in UTF-8.",
        ) from fault
    if not rows:
        raise SteatoscopeError("E_EMPTY", path=str(path), cause="The table has no rows.")
    for line, row in enumerate(rows, start=2):
        empty = [name for name in COLUMNS if not row[name]]
        if empty:
            raise _fault("E_ANNOTATION", path, line, f"The {empty[0]} is empty.")
    yield from rows


def _grade(text: str, labels: Sequence[str], path: Path, line: int) -> int:
    if text in labels:
        return list(labels).index(text)
    if text.isdecimal() and int(text) < len(labels):
        return int(text)
    raise _fault("E_LABEL", path, line, f"'{text}' is none of {', '.join(labels)} or their numbers from 0.")


def _fault(code: str, path: Path, line: int, cause: str) -> SteatoscopeError:
    return SteatoscopeError(
        code,
        path=str(path),
        message=_MESSAGES[code],
        cause=f"Line {line}: {cause}",
        remedy="Correct the line, or take the case out of the table.",
    )
