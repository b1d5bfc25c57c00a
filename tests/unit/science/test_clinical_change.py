from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from steatoscope.science.clinical.change import change_from_reports, compare, trend
from steatoscope.science.clinical.fatty_area import fatty_area, fatty_share_percent
from steatoscope.science.clinical.repeatability import Repeatability, repeatability_points


def _report(value: float | None, created: str, scale: str = "pdff", method: str = "complex") -> dict[str, Any]:
    fat = None if value is None else {"value_percent": value, "scale": scale, "method": method}
    return {"fat": fat, "provenance": {"created": created, "report_digest": f"digest-{created}"}}


@pytest.mark.parametrize(
    ("scale", "same", "expected"),
    [
        ("pdff", True, 1.8),
        ("pdff", False, 4.2),
        ("ct_pdff_equiv", True, 4.0),
        ("ct_pdff_equiv", False, None),
        ("histology", True, None),
    ],
)
def test_repeatability(scale: str, same: bool, expected: float | None) -> None:
    assert repeatability_points(scale, 10.0, same_scanner=same) == expected


def test_repeatability_of_spectroscopy_and_of_a_model() -> None:
    assert repeatability_points("mrs_pdff", 10.0) == pytest.approx(1.96 * math.sqrt(2) * 0.85)
    assert repeatability_points("histology", 10.0) is None
    own = Repeatability(5.1, "frames of one session", lower_bound=True)
    assert repeatability_points("histology", 10.0, own=own) == 5.1


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (11.7, 10.0, "no measurable change"),
        (12.0, 10.0, "worsened"),
        (8.0, 10.0, "improved"),
        (6.9, 10.0, "improved, >= 30 % relative decline"),
        (2.0, 4.0, "improved"),
    ],
)
def test_verdicts(now: float, before: float, words: str) -> None:
    assert compare(now, before, 1.8).verdict == words


def test_relative_change_needs_a_baseline_of_five_percent() -> None:
    assert compare(2.0, 4.0, 1.8).relative_percent is None
    assert compare(7.0, 10.0, 1.8).relative_percent == pytest.approx(-30.0)


def test_the_latest_comparable_report_counts() -> None:
    reports = [_report(12.0, "2024-05"), _report(20.0, "2023-01"), _report(9.0, "2025-01", scale="histology")]
    part = change_from_reports(8.0, "pdff", "complex", reports)
    assert part is not None
    assert part.delta_points == pytest.approx(-4.0)
    assert part.previous == "digest-2024-"


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (_report(12.0, "2024", scale="histology"), "scale histology"),
        (_report(12.0, "2024", method="magnitude"), "another method"),
        (_report(None, "2024"), "no fat value"),
    ],
)
def test_what_is_not_comparable_has_no_difference(report: dict[str, Any], reason: str) -> None:
    part = change_from_reports(8.0, "pdff", "complex", [report])
    assert part is not None
    assert part.delta_points is None
    assert part.repeatability_points is None
    assert reason in part.verdict


def test_no_earlier_report_no_change() -> None:
    assert change_from_reports(8.0, "pdff", "complex", []) is None


def test_trend_matches_polyfit_and_covers_the_truth() -> None:
    years = np.array([0.0, 0.5, 1.0, 2.0])
    rng = np.random.default_rng(3)
    sd = 1.8 / (1.96 * math.sqrt(2))
    inside = 0
    for _ in range(2000):
        values = 12.0 - 1.5 * years + rng.normal(0.0, sd, years.size)
        slope, interval = trend(years.tolist(), values.tolist(), 1.8)
        assert slope == pytest.approx(np.polyfit(years, values, 1)[0], abs=1e-9)
        inside += interval.low <= -1.5 <= interval.high
    # Binomial standard error of 2000 draws at 95 %: 0.5 %.
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)


def test_trend_needs_three_visits() -> None:
    with pytest.raises(ValueError, match="three or more"):
        trend([0.0, 1.0], [5.0, 6.0], 1.8)
    with pytest.raises(ValueError, match="same time"):
        trend([1.0, 1.0, 1.0], [5.0, 6.0, 7.0], 1.8)


def test_fatty_area_counts_finite_liver_voxels_only() -> None:
    fat = np.array([[[1.0, 6.0, 9.0, np.nan, 50.0]]], dtype=np.float32)
    liver = np.array([[[True, True, True, True, False]]])
    assert fatty_share_percent(fat, liver, 6.0) == pytest.approx(200.0 / 3.0)
    part = fatty_area(fat, liver, 5.5, "smoothed")
    assert part is not None
    assert (part.threshold, part.method) == (5.5, "smoothed")
    assert fatty_area(np.full_like(fat, np.nan), liver, 5.5, "smoothed") is None
    with pytest.raises(ValueError, match="shape"):
        fatty_share_percent(fat, liver[..., :2], 5.5)


def test_a_change_of_nothing_is_nought_and_no_rounding_error() -> None:
    part = compare(17.9000000000001, 17.9, None)
    assert (part.delta_points, part.relative_percent) == (0.0, 0.0)
    moved = compare(17.95004, 17.9, None)
    assert (moved.delta_points, moved.relative_percent) == (0.05, pytest.approx(100 * 0.05 / 17.9, abs=1e-4))
