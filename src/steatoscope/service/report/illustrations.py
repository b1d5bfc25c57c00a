"""Which pictures and charts a report shows, with their captions and the words for those who cannot see them."""

from __future__ import annotations

from dataclasses import dataclass

from steatoscope.core.report import Report
from steatoscope.pipeline.outcome import Picture
from steatoscope.service.report.baseline_figure import render_baseline
from steatoscope.service.report.change_figure import render_change, slope_words
from steatoscope.service.report.content import present
from steatoscope.service.report.contributions_figure import render_contributions, report_steps
from steatoscope.service.report.figures import render_grade_scale
from steatoscope.service.report.formatting import clip, fixed, share, signed
from steatoscope.service.report.overlay import Panel, panels_of


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as PNG with its key ("grade", "baseline", "change", "contributions"), alternative text and caption."""

    key: str
    png: bytes
    alt: str
    caption: str


def charts(report: Report) -> tuple[Chart, ...]:
    """The charts that the report's parts allow, in order of reading."""
    drawn = (
        ("grade", render_grade_scale(report), _grade_words(report), "Value and interval on the scale of grades."),
        ("baseline", render_baseline(report), _baseline_words(report), "Comparison with the reference population."),
        ("change", render_change(report), _change_words(report), "Fat over the visits, with the slope's interval."),
        ("contributions", render_contributions(report), _contribution_words(report), "What the estimate rests on."),
    )
    return tuple(Chart(key, png, alt, caption) for key, png, alt, caption in drawn if png is not None)


def panels_shown(report: Report, picture: Picture) -> tuple[Panel, ...]:
    """The panels that a report shows of a picture: no map where the analysis is refused."""
    found = panels_of(picture)
    return found if report.error is None else tuple(panel for panel in found if panel != "heat")


def picture_caption(picture: Picture, panel: Panel) -> str:
    """What a panel shows, in words."""
    if panel == "plain":
        stand = "shown in radiological orientation" if any(picture.flip) else "as acquired"
        return f"Image {stand}, windowed for display."
    if panel == "heat":
        low, high = picture.heat_range
        return f"{clip(picture.heat_title) or 'Local map'}, colours from {low:g} to {high:g}."
    organs = [name for name in ("liver", "spleen", "kidney") if getattr(picture, name) is not None]
    regions = len(picture.boxes)
    outlined = f"Outlines: {', '.join(organs)}." if organs else "No organ outlined."
    marked = f" {regions} region{'' if regions == 1 else 's'} marked." if regions else ""
    read = " Small boxes: where the hepatorenal index was read." if picture.sites else ""
    return f"{outlined}{marked}{read}"


def _grade_words(report: Report) -> str:
    headline = present(report).headline
    if headline is None or report.grade is None:
        return ""
    shares = ", ".join(f"{label} {share(p)}" for label, p in report.grade.probabilities.items())
    return f"{headline.value}, {headline.interval}, grade {headline.grade}. Probabilities: {shares}."


def _baseline_words(report: Report) -> str:
    return "" if report.baseline is None else clip(report.baseline.text)


def _change_words(report: Report) -> str:
    slope = report.change.slope if report.change else None
    return "" if slope is None else clip(slope_words(slope))


def _contribution_words(report: Report) -> str:
    steps = report_steps(report)
    told = [f"{step.label}: {signed(step.points)} points" for step in steps]
    if report.explanation is not None and report.explanation.start is not None:
        start = report.explanation.start
        told.insert(0, f"Start: {fixed(start.value_percent)} % ({start.text})")
    return clip("; ".join(told))
