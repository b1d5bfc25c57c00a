"""Geometry of charts in pixels of their own frame; ``templates/macros/charts.html`` draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from flask_babel import format_date, format_decimal, gettext

from steatoscope.pipeline.cohort_summary import Bin, Panel, Share
from steatoscope.pipeline.modality_agreement import AgreementGroup
from steatoscope.pipeline.timeline import Track, Visit
from steatoscope.science.clinical.grades import LABELS, profile_for_scale, profile_named

WIDTH: Final = 640.0
HEIGHT: Final = 320.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 16.0, 18.0, 44.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The plot's rectangle in pixels, with the ticks of both axes."""

    width: float
    height: float
    left: float
    top: float
    right: float
    bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with the ends of its interval (``y_low`` lies below ``y_high``'s pixel), what it says, where it leads."""

    x: float
    y: float
    y_low: float
    y_high: float
    title: str
    study_id: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line with words, and its band where it has an interval."""

    y: float
    label: str
    kind: str
    y_low: float | None = None
    y_high: float | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram."""

    x: float
    y: float
    width: float
    height: float
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Points:
    """Points in a frame, joined by ``path`` where that is not empty, with lines across."""

    frame: Frame
    marks: tuple[Mark, ...]
    path: str
    levels: tuple[Level, ...]
    diagonal: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars in a frame."""

    frame: Frame
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One share with its interval, all in percent of the row's width."""

    name: str
    share: Share
    at: float
    low: float
    high: float


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that cover ``low`` to ``high``."""
    span = high - low if high > low else 1.0
    raw = span / most
    unit = 10.0 ** math.floor(math.log10(raw))
    width = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw * (1 - 1e-9))
    first, last = math.floor(low / width + 1e-9), math.ceil(high / width - 1e-9)
    return [round(k * width, 10) for k in range(first, last + 1)]


def track_points(track: Track) -> Points:
    """A timeline: visits by date with their intervals, and the grade limits of the scale."""
    visits = track.visits
    days = [visit.on.toordinal() for visit in visits]
    limits = profile_named(profile_for_scale(track.scale, None)).limits
    top = max([visit.high for visit in visits] + [limits[0] * 1.1])
    low = min(0.0, *(visit.low for visit in visits))
    ys = steps(low, top)
    spare = max(7, (days[-1] - days[0]) // 20)
    x, y, frame = _frame((days[0] - spare, days[-1] + spare), (ys[0], ys[-1]), _day_ticks(days), ys)
    marks = tuple(
        Mark(
            x(day), y(visit.value), y(visit.low), y(visit.high),
            f"{_day_of(visit)}: {shown(visit.value)} % ({shown(visit.low)}–{shown(visit.high)} %)",
            visit.study_id,
        )
        for day, visit in zip(days, visits, strict=True)
    )  # fmt: skip
    levels = tuple(
        Level(y(limit), name, "limit") for limit, name in zip(limits, LABELS[1:], strict=True) if limit <= ys[-1]
    )
    return Points(frame, marks, _joined(marks), levels)


def _day_of(visit: Visit) -> str:
    return f"{format_date(visit.on)} ({gettext('uploaded')})" if visit.uploaded else str(format_date(visit.on))


def _day_ticks(days: Sequence[int]) -> list[tuple[float, str]]:
    """The first and the last day, and days between that keep their distance."""
    span = max(1, days[-1] - days[0])
    kept: list[int] = []
    for day in dict.fromkeys([days[0], days[-1], *days]):
        if all(abs(day - other) >= span / 5 for other in kept):
            kept.append(day)
    return [(float(day), format_date(date.fromordinal(day), "short")) for day in sorted(kept)]


def bars(histogram: Sequence[Bin]) -> Histogram | None:
    """Bars of a histogram of patients."""
    if not histogram:
        return None
    ys = steps(0, max(1, *(part.count for part in histogram)), 5)
    ys = [value for value in ys if value == int(value)]
    every = max(1, len(histogram) // 8)
    edges = [part.low for part in histogram][::every]
    ticks = [(edge, format_decimal(edge)) for edge in edges]
    x, y, frame = _frame((histogram[0].low, histogram[-1].high), (0.0, ys[-1]), ticks, ys)
    drawn = tuple(
        Bar(
            round(x(part.low) + 1, 2), y(part.count), round(x(part.high) - x(part.low) - 2, 2),
            round(y(0) - y(part.count), 2), f"{format_decimal(part.low)}–{format_decimal(part.high)} %", part.count,
        )
        for part in histogram
    )  # fmt: skip
    return Histogram(frame, drawn)


def prevalence_rows(panel: Panel) -> list[ShareRow]:
    """Steatosis and each grade as rows with intervals."""
    shares = {"steatosis": panel.whole.steatosis, **panel.grades}
    return [
        ShareRow(name, share, *(100.0 * v for v in (share.share, share.interval.low, share.interval.high)))
        for name, share in shares.items()
        if share.share is not None and share.interval is not None
    ]


def scatter(group: AgreementGroup) -> Points:
    """One modality against the other, with the line of equality."""
    xs, ys = [pair.x.value for pair in group.pairs], [pair.y.value for pair in group.pairs]
    ticks = steps(min(0.0, *xs, *ys), max(1.0, *xs, *ys))
    span = (ticks[0], ticks[-1])
    x, y, frame = _frame(span, span, [(v, format_decimal(v)) for v in ticks], ticks)
    marks = tuple(
        Mark(x(a), y(b), y(b), y(b), f"{pair.subject}: {shown(a)} % / {shown(b)} %")
        for pair, a, b in zip(group.pairs, xs, ys, strict=True)
    )
    return Points(frame, marks, "", (), (x(span[0]), y(span[0]), x(span[1]), y(span[1])))


def differences(group: AgreementGroup) -> Points | None:
    """Bland and Altman's plot: difference against mean, with bias and limits of agreement."""
    limits = group.limits
    if limits is None:
        return None
    means = [(pair.x.value + pair.y.value) / 2 for pair in group.pairs]
    gaps = [pair.x.value - pair.y.value for pair in group.pairs]
    lines = (
        ("bias", limits.bias, limits.bias_interval),
        ("limit", limits.low, limits.low_interval),
        ("limit", limits.high, limits.high_interval),
    )
    ends = [bound for _, _, interval in lines for bound in (interval.low, interval.high)]
    ys, xs = steps(min(0.0, *gaps, *ends), max(0.0, *gaps, *ends)), steps(min(0.0, *means), max(1.0, *means))
    x, y, frame = _frame((xs[0], xs[-1]), (ys[0], ys[-1]), [(v, format_decimal(v)) for v in xs], ys)
    marks = tuple(
        Mark(x(a), y(b), y(b), y(b), f"{pair.subject}: {shown(b)}")
        for pair, a, b in zip(group.pairs, means, gaps, strict=True)
    )
    levels = tuple(Level(y(at), shown(at), kind, y(ci.low), y(ci.high)) for kind, at, ci in lines)
    return Points(frame, marks, "", levels)


def shown(value: float) -> str:
    """A value in percent of fat as people write it."""
    return str(format_decimal(value, "0.0"))


def _frame(
    x_span: tuple[float, float],
    y_span: tuple[float, float],
    x_ticks: Sequence[tuple[float, str]],
    y_values: Sequence[float],
) -> tuple[Callable[[float], float], Callable[[float], float], Frame]:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    x, y = _scale(x_span, (_LEFT, right)), _scale(y_span, (bottom, _TOP))
    frame = Frame(
        WIDTH, HEIGHT, _LEFT, _TOP, right, bottom,
        tuple(Tick(x(value), label) for value, label in x_ticks),
        tuple(Tick(y(value), str(format_decimal(value))) for value in y_values),
    )  # fmt: skip
    return x, y, frame


def _scale(values: tuple[float, float], pixels: tuple[float, float]) -> Callable[[float], float]:
    (low, high), (start, end) = values, pixels
    span = high - low if high > low else 1.0
    return lambda value: round(start + (value - low) / span * (end - start), 2)


def _joined(marks: Sequence[Mark]) -> str:
    return " ".join(_commands(marks))


def _commands(marks: Sequence[Mark]) -> Iterator[str]:
    for index, mark in enumerate(marks):
        yield f"{'L' if index else 'M'}{mark.x:g} {mark.y:g}"
