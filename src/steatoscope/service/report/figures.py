"""The report's grade scale: value, interval and the probability of each grade."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from steatoscope.core.report import FatPart, GradePart, Report
from steatoscope.service.report.canvas import (
    ACCENT,
    INK,
    MUTED,
    PAPER,
    axes_inches,
    bare,
    figure_words,
    new_figure,
    png_bytes,
    scale_axis,
    words,
)
from steatoscope.service.report.formatting import compact, fixed, share
from steatoscope.service.report.wording import GRADE_CODES, GRADES, SHORT_SCALES

GRADE_COLOURS: Final = ("#d7e6f2", "#9cc3de", "#f3b562", "#c8553d")
_WIDTH_IN: Final = 6.8
_SIDE_IN: Final = 0.15


def render_grade_scale(report: Report) -> bytes | None:
    """The value with its interval on the scale of grades, and the probability of each grade; None without a grade."""
    if report.fat is None or report.grade is None:
        return None
    figure = new_figure(_WIDTH_IN, 2.2)
    _draw_scale(figure, report.fat, report.grade)
    _draw_probabilities(figure, report.grade)
    return png_bytes(figure)


def scale_end(fat: FatPart, limits: Sequence[float]) -> float:
    """Where the grade scale ends in percent: 100 on the histology scale, else far enough to show limits and value."""
    if fat.scale == "histology":
        return 100.0
    return float(min(100.0, np.ceil(max(limits[-1] * 1.6, fat.interval.high * 1.1, fat.value_percent * 1.1) / 5) * 5))


def _draw_scale(figure: Any, fat: FatPart, grade: GradePart) -> None:
    end = scale_end(fat, grade.limits)
    axes = scale_axis(axes_inches(figure, _SIDE_IN, 1.2, _WIDTH_IN - 2 * _SIDE_IN, 0.95))
    edges = [0.0, *grade.limits, end]
    for index, (low, high) in enumerate(pairwise(edges)):
        axes.barh(0.0, high - low, left=low, height=0.5, color=GRADE_COLOURS[index], edgecolor=PAPER, linewidth=1.0)
        code = tuple(GRADE_CODES.values())[index]
        light = index == 3
        words(axes, (low + high) / 2, 0.0, code, ha="center", va="center", color=PAPER if light else INK)
    _draw_value(axes, fat, end)
    axes.set_xlim(0.0, end)
    axes.set_ylim(-0.25, 1.15)
    ticks = [0.0, *grade.limits, end]
    axes.set_xticks(ticks, labels=[compact(tick) for tick in ticks])
    words(axes, end / 2, -0.62, SHORT_SCALES[fat.scale], ha="center", va="top", fontsize=8, color=MUTED)


def _draw_value(axes: Any, fat: FatPart, end: float) -> None:
    value, low, high = (float(np.clip(v, 0.0, end)) for v in (fat.value_percent, fat.interval.low, fat.interval.high))
    axes.plot([low, high], [0.5, 0.5], color=ACCENT, linewidth=3.0, solid_capstyle="butt", clip_on=False)
    for edge in (low, high):
        axes.plot([edge, edge], [0.4, 0.6], color=ACCENT, linewidth=1.5, clip_on=False)
    axes.plot([value, value], [-0.25, 0.5], color=INK, linewidth=1.2, clip_on=False)
    axes.plot([value], [0.5], marker="D", markersize=7, color=INK, clip_on=False)
    side = "left" if value < 0.25 * end else "right" if value > 0.75 * end else "center"
    text = f"{fixed(min(max(fat.value_percent, 0.0), 100.0))} %  ({share(fat.interval.level)} interval drawn)"
    words(axes, value, 0.78, text, ha=side, fontweight="bold")


def _draw_probabilities(figure: Any, grade: GradePart) -> None:
    figure_words(figure, _SIDE_IN, 0.62, "Probability of each grade", fontsize=8, color=MUTED)
    cell = (_WIDTH_IN - 2 * _SIDE_IN) / len(GRADES)
    axes = bare(axes_inches(figure, _SIDE_IN, 0.0, _WIDTH_IN - 2 * _SIDE_IN, 0.55))
    length = cell - 0.15
    for index, (label, name) in enumerate(GRADES.items()):
        start, probability = index * cell, grade.probabilities.get(label, 0.0)
        axes.barh(0.0, length, left=start, height=0.42, color="#eef1f4")
        bar = {"color": GRADE_COLOURS[index], "edgecolor": MUTED, "linewidth": 0.6}
        axes.barh(0.0, probability * length, left=start, height=0.42, **bar)
        weight = "bold" if label in grade.set else "normal"
        words(axes, start, 0.36, name, va="bottom", fontsize=8.5, fontweight=weight)
        words(axes, start + length, 0.36, share(probability), va="bottom", ha="right", fontsize=8.5, fontweight=weight)
    axes.set_xlim(0.0, _WIDTH_IN - 2 * _SIDE_IN)
    axes.set_ylim(-0.3, 0.8)
