"""The follow-up picture: the values of all visits with the line through them and what its slope may be."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from steatoscope.core.report import Report, SlopePart
from steatoscope.service.report.canvas import (
    ACCENT,
    INK,
    MUTED,
    axes_inches,
    figure_words,
    new_figure,
    png_bytes,
    scale_axis,
    words,
)
from steatoscope.service.report.formatting import compact, fixed, share, signed

_WIDTH_IN: Final = 6.8
_BAND: Final = "#dbe8f1"


def render_change(report: Report) -> bytes | None:
    """Values by years since the first visit with line and interval of the slope, as a PNG; None without a slope."""
    slope = report.change.slope if report.change else None
    if slope is None or report.fat is None or len(slope.years) < 2:
        return None
    figure = new_figure(_WIDTH_IN, 2.3)
    axes = scale_axis(axes_inches(figure, 0.55, 0.72, _WIDTH_IN - 0.75, 1.4))
    _draw(axes, slope)
    figure_words(figure, 0.55, 0.36, "years since the first visit", fontsize=8, color=MUTED)
    figure_words(figure, 0.15, 0.1, slope_words(slope), fontsize=8.5)
    figure_words(figure, 0.15, 2.14, "Fat, %", fontsize=8, color=MUTED)
    return png_bytes(figure)


def slope_words(slope: SlopePart) -> str:
    """The slope with interval and verdict in one sentence."""
    span = slope.interval
    return (
        f"{signed(slope.points_per_year)} points a year ({share(span.level)} interval {signed(span.low)} to "
        f"{signed(span.high)}) over {slope.visits} visits: {slope.verdict}."
    )


def _draw(axes: Any, slope: SlopePart) -> None:
    years, values = np.array(slope.years), np.array(slope.values_percent)
    centre, middle = float(years.mean()), float(values.mean())
    ends = np.array([years.min(), years.max()])
    rates = (slope.interval.low, slope.points_per_year, slope.interval.high)
    low, line, high = (middle + rate * (ends - centre) for rate in rates)
    bottom = min(0.0, float(values.min()))
    top = 1.15 * max(float(values.max()), float(line.max()), 1.0)
    axes.fill_between(ends, np.minimum(low, high), np.maximum(low, high), color=_BAND, linewidth=0)
    axes.plot(ends, line, color=ACCENT, linewidth=1.4)
    axes.plot(years, values, color=INK, marker="o", markersize=5, linewidth=0)
    spare = 0.04 * max(float(np.ptp(years)), 1e-3)
    axes.set_xlim(float(ends[0]) - spare, float(ends[1]) + spare)
    axes.set_ylim(bottom, top)
    for year, value in zip(slope.years, slope.values_percent, strict=True):
        above = value >= middle + slope.points_per_year * (year - centre)
        gap = (0.06 if above else -0.06) * (top - bottom)
        words(axes, year, value + gap, fixed(value), ha="center", va="bottom" if above else "top", fontsize=7.5)
    ticks = sorted({float(slope.years[0]), float(slope.years[-1]), *slope.years})
    kept = [tick for i, tick in enumerate(ticks) if i in (0, len(ticks) - 1) or tick - ticks[0] > 0.08 * ticks[-1]]
    axes.set_xticks(kept, labels=[compact(round(tick, 2)) for tick in kept])
