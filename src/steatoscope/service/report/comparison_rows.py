"""Rows of the tables that compare: quantities beside their references, and the change since earlier reports."""

from __future__ import annotations

from steatoscope.core.report import BaselineItem, ChangePart, Report
from steatoscope.service.report.baseline_strips import quantity_label, standing_text, value_text
from steatoscope.service.report.change_figure import slope_words
from steatoscope.service.report.discretion import Discretion
from steatoscope.service.report.formatting import compact, fixed, signed

Rows = tuple[tuple[str, ...], ...]


def baseline_rows(report: Report, say: Discretion) -> Rows:
    """Quantity, value, standing, end of the healthy range with its source, and what the comparison rests on."""
    items = report.baseline.items if report.baseline and report.fat else []
    return tuple(_item(item, say) for item in items)


def _item(item: BaselineItem, say: Discretion) -> tuple[str, ...]:
    limit = "–"
    if item.upper_limit is not None:
        limit = f"{compact(float(f'{item.upper_limit:.4g}'))}: {item.upper_limit_source or ''}".rstrip(": ")
    more = (
        [f"{compact(value)}: {source}" for value, source in item.limits[1:]]
        if not item.quantity.startswith("liver_volume")
        else []
    )
    others = f" Other limits: {'; '.join(more)}." if more and item.upper_limit is not None else ""
    if item.upper_limit is None and item.limits:
        others = f" Limits: {'; '.join(f'{compact(value)}: {source}' for value, source in item.limits)}."
    told = f"{item.text}{others}"
    return quantity_label(item.quantity), value_text(item), standing_text(item), say(limit), say(told)


def change_rows(part: ChangePart, say: Discretion) -> Rows:
    """The change in words and figures, with the slope and what else differs between the visits."""
    rows = [
        ("Verdict", say(part.verdict)),
        ("Difference", _points(part.delta_points, with_sign=True)),
        ("Relative change", "–" if part.relative_percent is None else f"{signed(part.relative_percent)} %"),
        ("Repeatability coefficient of the method", _points(part.repeatability_points)),
    ]
    if part.certain_points is not None:
        rows.append(("Called a change only above", _points(part.certain_points)))
    if part.basis:
        rows.append(("Basis of the repeatability", say(part.basis)))
    if part.slope is not None:
        rows.append(("Trend", say(slope_words(part.slope))))
    rows += [("Caution", say(words)) for words in part.cautions]
    return (*rows, ("Earlier report", say(part.previous)))


def _points(value: float | None, *, with_sign: bool = False) -> str:
    if value is None:
        return "–"
    return f"{signed(value) if with_sign else fixed(value)} points of fat"
