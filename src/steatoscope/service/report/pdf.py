"""The report as an A4 PDF of two to eight pages; the same outcome gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab import rl_config
from reportlab.lib.units import inch, mm
from reportlab.platypus import CallerMacro, KeepTogether, Paragraph, SimpleDocTemplate

from steatoscope.pipeline.outcome import Outcome, Picture
from steatoscope.service.report import pdf_blocks as blocks
from steatoscope.service.report.content import Content, present
from steatoscope.service.report.formatting import clip
from steatoscope.service.report.illustrations import Chart, charts, panels_shown, picture_caption
from steatoscope.service.report.overlay import render_picture
from steatoscope.service.report.pdf_style import (
    ACCENT,
    BOLD,
    BOTTOM,
    INK,
    MUTED,
    PAGE_HEIGHT,
    PAGE_WIDTH,
    REGULAR,
    SIDE,
    TEXT_WIDTH,
    TOP,
    styles,
)

MOST_PICTURES: Final = 4
FRAME_PADDING: Final = 6.0
_TOTAL: Final = "total-pages"
PicturePanels = tuple[str, list[tuple[bytes, str]]]


def render_pdf(outcome: Outcome, drawn: tuple[Chart, ...] | None = None) -> bytes:
    """The outcome's report as PDF bytes, with "page x of y", the banner and the intended use on every page.

    ``drawn`` are the report's charts where the caller has them already.
    """
    content = present(outcome.report)
    drawn = charts(outcome.report) if drawn is None else drawn
    pictures = [_panels(outcome, picture) for picture in outcome.pictures[:MOST_PICTURES]]
    left_out = len(outcome.pictures) - len(pictures)
    return build_pdf(content, _story(content, drawn, pictures, left_out))


def _panels(outcome: Outcome, picture: Picture) -> PicturePanels:
    shown = panels_shown(outcome.report, picture)
    width_in = blocks.panel_width(len(shown)) / inch
    return clip(picture.title), [
        (render_picture(picture, panel, width_in, blocks.PRINT_DPI), picture_caption(picture, panel)) for panel in shown
    ]


def build_pdf(content: Content, story: list[Any]) -> bytes:
    """Lay the story out as a PDF; the count of pages is a form that every footer shows and the last block fills in."""
    stream = io.BytesIO()
    document = SimpleDocTemplate(
        stream,
        pagesize=(PAGE_WIDTH, PAGE_HEIGHT),
        leftMargin=SIDE - FRAME_PADDING,
        rightMargin=SIDE - FRAME_PADDING,
        topMargin=TOP - FRAME_PADDING,
        bottomMargin=BOTTOM,
        title=content.title,
        author=content.product,
        subject=content.banner,
        lang="en",
        invariant=1,
        pageCompression=1,
    )
    furniture = partial(_furniture, content)
    total = CallerMacro(drawCallable=_fill_in_total, wrapCallable=_no_space)
    with _binary_images():
        document.build([*story, total], onFirstPage=furniture, onLaterPages=furniture)
    return stream.getvalue()


@contextmanager
def _binary_images() -> Iterator[None]:
    """Store image data as bytes: the library's ASCII coding is slow and a quarter larger."""
    before = rl_config.useA85
    rl_config.useA85 = 0
    try:
        yield
    finally:
        rl_config.useA85 = before


def _no_space(_block: Any, _width: float, _height: float) -> tuple[float, float]:
    return 0.0, 0.0


def _fill_in_total(block: Any) -> None:
    """Define the form that every footer shows after its page number; drawn last, when the count is known."""
    canvas = block.canv
    pages = canvas.getPageNumber()
    canvas.beginForm(_TOTAL)
    canvas.setFont(REGULAR, 7.5)
    canvas.setFillColor(INK)
    canvas.drawString(0, 0, f"of {pages}")
    canvas.endForm()


def _story(content: Content, drawn: tuple[Chart, ...], pictures: list[PicturePanels], left_out: int) -> list[Any]:
    chart = {part.key: blocks.chart(part) for part in drawn}
    story = [*blocks.simulated(content), *blocks.facts(content)]
    if content.refusal is not None:
        story += blocks.refusal(content.refusal)
    if content.headline is not None:
        story += blocks.headline(content.headline)
    if "grade" in chart:
        story.append(chart["grade"])
    story += blocks.quality(content)
    if content.refusal is not None:
        story += _group(content, "findings", "What could be measured")
    story += _pictures(pictures, left_out)
    story += _comparison(content, chart)
    if content.refusal is None:
        story += _group(content, "findings", "Measured values")
    if "contributions" in chart:
        story.append(blocks.titled("What the estimate rests on", chart["contributions"]))
    if content.confounders:
        story.append(blocks.titled("Confounders to consider", *blocks.bullets(content.confounders)))
    story += _group(content, "methods", "Methods and provenance")
    return [*story, *_end(content)]


def _end(content: Content) -> list[Any]:
    """Provenance and sign-off; the last table stays with the sign-off, so that this is never alone on a page."""
    story: list[Any] = []
    *others, last = content.group("provenance")
    for table in others:
        story += blocks.table(table)
    return [*story, KeepTogether([*blocks.table(last, breaks=False), *blocks.sign_off(content)])]


def _pictures(pictures: list[PicturePanels], left_out: int) -> list[Any]:
    if not pictures:
        return []
    (title, panels), *others = pictures
    rows = [blocks.titled("Pictures", *blocks.picture_row(title, panels))]
    rows += [blocks.together(blocks.picture_row(title, panels)) for title, panels in others]
    words = "1 further picture is" if left_out == 1 else f"{left_out} further pictures are"
    note = [blocks.text(f"{words} in the HTML report.", styles().note)] if left_out else []
    return [*rows, *note]


def _comparison(content: Content, chart: dict[str, Any]) -> list[Any]:
    story: list[Any] = []
    if content.baseline is not None:
        drawn = [chart["baseline"]] if "baseline" in chart else []
        words, reference = content.baseline
        told = [blocks.text(words, styles().body), blocks.text(reference, styles().note)]
        story.append(blocks.titled("Reference population", *drawn, *told))
        story += [flowable for table in content.group("baseline") for flowable in blocks.table(table)]
    if "change" in chart:
        story.append(blocks.titled("Fat over the visits", chart["change"]))
    return story + _group(content, "comparison", "Change and clinical values")


def _group(content: Content, name: str, title: str) -> list[Any]:
    tables = content.group(name)
    if not tables:
        return []
    first, *others = tables
    return [
        *blocks.table(first, lead=blocks.heading(title)),
        *(flowable for table in others for flowable in blocks.table(table)),
    ]


def _furniture(content: Content, canvas: Any, document: Any) -> None:
    """Header and footer of one page."""
    canvas.saveState()
    top = PAGE_HEIGHT - 12 * mm
    canvas.setFillColor(ACCENT)
    canvas.setFont(BOLD, 12)
    canvas.drawString(SIDE, top, content.product)
    canvas.setFillColor(INK)
    canvas.setFont(REGULAR, 10)
    canvas.drawString(SIDE + 31 * mm, top, content.heading)
    canvas.setFillColor(MUTED)
    canvas.setFont(REGULAR, 7.5)
    facts = [value for _, value in content.facts[: 1 if content.simulated else 3]]
    canvas.drawRightString(PAGE_WIDTH - SIDE, top, "  ·  ".join(clip(fact, 32) for fact in facts))
    canvas.setStrokeColor(ACCENT)
    canvas.setLineWidth(1.2)
    canvas.line(SIDE, top - 2.5 * mm, PAGE_WIDTH - SIDE, top - 2.5 * mm)
    _footer(content, canvas, document.page)
    canvas.restoreState()


def _footer(content: Content, canvas: Any, page: int) -> None:
    use = Paragraph(f'<font name="{BOLD}">Intended use.</font> {escape(content.intended_use)}', styles().footer)
    _, height = use.wrap(TEXT_WIDTH, BOTTOM)
    line = 8 * mm + height + 5 * mm
    canvas.setStrokeColor(ACCENT)
    canvas.setLineWidth(0.6)
    canvas.line(SIDE, line, PAGE_WIDTH - SIDE, line)
    use.drawOn(canvas, SIDE, 8 * mm)
    canvas.setFillColor(INK)
    canvas.setFont(BOLD, 8)
    canvas.drawString(SIDE, line - 3.6 * mm, content.banner)
    canvas.setFont(REGULAR, 7.5)
    canvas.drawRightString(PAGE_WIDTH - SIDE - 7.5 * mm, line - 3.6 * mm, f"Page {page}")
    canvas.translate(PAGE_WIDTH - SIDE - 6.7 * mm, line - 3.6 * mm)
    canvas.doForm(_TOTAL)
