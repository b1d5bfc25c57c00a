"""Fonts, colours and paragraph styles of the PDF; the DejaVu fonts that matplotlib ships are embedded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import matplotlib
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

PAGE_WIDTH, PAGE_HEIGHT = A4
SIDE: Final = 18 * mm
TOP: Final = 22 * mm
BOTTOM: Final = 29 * mm
TEXT_WIDTH: Final = PAGE_WIDTH - 2 * SIDE

REGULAR: Final = "DejaVuSans"
BOLD: Final = "DejaVuSans-Bold"
MONO: Final = "DejaVuSansMono"

INK: Final = HexColor("#1b2733")
MUTED: Final = HexColor("#4a5763")
LINE: Final = HexColor("#ccd4db")
SOFT: Final = HexColor("#f3f6f8")
ACCENT: Final = HexColor("#0b5e8a")
STATUS_COLOURS: Final = {
    "ok": (HexColor("#1d6b45"), HexColor("#eef6f1")),
    "warn": (HexColor("#b26a00"), HexColor("#fff6e6")),
    "refused": (HexColor("#b3261e"), HexColor("#fdeeec")),
}


@dataclass(frozen=True, slots=True)
class Styles:
    """Paragraph styles by purpose."""

    body: Any
    note: Any
    label: Any
    strong: Any
    value: Any
    grade: Any
    heading: Any
    subheading: Any
    cell: Any
    head: Any
    code: Any
    alarm: Any
    footer: Any


@lru_cache(maxsize=1)
def styles() -> Styles:
    """The styles, with their fonts registered."""
    _register_fonts()
    return Styles(
        body=_style("body", 9, 12.5),
        note=_style("note", 7.8, 10.5, colour=MUTED),
        label=_style("label", 7.5, 9.5, colour=MUTED),
        strong=_style("strong", 9, 12.5, font=BOLD),
        value=_style("value", 25, 30, font=BOLD),
        grade=_style("grade", 18, 24, font=BOLD),
        heading=_style("heading", 11.5, 15, font=BOLD, colour=ACCENT, before=9, after=3),
        subheading=_style("subheading", 9, 12, font=BOLD, before=6, after=2),
        cell=_style("cell", 8, 10.4),
        head=_style("head", 7.4, 9.5, font=BOLD, colour=MUTED),
        code=_style("code", 6.6, 9, font=MONO),
        alarm=_style("alarm", 15, 19, font=BOLD, colour=STATUS_COLOURS["refused"][0]),
        footer=_style("footer", 6.3, 7.8, colour=MUTED),
    )


def _style(
    name: str,
    size: float,
    leading: float,
    *,
    font: str = REGULAR,
    colour: Any = INK,
    before: float = 0,
    after: float = 0,
) -> Any:
    return ParagraphStyle(
        name,
        fontName=font,
        fontSize=size,
        leading=leading,
        textColor=colour,
        spaceBefore=before,
        spaceAfter=after,
        splitLongWords=1,
    )


def _register_fonts() -> None:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in (REGULAR, BOLD, MONO):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
