"""What a fresh look at printed reports found: doubtful bars, confounders of foreign pictures, sizes and headings."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from report_examples import refused_outcome, us_outcome
from report_pdf_text import pdf_text
from reportlab.lib.units import mm
from reportlab.platypus import SimpleDocTemplate, Spacer

from steatoscope.core.report import BaselineItem, Contribution, ExplanationPart, MeasurementPart
from steatoscope.service.report import pdf_blocks as blocks
from steatoscope.service.report.baseline_figure import render_baseline
from steatoscope.service.report.content import present
from steatoscope.service.report.contributions_figure import DOUBTFUL, report_steps
from steatoscope.service.report.html import render_html
from steatoscope.service.report.illustrations import Chart
from steatoscope.service.report.pdf import render_pdf
from steatoscope.service.report.pdf_style import PAGE_HEIGHT, PAGE_WIDTH, TEXT_WIDTH
from steatoscope.service.report.tables import Table


@pytest.mark.parametrize(("quality", "marked"), [("poor", True), ("warn", False)])
def test_a_bar_read_at_doubtful_places_says_so(quality: str, marked: bool) -> None:
    index = MeasurementPart(name="hepatorenal_index", value=1.1, unit="1", interval=None, method="m", quality=quality)
    names = ("liver_against_cortex", "depth_profile")
    why = ExplanationPart(
        heatmap=None, contributions=[Contribution(feature=name, value=1.0, effect_points=2.0) for name in names]
    )
    report = us_outcome(measurements=[index], explanation=why).report
    assert [step.label.endswith(DOUBTFUL) for step in report_steps(report)] == [marked, False]


@pytest.mark.parametrize(("code", "left_out"), [("E_OOD", True), ("E_NOLIVER", True), ("E_CONTRAST", False)])
def test_a_foreign_picture_has_no_confounders(code: str, left_out: bool) -> None:
    outcome = refused_outcome()
    error = outcome.report.error
    assert error is not None
    outcome = refused_outcome(error=error.model_copy(update={"code": code}))
    assert (not present(outcome.report).confounders) == left_out
    assert ("Confounders to consider" not in render_html(outcome)) == left_out
    assert ("Confounders to consider" not in pdf_text(render_pdf(outcome))) == left_out


def test_the_baseline_picture_is_as_wide_as_the_text() -> None:
    items = [
        BaselineItem(
            quantity=f"q{k}", value=1.0, unit="1", reference="r", quantiles=[(2.5, 0.0), (97.5, 2.0)], text="t"
        )
        for k in range(8)
    ]
    report = us_outcome().report
    assert report.baseline is not None
    png = render_baseline(report.model_copy(update={"baseline": report.baseline.model_copy(update={"items": items})}))
    assert png is not None
    drawn = blocks.chart(Chart("baseline", png, "", ""))
    assert drawn.drawWidth == pytest.approx(TEXT_WIDTH)
    assert drawn.drawWidth / (np.asarray(Image.open(io.BytesIO(png))).shape[1] / 150.0) > 70.0


@pytest.mark.parametrize("left_mm", range(10, 80, 10))
def test_a_tables_title_stays_with_its_first_row(left_mm: int) -> None:
    row = ("word " * 150, "b")
    table = Table("findings", "The title", ("One", "Two"), (row, row), (0.3, 0.7))
    pages: dict[str, int] = {}
    document = SimpleDocTemplate(
        io.BytesIO(), pagesize=(PAGE_WIDTH, PAGE_HEIGHT), leftMargin=0, rightMargin=0, topMargin=0, bottomMargin=0
    )
    document.afterFlowable = lambda block: pages.setdefault(type(block).__name__, document.page)
    space = PAGE_HEIGHT - left_mm * mm - 12
    document.build([Spacer(1, space), *blocks.table(table)])
    assert pages["Paragraph"] == pages["Table"]


def test_captions_keep_apart() -> None:
    row = blocks.picture_row("t", [(_dot(), "a"), (_dot(), "b"), (_dot(), "c")])[1]
    paddings = [row._cellStyles[0][column].rightPadding for column in range(3)]
    assert paddings[0] == paddings[1] == pytest.approx(3 * mm)
    assert paddings[2] == 0


def _dot() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, format="PNG")
    return stream.getvalue()
