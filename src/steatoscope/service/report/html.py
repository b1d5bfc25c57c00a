"""The report as one self-contained HTML page: inline style, pictures as data URIs, no scripts, nothing fetched."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from reportlab.lib.units import inch

from steatoscope.core.report import Report
from steatoscope.pipeline.outcome import Outcome, Picture
from steatoscope.service.report.content import present
from steatoscope.service.report.formatting import clip
from steatoscope.service.report.illustrations import Chart, charts, panels_shown, picture_caption
from steatoscope.service.report.overlay import PANEL_NAMES, render_picture
from steatoscope.service.report.pdf_blocks import PRINT_DPI, panel_width

_FOLDER: Final = "templates"


@dataclass(frozen=True, slots=True)
class _Image:
    """An embedded image: a data URI, the words for those who cannot see it, and a caption."""

    uri: str
    alt: str
    caption: str


def render_html(outcome: Outcome, drawn: tuple[Chart, ...] | None = None) -> str:
    """The outcome's report as an HTML document; ``drawn`` are its charts where the caller has them already."""
    content = present(outcome.report)
    drawn = charts(outcome.report) if drawn is None else drawn
    template = _environment().get_template("report.html.j2")
    return template.render(
        content=content,
        charts={chart.key: _image(chart.png, chart.alt, chart.caption) for chart in drawn},
        pictures=[(clip(picture.title), _panels(outcome.report, picture)) for picture in outcome.pictures],
        style=Markup(_source("report.css")),
    )


def _panels(report: Report, picture: Picture) -> list[_Image]:
    """The panels exactly as in print, so that each is drawn once for both."""
    shown = panels_shown(report, picture)
    width_in = panel_width(len(shown)) / inch
    return [
        _image(
            render_picture(picture, panel, width_in, PRINT_DPI),
            f"{PANEL_NAMES[panel]}: {picture_caption(picture, panel)}",
            picture_caption(picture, panel),
        )
        for panel in shown
    ]


def _image(png: bytes, alt: str, caption: str) -> _Image:
    return _Image(f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}", alt, caption)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_source), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _source(name: str) -> str:
    return files("steatoscope.service.report").joinpath(_FOLDER, name).read_text(encoding="utf-8")
