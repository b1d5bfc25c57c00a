"""Places and sizes of the small charts on the result page, drawn by the template as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from steatoscope.core.report import Report
from steatoscope.service.report.contributions_figure import report_steps
from steatoscope.service.report.formatting import compact, share, signed
from steatoscope.service.report.wording import GRADE_CODES

WIDTH: Final = 340.0
_PLOT: Final = (300.0, 560.0)


@dataclass(frozen=True, slots=True)
class Part:
    """One grade on the scale: its name, where it lies, its probability and whether the grade set holds it."""

    label: str
    code: str
    x: float
    width: float
    probability: float
    words: str
    kept: bool


@dataclass(frozen=True, slots=True)
class GradeScale:
    """Value and interval on the scale of grades."""

    parts: tuple[Part, ...]
    ticks: tuple[tuple[float, str], ...]
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bar:
    """How many points of fat a feature added: its words and its bar."""

    name: str
    value: str
    points: str
    x: float
    width: float
    adds: bool


def grade_scale(report: Report) -> GradeScale | None:
    """The scale of grades with the value on it; None without a grade."""
    fat, grade = report.fat, report.grade
    if fat is None or grade is None:
        return None
    from steatoscope.service.report.figures import scale_end

    end = scale_end(fat, grade.limits)
    edges = [0.0, *grade.limits, end]

    def place(percent: float) -> float:
        return round(WIDTH * min(max(percent / end, 0.0), 1.0), 2)

    parts = tuple(
        Part(
            label=label,
            code=code,
            x=place(low),
            width=round(place(high) - place(low), 2),
            probability=grade.probabilities.get(label, 0.0),
            words=share(grade.probabilities.get(label, 0.0)),
            kept=label in grade.set,
        )
        for (label, code), (low, high) in zip(GRADE_CODES.items(), pairwise(edges), strict=True)
    )
    ticks = tuple((place(edge), compact(edge)) for edge in edges)
    return GradeScale(parts, ticks, place(fat.value_percent), place(fat.interval.low), place(fat.interval.high))


def contribution_bars(report: Report) -> tuple[Bar, ...]:
    """The strongest contributions, strongest first: from the start to the value, or each from the middle."""
    steps = report_steps(report)
    ends = [end for step in steps for end in (step.start, step.start + step.points)]
    low, high = (min(ends), max(ends)) if has_start(report) and ends else _about_zero(ends)
    scale = (_PLOT[1] - _PLOT[0]) / max(high - low, 1e-9)
    bars = []
    for step in steps:
        width = max(scale * abs(step.points), 1.0)
        x = min(_PLOT[0] + scale * (min(step.start, step.start + step.points) - low), _PLOT[1] - width)
        adds = step.points >= 0
        bars.append(Bar(step.label, step.value, signed(step.points), round(x, 2), round(width, 2), adds))
    return tuple(bars)


def has_start(report: Report) -> bool:
    """Whether the contributions go on from a start."""
    return report.explanation is not None and report.explanation.start is not None


def _about_zero(ends: list[float]) -> tuple[float, float]:
    reach = max(map(abs, ends), default=0.0) or 1.0
    return -reach, reach
