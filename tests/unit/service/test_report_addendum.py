"""The record of a version on paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from report_examples import ct_outcome, refused_outcome
from report_pdf_text import page_count, pdf_text

from steatoscope.service.report.pdf_addendum import DISCLAIMER, Record, SignOff, render_record

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PLAIN = Record("1" * 32, "S-7F3A", 1, 1, "machine", NOON, NOON)


def test_a_version_nobody_signed_says_so() -> None:
    text = pdf_text(render_record(ct_outcome().report, PLAIN))
    for words in ("Version 1 of 1", "S-7F3A", "machine", "Not signed off", "13.7 %", DISCLAIMER):
        assert words in text
    assert "newer version" not in text


def test_corrections_sign_offs_and_newer_versions_are_told() -> None:
    signed = SignOff("anna", "amend", "severe", "edge <b>\n" + "seen " * 790, NOON)
    record = replace(
        PLAIN,
        version=2,
        newest=3,
        kind="corrected",
        corrector="ben",
        corrected_at=NOON,
        note="rib",
        sign_offs=(signed,),
    )
    pdf = render_record(ct_outcome().report, record)
    text = pdf_text(pdf)
    for words in (
        "Version 2 of 3",
        "A newer version exists: version 3",
        "corrected by ben at 2026-11-21 12:00 UTC",
        "rib",
        "anna amends the grade: Severe",
        "edge < b >",
    ):
        assert words in text
    assert "Not signed off" not in text
    assert page_count(pdf) <= 3


def test_a_refused_version_has_a_record_too() -> None:
    assert "No fat value" in pdf_text(render_record(refused_outcome().report, PLAIN))
