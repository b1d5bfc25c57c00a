"""The error budget and the PDFF equivalent as the report prints them."""

from __future__ import annotations

import pytest
from report_examples import ct_outcome, mr_outcome

from steatoscope.core.report import ErrorSourcePart, PdffEquivalent, Report
from steatoscope.pipeline.assemble import _fat_part
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.pipeline.outcome import Outcome
from steatoscope.science.quantify.ct_equations import fat_equivalent
from steatoscope.service.report.content import present
from steatoscope.service.report.html import render_html
from steatoscope.service.report.tables import Table


def _report(**changes: object) -> Report:
    report = ct_outcome().report
    assert report.fat is not None
    return report.model_copy(update={"fat": report.fat.model_copy(update=changes)})


def _table(report: Report) -> Table | None:
    return next((one for one in present(report).tables if one.title == "Error budget of the fat value"), None)


def test_the_budget_of_a_ct_reaches_the_report_and_adds_up() -> None:
    found = fat_equivalent(40.0, 1.5, kvp_known=False)
    estimate = FatEstimate(
        value_percent=found.value_percent, scale="ct_pdff_equiv", low=found.low, high=found.high, level=0.9,
        sd=found.sd, method="m", statistic="s", budget=found.budget,
    )  # fmt: skip
    part = _fat_part(estimate)
    assert part.error_budget is not None
    sizes = {one.source: (one.sd_points, one.added) for one in part.error_budget}
    assert sizes["noise and unevenness of the liver"] == (0.87, "squares")
    assert sizes["unknown tube voltage"] == (pytest.approx(3.0 / 1.644854, abs=1e-3), "plain")
    squares = sum(size**2 for size, added in sizes.values() if added == "squares") ** 0.5
    half = 1.6448536 * (squares + sizes["unknown tube voltage"][0])
    assert part.interval.high - part.value_percent == pytest.approx(half, abs=1e-3)


def test_rows_are_largest_first_with_their_sum() -> None:
    budget = [
        ErrorSourcePart(source="small", sd_points=0.3),
        ErrorSourcePart(source="large", sd_points=0.4),
        ErrorSourcePart(source="bound", sd_points=1.0, added="plain"),
    ]
    table = _table(_report(error_budget=budget))
    assert table is not None
    assert [row[0] for row in table.rows] == ["bound", "large", "small", "All together"]
    assert [row[1] for row in table.rows] == [f"{n} points of fat" for n in ("1.00", "0.40", "0.30", "1.50")]
    assert table.rows[0][2] == "as a bound, plainly"
    assert table.rows[-1][2] == "± 2.5 points at 90 %"
    page = render_html(Outcome(_report(error_budget=budget), (), None), ())
    assert "Error budget of the fat value" in page
    assert "as a bound, plainly" in page


def test_a_value_without_a_budget_has_no_table() -> None:
    assert _table(ct_outcome().report) is None
    assert _table(mr_outcome().report) is None


def test_the_equivalent_of_a_ct_is_its_own_value_and_is_not_said_twice() -> None:
    equivalent = PdffEquivalent(value_percent=12.0, interval=None, conversion="approximate")
    headline = present(_report(pdff_equivalent=equivalent)).headline
    assert headline is not None
    assert not any("equivalent" in remark for remark in headline.remarks)
    dixon = present(_report(pdff_equivalent=equivalent, scale="dixon_sff")).headline
    assert dixon is not None
    assert any("Approximate PDFF equivalent, for display only: 12.0 %" in remark for remark in dixon.remarks)
