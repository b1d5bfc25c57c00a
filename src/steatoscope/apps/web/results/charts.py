"""Places and sizes of the small charts on the result page, drawn by the template as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from steatoscope.core.report import Report
from steatoscope.service.report.formatting import compact, share, signed
from steatoscope.service.report.wording import GRADE_CODES, feature_label

WIDTH: Final = 340.0
_MOST_BARS: Final = 10
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
    """The strongest contributions, strongest first."""
    found = report.explanation.contributions if report.explanation else []
    found = sorted(found, key=lambda part: -abs(part.effect_points))[:_MOST_BARS]
    reach = max((abs(part.effect_points) for part in found), default=0.0) or 1.0
    middle, half = sum(_PLOT) / 2, (_PLOT[1] - _PLOT[0]) / 2
    bars = []
    for part in found:
        width = half * abs(part.effect_points) / reach
        adds = part.effect_points >= 0
        x = middle if adds else middle - width
        value = compact(float(f"{part.value:.3g}"))
        points = signed(part.effect_points)
        bars.append(Bar(feature_label(part.feature), value, points, round(x, 2), round(max(width, 1.0), 2), adds))
    return tuple(bars)
