from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

import pytest
from report_examples import ALL, INJECTION, ct_outcome, refused_outcome

from steatoscope.core.report import INTENDED_USE, CodePart, QualityPart
from steatoscope.service.report.html import render_html

_VOID = {"meta", "img", "br"}


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.headings: list[int] = []
        self.images: list[dict[str, str | None]] = []
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in _VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def _outline(page: str) -> _Outline:
    parser = _Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


@cache
def _made(name: str) -> str:
    return render_html(ALL[name]())


@pytest.mark.parametrize("name", ALL)
def test_page_is_well_formed_self_contained_and_accessible(name: str) -> None:
    page = _made(name)
    outline = _outline(page)
    assert not outline.tags & {"script", "link", "iframe", "object"}
    assert not re.search(r"https?://|url\(|@import", page)
    assert outline.images
    assert all(str(image["src"]).startswith("data:image/png;base64,") and image["alt"] for image in outline.images)
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False))
    assert INTENDED_USE in " ".join(outline.text.split())


def test_result_is_told_in_full() -> None:
    text = " ".join(_outline(_made("ct")).text.split())
    for words in ("13.7 %", "8.9 to 18.6 %", "Mild (S1)", "5.5 / 15.5 / 20.5 %", "pooled2024", "W_PARTIAL"):
        assert words in text


def test_text_from_the_study_is_escaped() -> None:
    page = render_html(ct_outcome(subject=INJECTION))
    assert INJECTION not in page
    assert "<b>M" not in page
    assert INJECTION in _outline(page).text


def test_refusal_shows_code_cause_remedy_and_no_map() -> None:
    outline = _outline(_made("refused"))
    text = " ".join(outline.text.split())
    for words in ("No fat value is given", "E_CONTRAST", "148 HU", "unenhanced series", "Indeterminate"):
        assert words in text
    assert len(outline.images) == 2
    assert not re.search(r"\d\.\d %", text)


def test_same_outcome_gives_the_same_page() -> None:
    assert render_html(refused_outcome()) == _made("refused")


def test_simulated_images_are_told_in_title_heading_and_banner() -> None:
    quality = QualityPart(status="warn", codes=[CodePart(code="W_SIMULATED", message="Simulated.")])
    page = render_html(ct_outcome(quality=quality))
    assert page.count("SIMULATED IMAGES") == 3
    assert "SIMULATED IMAGES" not in _made("ct")
