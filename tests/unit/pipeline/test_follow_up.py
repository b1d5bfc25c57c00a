from __future__ import annotations

from typing import Any

import pytest

from steatoscope.pipeline.findings import FatEstimate
from steatoscope.pipeline.follow_up import ALTERED, WORDS, follow_up

OWN = {"points": 5.0, "basis": "frames of one session", "lower_bound": True}


def _estimate(value: float, scale: str = "pdff", sd: float = 0.6) -> FatEstimate:
    margin = 1.644854 * sd
    return FatEstimate(value, scale, value - margin, value + margin, 0.9, sd, "fit 1", "median")


def _report(value: float, day: str | None, scale: str = "pdff", sd: float = 0.6, **config: Any) -> dict[str, Any]:
    margin = 1.644854 * sd
    found: dict[str, Any] = {
        "modality": "MR",
        "fat": {
            "value_percent": value,
            "scale": scale,
            "method": "fit 1",
            "interval": {"low": value - margin, "high": value + margin, "level": 0.9},
        },
        "models": [{"name": "m", "version": config.pop("version", "1")}],
        "quality": {"codes": [{"code": code} for code in config.pop("codes", ())]},
        "provenance": {"created": "2026-01-01T00:00:00+00:00", "report_digest": "a" * 64, "config": config},
    }
    return found if day is None else {**found, "acquired": day}


def _follow(value: float, previous: list[dict[str, Any]], scale: str = "pdff", sd: float = 0.6, **more: Any) -> Any:
    config = more.pop("config", {"manufacturer": "A", "kvp": 120.0})
    return follow_up(
        _estimate(value, scale, sd), "MR", config, ("m 1",), previous, acquired="2025-06-01", simulated=False, **more
    )


def test_three_visits_have_a_slope_with_a_verdict() -> None:
    earlier = [_report(16.0, "2023-06-01", manufacturer="A"), _report(13.0, "2024-06-01", manufacturer="A")]
    part = _follow(10.0, earlier)
    assert part is not None
    assert part.slope is not None
    assert (part.slope.verdict, part.slope.visits) == ("falling", 3)
    assert part.slope.points_per_year == pytest.approx(-3.0, abs=0.01)
    # RC 1.8: wSD 0.6494, half width 1.96 wSD / sqrt(sum of squares of years about 1)
    assert part.slope.interval.high - part.slope.points_per_year == pytest.approx(1.96 * 0.6494 / 2**0.5, abs=0.01)
    assert part.verdict == "improved"
    assert part.cautions == []
    assert _follow(10.0, earlier[:1]).slope is None


def test_reports_are_taken_in_the_order_of_their_scans_not_of_their_files() -> None:
    earlier = [_report(13.0, "2024-06-01"), _report(30.0, "2020-06-01")]
    assert _follow(12.0, earlier).delta_points == pytest.approx(-1.0)
    assert _follow(12.0, earlier[::-1]).delta_points == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"manufacturer": "B"}, "different scanners"),
        ({"manufacturer": "A", "kvp": 100.0}, "tube voltage"),
        ({"manufacturer": "A", "kernel": "sharp"}, None),
        ({"manufacturer": "A", "version": "2"}, "models or their versions"),
        ({}, "Not every scanner is known"),
    ],
)
def test_what_else_differs_is_said(config: dict[str, Any], words: str | None) -> None:
    cautions = _follow(10.0, [_report(14.0, "2024-06-01", **config)]).cautions
    assert (words is None and cautions == []) or any(words in caution for caution in cautions if words)


def test_another_scanner_needs_a_larger_change() -> None:
    assert _follow(10.0, [_report(13.0, "2024-06-01", manufacturer="A")]).verdict == "improved"
    assert _follow(10.0, [_report(13.0, "2024-06-01", manufacturer="B")]).verdict == "no measurable change"


@pytest.mark.parametrize(
    ("before", "words"),
    [(26.0, "no measurable change"), (40.0, "not certain"), (92.0, "improved, >= 30 % relative decline")],
)
def test_a_lower_bound_of_repeatability_alone_never_makes_a_change(before: float, words: str) -> None:
    config = {"manufacturer": "A", "repeatability": OWN}
    part = _follow(22.0, [_report(before, "2024-06-01", "histology", 12.0, **config)], "histology", 12.0, config=config)
    assert part.verdict.startswith(words)
    assert part.repeatability_points == 5.0
    assert part.certain_points == pytest.approx(1.96 * 12.0 * 2**0.5, rel=1e-3)
    assert part.basis == "frames of one session"


def test_the_slope_of_such_a_method_takes_the_models_error() -> None:
    config = {"manufacturer": "A", "repeatability": OWN}
    earlier = [_report(v, d, "histology", 12.0, **config) for v, d in ((60.0, "2023-06-01"), (50.0, "2024-06-01"))]
    slope = _follow(40.0, earlier, "histology", 12.0, config=config).slope
    assert slope is not None
    assert slope.verdict == "no measurable trend"
    assert slope.interval.high - slope.points_per_year == pytest.approx(1.96 * 12.0 / 2**0.5, rel=1e-2)


def test_simulated_and_real_are_never_compared() -> None:
    made_up = _report(14.0, "2024-06-01", codes=("W_SIMULATED",))
    assert _follow(10.0, [made_up]).verdict.startswith("not comparable: simulated")
    both = _follow(10.0, [made_up, _report(15.0, "2023-06-01")])
    assert both.delta_points == pytest.approx(-5.0)
    assert any("simulated" in words for words in both.cautions)


def test_unknown_days_are_told() -> None:
    assert any("day of acquisition" in words for words in _follow(10.0, [_report(14.0, None)]).cautions)


def test_an_image_of_a_later_day_is_no_earlier_one_and_counts_in_the_slope_alone() -> None:
    later, earlier = _report(28.0, "2028-06-01"), _report(10.0, "2022-06-01")
    alone = _follow(18.0, [later])
    assert (alone.delta_points, alone.verdict[:15]) == (None, "not comparable:")
    assert WORDS["later"] in alone.cautions
    both = _follow(18.0, [later, earlier])
    assert both.delta_points == pytest.approx(8.0)  # 18 - 10; not 18 - 28
    assert both.slope.values_percent == [10.0, 18.0, 28.0]
    assert (both.verdict, both.slope.verdict) == ("worsened", "rising")
    assert WORDS["later"] in both.cautions


def test_reports_of_another_subject_are_named() -> None:
    mine, other = {"subject": "Anna"}, {"subject": "Berta"}
    earlier = _report(10.0, "2022-06-01")
    assert WORDS["subjects"] in _follow(18.0, [earlier | other], subject="Anna").cautions
    assert WORDS["subjects"] not in _follow(18.0, [earlier | mine], subject="Anna").cautions
    assert WORDS["subjects"] not in _follow(18.0, [earlier], subject="Anna").cautions


def test_a_report_that_was_changed_gives_no_verdict_and_no_visit_of_the_slope() -> None:
    changed, first = _report(40.0, "2024-06-01") | {ALTERED: True}, _report(14.0, "2022-06-01")
    alone = _follow(10.0, [changed])
    assert (alone.delta_points, alone.verdict) == (
        None,
        "not comparable: the content of the earlier report does not match its digest",
    )
    assert alone.cautions == [WORDS["altered"]]
    both = _follow(10.0, [changed, first])
    assert (both.delta_points, both.slope) == (pytest.approx(-4.0), None)
    assert WORDS["altered"] in both.cautions
