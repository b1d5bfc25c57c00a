"""Bars of what the estimate rests on: they start at the start, close at the value, and leave nothing out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from report_examples import us_outcome

from steatoscope.core.report import Contribution, ExplanationPart, StartPart
from steatoscope.service.report.contributions_figure import MOST_BARS, OTHERS, render_contributions, steps_of
from steatoscope.service.report.formatting import feature_value
from steatoscope.service.report.illustrations import charts


def explained(points: list[float], start: float | None) -> ExplanationPart:
    parts = [Contribution(feature=f"f{k}", value=float(k), effect_points=p) for k, p in enumerate(points)]
    begin = None if start is None else StartPart(value_percent=start, text="the mean patient")
    return ExplanationPart(heatmap=None, contributions=parts, start=begin)


def test_a_waterfall_goes_on_from_bar_to_bar_and_ends_at_the_value() -> None:
    steps = steps_of(explained([2.0, -5.0, 1.0], 14.0), 12.0)
    assert [step.points for step in steps] == [-5.0, 2.0, 1.0]
    assert [step.start for step in steps] == [14.0, 9.0, 11.0]
    assert steps[-1].start + steps[-1].points == pytest.approx(12.0)


@pytest.mark.parametrize("count", [3, MOST_BARS, MOST_BARS + 4])
def test_what_is_not_shown_is_one_bar(count: int) -> None:
    points = [1.0 + k for k in range(count)]
    value = 3.0 + sum(points) + 0.7
    steps = steps_of(explained(points, 3.0), value)
    assert steps[-1].feature == OTHERS
    assert len(steps) == min(count, MOST_BARS) + 1
    assert steps[-1].start + steps[-1].points == pytest.approx(value)


def test_without_a_start_every_bar_begins_at_nought() -> None:
    steps = steps_of(explained([2.0, -5.0], None), 12.0)
    assert [step.start for step in steps] == [0.0, 0.0]
    assert steps_of(None, 12.0) == ()


def test_values_carry_their_unit_and_empty_ones_are_left_out() -> None:
    assert feature_value("liver_hu", 46.04) == "46.0 HU"
    assert feature_value("free_parenchyma", -54.9) == "−55 grey levels"
    assert feature_value("network_liver", 0.52) == ""
    assert feature_value("index", 1.23456) == "1.23"


def test_the_waterfall_is_drawn_and_told() -> None:
    report = us_outcome().report
    value = report.fat.value_percent if report.fat else 0.0
    why = explained([4.0, -1.0], value - 3.0)
    report = report.model_copy(update={"explanation": why})
    png = render_contributions(report)
    assert png is not None
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    red, blue = ((np.abs(pixels - np.array(c)).sum(axis=2) < 12).sum() for c in ((200, 85, 61), (63, 127, 174)))
    assert red / blue == pytest.approx(4.0, rel=0.1)
    told = next(chart.alt for chart in charts(report) if chart.key == "contributions")
    assert told.startswith("Start: ")
    assert "+4.0 points" in told
    assert "−1.0 points" in told
