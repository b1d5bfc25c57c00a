"""Blocks of the PDF: each function turns a piece of the view model into flowables."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Image, KeepTogether, Paragraph, Spacer, Table, TableStyle

from steatoscope.service.report import tables
from steatoscope.service.report.content import Content, Headline, Refusal
from steatoscope.service.report.illustrations import Chart
from steatoscope.service.report.pdf_style import INK, LINE, PAGE_HEIGHT, SOFT, STATUS_COLOURS, TEXT_WIDTH, styles

PRINT_DPI: Final = 250
_PANEL_GAP: Final = 3 * mm
_TALLEST_PANEL: Final = 95 * mm
_TALLEST_CHART: Final = 205 * mm


def text(words: str, style: Any) -> Any:
    """A paragraph of plain text; markup in ``words`` is shown, never interpreted."""
    return Paragraph(escape(words), style)


def heading(words: str) -> list[Any]:
    """A section heading that does not stay alone at the foot of a page."""
    return [CondPageBreak(40 * mm), text(words, styles().heading)]


def together(parts: Sequence[Any]) -> Any:
    """Flowables that stay on one page where that can hold them."""
    return KeepTogether(list(parts))


def titled(words: str, *parts: Any) -> Any:
    """A section that stays on one page with its heading."""
    return together([text(words, styles().heading), *parts])


def simulated(content: Content) -> list[Any]:
    """The banner of simulated images; nothing for a patient's own."""
    if not content.simulated:
        return []
    colour, ground = STATUS_COLOURS["warn"]
    return [_box([text(content.simulated, styles().alarm)], colour, ground, 1.5), Spacer(0, 2 * mm)]


def facts(content: Content) -> list[Any]:
    """The strip of facts under the page header."""
    cells = [[text(name, styles().label), text(value, styles().strong)] for name, value in content.facts]
    shares = (0.24, 0.28, 0.24, 0.24)
    return [_grid([cells], [TEXT_WIDTH * share for share in shares]), Spacer(0, 2 * mm)]


def headline(part: Headline) -> list[Any]:
    """Value with interval and scale on the left, grade with its limits on the right."""
    look = styles()
    left = [text(part.scale, look.strong), text(part.value, look.value), text(part.interval, look.body)]
    left += [Spacer(0, 1 * mm), text(part.scale_note, look.note)]
    right = [text("Steatosis grade", look.strong), text(part.grade, look.grade)]
    right += [text(part.contradiction, look.strong)] if part.contradiction else []
    right.append(text(part.grade_certainty, look.body))
    right += [Spacer(0, 1 * mm), text(part.grade_basis, look.note)]
    card = _grid([[left, right]], [TEXT_WIDTH * 0.5] * 2, padding=8)
    card.setStyle(TableStyle([("BACKGROUND", (0, 0), (-1, -1), SOFT), ("BOX", (0, 0), (-1, -1), 0.6, LINE)]))
    remarks = [text(remark, look.note) for remark in part.remarks]
    return [card, Spacer(0, 1.5 * mm), *remarks, *_limits(part)]


def _limits(part: Headline) -> list[Any]:
    if not part.limits:
        return []
    cells = [[text(name, styles().label), text(span, styles().cell)] for name, span in part.limits]
    return [Spacer(0, 1 * mm), _grid([cells], [TEXT_WIDTH / len(cells)] * len(cells))]


def refusal(part: Refusal) -> list[Any]:
    """The box that says why no fat value is given, and what may still be said."""
    look = styles()
    colour, ground = STATUS_COLOURS["refused"]
    code = f"{part.code}: " if part.code else ""
    lines = [text("No fat value is given", look.alarm), text(f"{code}{part.message}", look.strong)]
    pairs = [("Cause", part.cause), ("What to do", part.remedy)]
    lines += [text(f"{name}: {words}", look.body) for name, words in pairs if words]
    if part.category:
        lines += [
            Spacer(0, 1.5 * mm),
            text(f"Category: {part.category}", look.strong),
            text(part.category_rule, look.body),
        ]
    lines += [Spacer(0, 1.5 * mm), text(part.kept, look.note)]
    return [_box(lines, colour, ground, 1.5), Spacer(0, 2 * mm)]


def quality(content: Content) -> list[Any]:
    """The quality status with its coded remarks; nothing where the refusal box has told all."""
    if content.refusal is not None and not content.remarks:
        return []
    colour, ground = STATUS_COLOURS[content.status]
    lines = [text(content.status_text, styles().strong)]
    lines += [text(f"{code}: {message}", styles().cell) for code, message in content.remarks]
    return [Spacer(0, 1.5 * mm), _box(lines, colour, ground, 0.6), Spacer(0, 1.5 * mm)]


def chart(part: Chart) -> Any:
    """A chart over the width of the text."""
    return _image(part.png, TEXT_WIDTH, _TALLEST_CHART)


def panel_width(count: int) -> float:
    """The printed width in points of each of ``count`` panels side by side."""
    across = max(count, 2)
    return float((TEXT_WIDTH - (across - 1) * _PANEL_GAP) / across)


def picture_row(title: str, panels: Sequence[tuple[bytes, str]]) -> list[Any]:
    """One picture's panels side by side with their captions, under its title."""
    width = panel_width(len(panels))
    cells = [[_image(png, width, _TALLEST_PANEL), text(caption, styles().note)] for png, caption in panels]
    row = _grid([cells], [width + _PANEL_GAP] * (len(cells) - 1) + [width])
    row.setStyle(TableStyle([("RIGHTPADDING", (0, 0), (-2, -1), _PANEL_GAP)]))
    return [text(title, styles().subheading), row]


def table(part: tables.Table, *, breaks: bool = True, lead: Sequence[Any] = ()) -> list[Any]:
    """A titled table whose cells wrap and whose head repeats on the next page.

    ``breaks`` is False where the caller keeps the table together with what follows. ``lead`` stands above the title;
    neither stays at the foot of a page without the first row.
    """
    look = styles()
    head = [[text(name, look.head) for name in part.head]] if any(part.head) else []
    body = [
        [text(cell, look.code if column == part.code_column else look.cell) for column, cell in enumerate(row)]
        for row in part.rows
    ]
    widths = [TEXT_WIDTH * share for share in part.widths]
    grid = Table(head + body, colWidths=widths, repeatRows=len(head), hAlign="LEFT")
    grid.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 6),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ]
        )
    )
    note = [text(part.note, look.note)] if part.note else []
    above = [*lead, text(part.title, look.subheading)]
    space = [CondPageBreak(_least_height(above, grid, len(head) + 1))] if breaks else []
    return [*space, *above, grid, *note]


def _least_height(above: Sequence[Any], grid: Any, rows: int) -> float:
    """The height in points of the titles above a table with its first ``rows``."""
    grid.wrap(TEXT_WIDTH, PAGE_HEIGHT)
    titles = sum(one.wrap(TEXT_WIDTH, PAGE_HEIGHT)[1] + one.getSpaceBefore() + one.getSpaceAfter() for one in above)
    return float(titles + sum(grid._rowHeights[:rows]) + 1 * mm)


def bullets(lines: Sequence[str]) -> list[Any]:
    """A plain list."""
    return [text(f"• {line}", styles().cell) for line in lines]


def sign_off(content: Content) -> list[Any]:
    """The lines that the reviewing clinician signs."""
    look = styles()
    cells: list[Any] = []
    for name in content.review_lines:
        cells += [text(name, look.label), ""]
    cells.pop()
    gap = 5 * mm
    width = (TEXT_WIDTH - gap * (len(cells) // 2)) / (len(cells) // 2 + 1)
    widths = [gap if column % 2 else width for column in range(len(cells))]
    lines = Table([cells], colWidths=widths, rowHeights=[14 * mm], hAlign="LEFT")
    lines.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                *(("LINEBELOW", (column, 0), (column, 0), 0.8, INK) for column in range(0, len(cells), 2)),
            ]
        )
    )
    return [text("Clinical review", look.heading), text(content.review, look.body), Spacer(0, 3), lines]


def _image(png: bytes, width: float, tallest: float) -> Any:
    picture = Image(io.BytesIO(png))
    scale = min(width / picture.imageWidth, tallest / picture.imageHeight)
    picture.drawWidth, picture.drawHeight = picture.imageWidth * scale, picture.imageHeight * scale
    picture.hAlign = "LEFT"
    return picture


def _grid(rows: list[list[Any]], widths: list[float], padding: float = 0) -> Any:
    grid = Table(rows, colWidths=widths, hAlign="LEFT")
    sides = ("LEFTPADDING", "RIGHTPADDING", "TOPPADDING", "BOTTOMPADDING")
    rules = [(side, (0, 0), (-1, -1), padding) for side in sides]
    grid.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), *rules]))
    return grid


def _box(lines: list[Any], colour: Any, ground: Any, border: float) -> Any:
    """Lines in a coloured box; one row a line, so that a long box may run over two pages."""
    box = Table([[line] for line in lines], colWidths=[TEXT_WIDTH], hAlign="LEFT")
    box.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), ground),
                ("BOX", (0, 0), (-1, -1), border, colour),
                ("LINEBEFORE", (0, 0), (0, -1), 4, colour),
                ("LEFTPADDING", (0, 0), (-1, -1), 10),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ]
        )
    )
    return box
