from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest
from report_examples import ALL, INJECTION, body_picture, ct_outcome, mr_outcome, refused_outcome, us_outcome
from report_pdf_text import page_count, pdf_pages_text, pdf_text

from steatoscope.core.report import INTENDED_USE, CodePart, MeasurementPart, QualityPart
from steatoscope.service.report.pdf import render_pdf


@cache
def _made(name: str) -> bytes:
    return render_pdf(ALL[name]())


@pytest.mark.parametrize("name", ALL)
def test_every_page_carries_banner_and_intended_use(name: str) -> None:
    pdf = _made(name)
    pages = [text for text in pdf_pages_text(pdf) if "Page" in text]
    assert 2 <= page_count(pdf) <= 3
    assert len(pages) == page_count(pdf)
    for number, text in enumerate(pages, start=1):
        assert f"Page {number}" in text
        assert "Decision support" in text
        assert INTENDED_USE in text
    assert f"of {len(pages)}" in pdf_pages_text(pdf)


def test_result_is_told_in_full() -> None:
    text = pdf_text(_made("ct"))
    report = ct_outcome().report
    for words in (
        "13.7 %",
        "90 % interval 8.9 to 18.6 %",
        "CT fat fraction (PDFF-equivalent estimate)",
        "Mild (S1)",
        "Limits 5.5 / 15.5 / 20.5 %",
        "profile pooled2024",
        "W_BORDERLINE",
        "S-7F3A",
        "Signature",
        report.provenance.report_digest,
        report.inputs[0].sha256,
    ):
        assert words in text
    assert "Smith" not in text


def test_refusal_is_told_without_a_fat_percentage() -> None:
    text = pdf_text(_made("refused"))
    for words in ("No fat value is given", "E_CONTRAST", "148 HU", "unenhanced series", "Category: Indeterminate"):
        assert words in text
    assert not re.search(r"\d\.\d %", text)


def test_markup_in_texts_is_shown_not_interpreted() -> None:
    assert '<script>alert("x")</script> &' in pdf_text(render_pdf(ct_outcome(subject=INJECTION)))


def test_same_outcome_gives_the_same_bytes() -> None:
    assert render_pdf(refused_outcome()) == _made("refused")
    assert render_pdf(us_outcome()) == _made("us")


def test_long_and_many_entries_wrap_and_break_over_pages() -> None:
    method = "unbroken" * 60
    rows = [
        MeasurementPart(name=f"value_{n}", value=float(n), unit="HU", method=method, quality="ok") for n in range(20)
    ]
    pdf = render_pdf(ct_outcome(measurements=rows, subject="S" * 300))
    assert page_count(pdf) > 3


def test_more_pictures_than_fit_are_counted() -> None:
    few = replace(mr_outcome(), pictures=tuple(body_picture(f"Slice {n}", heat=None) for n in range(6)))
    assert "2 further pictures" in pdf_text(render_pdf(few))


def test_no_pictures_at_all() -> None:
    text = pdf_text(render_pdf(replace(mr_outcome(), pictures=())))
    assert "4.2 %" in text


def test_simulated_images_are_told_on_every_page_and_in_a_box_on_the_first() -> None:
    quality = QualityPart(status="warn", codes=[CodePart(code="W_SIMULATED", message="Simulated.")])
    pages = [text for text in pdf_pages_text(render_pdf(ct_outcome(quality=quality))) if "Page" in text]
    assert all("SIMULATED IMAGES" in text for text in pages)
    assert pages[0].count("SIMULATED IMAGES") == 2
    assert "SIMULATED" not in pdf_text(_made("ct"))


def test_the_sign_off_shares_its_page_with_the_provenance() -> None:
    for name in ALL:
        last = [text for text in pdf_pages_text(_made(name)) if "Page" in text][-1]
        assert "Report digest" in last
        assert "Clinical review" in last
