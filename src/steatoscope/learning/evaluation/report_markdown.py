"""A benchmark as Markdown: results with intervals, what they mean, notes and cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.evaluation.report_rows import GLOSSARY, Table, result_table, words

RESEARCH_USE: Final = "Research use. Not a diagnosis: a qualified clinician reviews every result."
QUICK: Final = "Quick run: a small configuration that shows that everything runs; its figures mean nothing."
_MOST_CASES: Final = 60


def markdown(document: Mapping[str, Any], evidence: Evidence | None = None) -> str:
    """The document as Markdown: one table of results, intervals at 0.95 in brackets."""
    table = result_table(document["results"])
    parts = [
        f"# Benchmark {document['name']}",
        RESEARCH_USE,
        facts(document),
        _results(table),
        _notes(table, evidence or Evidence()),
        _cases(document.get("cases", ())),
        _environment(document.get("environment", {})),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def facts(document: Mapping[str, Any]) -> str:
    """What was scored, in one paragraph; a quick run says what its figures are worth."""
    subjects, images = (_count(document[f"n_{what}s"], what) for what in ("subject", "image"))
    counts = f"{subjects}, {images}, {document['left_out']} left out."
    quick = f" {QUICK}" if document.get("configuration", {}).get("quick") else ""
    return f"Data: {document['data']}. {counts}".replace("..", ".") + quick


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _results(table: Table) -> str:
    lines = [f"| | {' | '.join(map(_safe, table.metrics))} |", "|---" * (len(table.metrics) + 1) + "|"]
    for row in table.rows:
        cells = (f"{c.value} ({c.interval})" if c.interval else c.value for c in row.cells)
        lines.append(f"| {_safe(row.name)} | {' | '.join(map(_safe, cells))} |")
    return "\n".join(lines)


def _notes(table: Table, evidence: Evidence) -> str:
    known = [f"- `{metric}`: {GLOSSARY[metric]}" for metric in table.metrics if metric in GLOSSARY]
    return "\n".join([*known, *(f"- {note}" for note in evidence.notes)])


def _cases(cases: Sequence[Mapping[str, Any]]) -> str:
    if not cases:
        return ""
    columns = list(dict.fromkeys(key for case in cases for key in case))
    lines = ["## Cases", "", f"| {' | '.join(map(_safe, columns))} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(_safe(words(case.get(c))) for c in columns)} |" for case in cases[:_MOST_CASES]]
    rest = len(cases) - _MOST_CASES
    return "\n".join([*lines, *([f"\nand {rest} more in benchmark.json."] if rest > 0 else [])])


def _environment(environment: Mapping[str, Any]) -> str:
    return "Environment: " + ", ".join(f"{k} {words(v)}" for k, v in environment.items()) if environment else ""


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
