"""What the estimate rests on, as bars: from a start through what each feature adds to the value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from steatoscope.core.report import ExplanationPart, Report
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
from steatoscope.service.report.formatting import clip, feature_value, fixed, signed
from steatoscope.service.report.wording import feature_label

ADDS: Final = "#c8553d"
TAKES: Final = "#3f7fae"
MOST_BARS: Final = 10
OTHERS: Final = "all_others"
READ_THERE: Final = ("liver_against_cortex", "network_cortex")
DOUBTFUL: Final = " (places doubtful)"
_LEAST_REST: Final = 0.05
_WIDTH_IN: Final = 6.8
_LABELS_IN: Final = 3.75
_ROW_IN: Final = 0.24


@dataclass(frozen=True, slots=True)
class Step:
    """One bar from ``low`` to ``low + points``, in points of fat; ``feature`` is its name, ``value`` in words."""

    feature: str
    label: str
    value: str
    start: float
    points: float


def report_steps(report: Report) -> tuple[Step, ...]:
    """The bars of a report; what was read at places that its own outlines contradict, or poorly, says so."""
    value = report.fat.value_percent if report.fat is not None else None
    steps = steps_of(report.explanation, value)
    doubtful = any(
        part.name.startswith("hepatorenal") and part.value is not None and part.quality == "poor"
        for part in report.measurements
    )
    return tuple(
        replace(step, label=f"{step.label}{DOUBTFUL}") if doubtful and step.feature in READ_THERE else step
        for step in steps
    )


def steps_of(explanation: ExplanationPart | None, value_percent: float | None) -> tuple[Step, ...]:
    """The bars, strongest first: from the start on where there is one, else each from 0.

    What is beyond the ten strongest, or lacks of the reported value, is one bar of its own.
    """
    parts = explanation.contributions if explanation else []
    ranked = sorted(parts, key=lambda part: -abs(part.effect_points))
    bars = [(p.feature, feature_value(p.feature, p.value), p.effect_points) for p in ranked[:MOST_BARS]]
    if explanation is None or explanation.start is None:
        return tuple(Step(name, feature_label(name), value, 0.0, points) for name, value, points in bars)
    place = explanation.start.value_percent
    rest = sum(part.effect_points for part in ranked[MOST_BARS:])
    if value_percent is not None:
        rest = value_percent - place - sum(points for _, _, points in bars)
    if bars and abs(rest) >= _LEAST_REST:
        bars.append((OTHERS, "", rest))
    steps = []
    for name, value, points in bars:
        steps.append(Step(name, feature_label(name), value, place, points))
        place += points
    return tuple(steps)


def render_contributions(report: Report) -> bytes | None:
    """The bars as a PNG, None where there are none: a waterfall from the start to the value where there is a start."""
    steps = report_steps(report)
    if not steps or report.explanation is None:
        return None
    start = report.explanation.start
    rows = len(steps) + (2 if start is not None else 0)
    figure = new_figure(_WIDTH_IN, round(_ROW_IN * rows + 0.8, 2))
    axes = scale_axis(axes_inches(figure, _LABELS_IN, 0.6, _WIDTH_IN - _LABELS_IN - 0.2, _ROW_IN * rows))
    low, high = _span(steps, waterfall=start is not None)
    axes.set_xlim(low, high)
    axes.set_ylim(-0.6, rows - 0.4)
    for place, step in enumerate(steps):
        _draw_step(axes, rows - 1 - place - (1 if start is not None else 0), step)
    if start is None:
        axes.axvline(0.0, color=INK, linewidth=0.8)
        text = "Points of fat added (right) or taken away (left)"
    else:
        end = steps[-1].start + steps[-1].points
        _draw_end(axes, rows - 1, "Start", start.value_percent)
        _draw_end(axes, 0, "This patient", end)
        text = f"Fat, %. Start: {clip(start.text, 160)}."
    _tell(figure, text)
    return png_bytes(figure)


def _span(steps: tuple[Step, ...], *, waterfall: bool) -> tuple[float, float]:
    """The axis with room for the numbers beside the bars; about 0 where the bars start there."""
    ends = [end for step in steps for end in (step.start, step.start + step.points)]
    if not waterfall:
        reach = 1.4 * max(map(abs, ends)) or 1.0
        return -reach, reach
    low, high = min(ends), max(ends)
    room = 0.2 * max(high - low, 1.0)
    return low - room, high + room


def _draw_step(axes: Any, row: int, step: Step) -> None:
    end = step.start + step.points
    axes.barh(row, step.points, left=step.start, height=0.62, color=ADDS if step.points > 0 else TAKES)
    axes.plot([end, end], [row - 1.0, row + 0.31], color=MUTED, linewidth=0.6)
    side = "left" if step.points >= 0 else "right"
    words(axes, end, row, f"  {signed(step.points)}  ", va="center", ha=side, fontsize=8)
    name = f"{step.label}: {step.value}" if step.value else step.label
    _label(axes, row, name)


def _draw_end(axes: Any, row: int, name: str, value: float) -> None:
    axes.plot([value], [row], marker="D", markersize=6, color=ACCENT if name == "Start" else INK, clip_on=False)
    words(axes, value, row, f"   {fixed(value)} % ", va="center", ha="left", fontsize=8, fontweight="bold")
    _label(axes, row, name, fontweight="bold")


def _label(axes: Any, row: int, text: str, **style: Any) -> None:
    axes.text(-0.015, row, text, transform=axes.get_yaxis_transform(), va="center", ha="right", fontsize=8,
              color=INK, parse_math=False, **style)  # fmt: skip


def _tell(figure: Any, text: str) -> None:
    figure_words(figure, 0.15, 0.1, text, fontsize=8, color=MUTED)
