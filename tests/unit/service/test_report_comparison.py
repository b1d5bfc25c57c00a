from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from report_examples import ct_outcome

from steatoscope.core.report import BaselineItem, BaselinePart, ChangePart, IntervalPart, Report, SlopePart
from steatoscope.service.report.baseline_figure import render_baseline
from steatoscope.service.report.baseline_strips import render_strips, standing_text, value_text
from steatoscope.service.report.change_figure import render_change
from steatoscope.service.report.content import present
from steatoscope.service.report.html import render_html


def _item(**more: Any) -> BaselineItem:
    values: dict[str, Any] = {"quantity": "liver_volume", "value": 1500.0, "unit": "mL", "reference": "R", "text": "T."}
    return BaselineItem(**values | more)


def _pixels(png: bytes | None) -> np.ndarray:
    assert png is not None
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"))


def _slope() -> SlopePart:
    return SlopePart(
        points_per_year=-3.0,
        interval=IntervalPart(low=-3.9, high=-2.1, level=0.95),
        visits=3,
        verdict="falling",
        years=[0.0, 1.0, 2.0],
        values_percent=[16.0, 13.0, 10.0],
    )


def _report(**parts: Any) -> Report:
    return ct_outcome().report.model_copy(update=parts)


def test_a_line_a_quantity_and_none_without_anything_to_draw() -> None:
    drawn = _item(quantiles=[(2.5, 1000.0), (25.0, 1300.0), (50.0, 1450.0), (75.0, 1600.0), (97.5, 1900.0)])
    one, two = (_pixels(render_strips([drawn] * count)) for count in (1, 2))
    assert two.shape[0] > one.shape[0]
    assert two.shape[1] == one.shape[1] == 1020
    assert (one < 60).sum() > 200
    assert render_strips([_item()]) is None


def test_the_mark_moves_with_the_value() -> None:
    spread = [(2.5, 0.0), (50.0, 50.0), (97.5, 100.0)]
    low, high = (_pixels(render_strips([_item(value=v, quantiles=spread)])) for v in (10.0, 90.0))
    dark = [np.flatnonzero((part[10:70, 380:840] < 60).any(axis=0)).mean() for part in (low, high)]
    assert dark[1] - dark[0] > 250


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"percentile": 99.4, "z": 2.5}, "P > 99, z +2.5"),
        ({"z": -1.2}, "z −1.2"),
        ({}, "–"),
        ({"quantity": "normality_distance", "unit": "1", "value": 1.0, "percentile": 54.0}, "46 % further"),
    ],
)
def test_standing_in_words(more: dict[str, Any], words: str) -> None:
    assert standing_text(_item(**more)) == words
    assert value_text(_item()) == "1500 mL"


def test_an_own_reference_of_fat_is_drawn_as_a_line_not_as_a_curve_it_is_not() -> None:
    fat = _item(quantity="fat", value=9.0, unit="%", percentile=98.0, z=2.1, quantiles=[(2.5, 0.7), (97.5, 7.0)])
    part = BaselinePart(reference="R", percentile=98.0, z=2.1, healthy_upper_limit=6.0, text="t", items=[fat])
    assert _pixels(render_baseline(_report(baseline=part))).shape[0] < 200
    assert render_baseline(_report(baseline=None)) is None


def test_the_slope_is_drawn_and_told() -> None:
    change = ChangePart(
        previous="abc",
        delta_points=-3.0,
        relative_percent=-23.0,
        repeatability_points=1.8,
        verdict="improved",
        basis="one scanner",
        cautions=["The visits come from different scanners: only larger changes count as real."],
        slope=_slope(),
    )
    report = _report(change=change)
    assert (_pixels(render_change(report)) < 60).sum() > 300
    rows = dict(next(table for table in present(report).tables if table.title == "Change since earlier").rows)
    assert rows["Trend"] == "−3.0 points a year (95 % interval −3.9 to −2.1) over 3 visits: falling."
    assert rows["Caution"].startswith("The visits come from different scanners")
    assert rows["Basis of the repeatability"] == "one scanner"
    assert render_change(_report(change=change.model_copy(update={"slope": None}))) is None


def test_the_page_holds_picture_table_and_trend() -> None:
    outcome = ct_outcome()
    items = [_item(percentile=50.0, z=0.0, quantiles=[(2.5, 1000.0), (97.5, 1900.0)])]
    baseline = outcome.report.baseline
    assert baseline is not None
    report = outcome.report.model_copy(update={"baseline": baseline.model_copy(update={"items": items})})
    page = render_html(type(outcome)(report, outcome.pictures, outcome.geometry))
    assert "Each quantity on its own scale" in page
    assert "Liver volume" in page
