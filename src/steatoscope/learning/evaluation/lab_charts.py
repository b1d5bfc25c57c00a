"""One chart for each benchmark of the laboratory page: rows as dots with their intervals, as plain SVG geometry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from steatoscope.learning.evaluation.checklist_facts import is_published, metrics_of, model_rows
from steatoscope.learning.evaluation.report_rows import is_number, role_of, words

_PREFERRED: Final = ("auc", "rmse_percent", "mae_percent", "macro_auc", "accuracy_4", "macro_f1", "liver_dice", "dice")
WIDTH, LEFT, RIGHT, STEP, TOP = 720, 300, 70, 24, 12
_NAME: Final = 44


@dataclass(frozen=True, slots=True)
class Dot:
    """One row of a chart in pixels: its place, the ends of its interval (None: no interval), and its value in words."""

    name: str
    role: str
    x: float
    y: float
    low: float | None
    high: float | None
    value: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric by row; ``ticks`` are (x, words)."""

    metric: str
    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]
    width: int
    height: int
    left: int


def chart_of(document: Mapping[str, Any]) -> Chart | None:
    """The chart of the metric that most says what a benchmark is about; None where fewer than two rows have one.

    A model has it, and as many of the baselines, controls and published rows as any metric has.
    """
    results, known = document["results"], metrics_of(document)
    having = {m: [name for name, row in results.items() if is_number(row.get(m))] for m in known}
    models = set(model_rows(document))

    def worth(metric: str) -> tuple[bool, int]:
        others = sum(name not in models for name in having[metric])
        return others < len(having[metric]), others

    ordered = [m for m in (*_PREFERRED, *(m for m in known if m not in _PREFERRED)) if len(having.get(m, ())) > 1]
    metric = max(ordered, key=worth, default=None)
    return None if metric is None else _chart(metric, {name: results[name] for name in having[metric]})


def _chart(metric: str, rows: Mapping[str, Mapping[str, Any]]) -> Chart:
    spans = {name: _span(row, metric) for name, row in rows.items()}
    ends = [float(rows[name][metric]) for name in rows] + [end for span in spans.values() if span for end in span]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low) or 0.5
    low, high = low - room, high + room

    def place(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    dots = []
    for number, (name, row) in enumerate(rows.items()):
        span = spans[name]
        low_x, high_x = (None, None) if span is None else (place(span[0]), place(span[1]))
        role = "published" if is_published(name) else role_of(name)
        y = TOP + STEP * (number + 0.5)
        dots.append(Dot(_short(name), role, place(float(row[metric])), y, low_x, high_x, words(row[metric])))
    ticks = tuple((place(value), f"{value:.3g}") for value in (low + (high - low) * k / 4 for k in range(5)))
    return Chart(metric, tuple(dots), ticks, WIDTH, TOP + STEP * len(dots) + 26, LEFT)


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def _span(row: Mapping[str, Any], metric: str) -> tuple[float, float] | None:
    span = row.get(f"{metric}_ci")
    whole = isinstance(span, list | tuple) and len(span) == 2 and all(map(is_number, span))
    return (float(span[0]), float(span[1])) if whole and span else None
