"""Timelines, reports side by side, and agreement of modalities, against hand-computed values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from steatoscope.pipeline.compare import compare_reports
from steatoscope.pipeline.modality_agreement import agreement_groups, limits_of_agreement, obstacle
from steatoscope.pipeline.timeline import Visit, same_scanner, step, timeline


def _visit(study: str, on: date, value: float, **more: Any) -> Visit:
    given: dict[str, Any] = {"modality": "MR", "scale": "pdff", "method": "fit", "low": value - 1, "high": value + 1}
    return Visit(study_id=study, on=on, value=value, **{**given, **more})


def test_visits_of_one_scale_share_a_track_with_a_verdict_at_each_step() -> None:
    visits = [
        _visit("c", date(2026, 7, 1), 13.0),
        _visit("a", date(2026, 1, 1), 20.0),
        _visit("b", date(2026, 4, 1), 19.0),
    ]
    track = timeline(visits).tracks[0]
    assert [visit.study_id for visit in track.visits] == ["a", "b", "c"]
    assert [s.change.verdict for s in track.steps] == ["no measurable change", "improved, >= 30 % relative decline"]
    assert track.since_first is not None
    assert track.since_first.change.delta_points == -7.0


def test_a_larger_change_is_needed_across_scanners() -> None:
    one = _visit("a", date(2026, 1, 1), 10.0, scanner="GE")
    same, other = (_visit("b", date(2026, 4, 1), 13.0, scanner=name) for name in ("GE", "Siemens"))
    assert step(one, same).change.verdict == "worsened"
    assert step(one, other).change.verdict == "no measurable change"
    assert same_scanner(one, _visit("c", date(2026, 5, 1), 1.0)) is None


def test_scales_and_simulation_have_tracks_of_their_own_and_a_caution() -> None:
    found = timeline(
        [
            _visit("a", date(2026, 1, 1), 10.0),
            _visit("b", date(2026, 2, 1), 30.0, modality="US", scale="histology"),
            _visit("c", date(2026, 3, 1), 12.0, simulated=True),
        ]
    )
    assert [(t.scale, t.simulated, len(t.visits)) for t in found.tracks] == [
        ("histology", False, 1),
        ("pdff", False, 1),
        ("pdff", True, 1),
    ]
    assert found.cautions == ("modalities", "scales", "simulated")
    assert timeline([]).tracks == ()


def test_another_method_gives_no_difference_and_a_caution() -> None:
    track = timeline(
        [
            _visit("a", date(2026, 1, 1), 10.0, models=("net 1",), scanner="GE"),
            _visit("b", date(2026, 4, 1), 18.0, method="other", models=("net 2",), scanner="GE"),
        ]
    ).tracks[0]
    assert track.steps[0].change.delta_points is None
    assert track.steps[0].change.verdict.startswith("not comparable")
    assert track.cautions == ("methods", "models")


def test_the_slope_over_a_year_by_hand() -> None:
    days = (date(2025, 1, 1), date(2025, 7, 2), date(2026, 1, 1))
    track = timeline([_visit(str(k), day, 10.0 + 2 * k) for k, day in enumerate(days)]).tracks[0]
    assert track.slope is not None
    # days 0, 182 and 365 (symmetric but for half a day): slope = (14 - 10) / (365 / 365.25) years;
    # margin = 1.96 (1.8 / 2.772) / sqrt(2 x 0.49966^2)
    assert track.slope.points_per_year == pytest.approx(4.0 * 365.25 / 365, rel=1e-5)
    assert track.slope.interval.high - track.slope.points_per_year == pytest.approx(1.8018, abs=2e-3)


@pytest.mark.parametrize("days", [(1, 1, 1), (1, 2)])
def test_no_slope_for_two_visits_or_one_day(days: tuple[int, ...]) -> None:
    visits = [_visit(str(k), date(2026, 1, day), 10.0 + k) for k, day in enumerate(days)]
    assert timeline(visits).tracks[0].slope is None


def _report(fat: float | None, *, scale: str = "pdff", method: str = "fit", **measured: float) -> dict[str, Any]:
    return {
        "modality": "MR",
        "fat": None if fat is None else {"value_percent": fat, "scale": scale, "method": method},
        "measurements": [{"name": n, "value": v, "unit": "1/s", "method": "m"} for n, v in measured.items()],
    }


def test_side_by_side_subtracts_right_minus_left_and_follows_time() -> None:
    late, early = _visit("b", date(2026, 6, 1), 8.0), _visit("a", date(2026, 1, 1), 14.0)
    found = compare_reports(_report(8.0, r2star=50.0), _report(14.0, r2star=44.0), (late, early), same=True)
    assert {row.name: row.difference for row in found.rows} == {"fat_percent": 6.0, "r2star": -6.0}
    assert found.reversed_order
    assert found.change is not None
    assert (found.change.delta_points, found.change.verdict) == (-6.0, "improved, >= 30 % relative decline")


@pytest.mark.parametrize(
    ("other", "obstacle_name", "hindrance"),
    [
        ({"scale": "histology"}, "scale", "scale"),
        ({"method": "else"}, "method", "method"),
        ({"simulated": True}, "simulated", ""),
    ],
)
def test_what_may_not_be_compared_says_why(other: dict[str, Any], obstacle_name: str, hindrance: str) -> None:
    left, right = _visit("a", date(2026, 1, 1), 8.0), _visit("b", date(2026, 2, 1), 9.0, **other)
    words = {key: value for key, value in other.items() if key != "simulated"}
    found = compare_reports(_report(8.0), _report(9.0, **words), (left, right), same=True)
    assert (found.obstacle, found.change) == (obstacle_name, None)
    assert found.rows[0].hindrance == hindrance
    assert (found.rows[0].difference is None) == bool(hindrance)


def test_two_people_get_no_verdict_and_a_missing_value_no_difference() -> None:
    visits = (_visit("a", date(2026, 1, 1), 8.0), _visit("b", date(2026, 2, 1), 9.0))
    assert compare_reports(_report(8.0), _report(9.0), visits, same=False).obstacle == "patients"
    found = compare_reports(_report(8.0, r2star=1.0), _report(None), (visits[0], None), same=True)
    assert found.obstacle == "value"
    assert {row.name: row.hindrance for row in found.rows} == {"fat_percent": "missing", "r2star": "missing"}


def test_bland_altman_by_hand() -> None:
    # differences 1, 2, 3, 4, 5: bias 3, SD sqrt(2.5); t(4, 0.975) = 2.776445
    found = limits_of_agreement([2.0, 4.0, 6.0, 8.0, 10.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert found is not None
    sd = 2.5**0.5
    assert (found.n, found.bias, found.sd) == (5, 3.0, pytest.approx(sd))
    assert found.low == pytest.approx(3 - 1.959964 * sd, abs=1e-5)
    assert found.high == pytest.approx(3 + 1.959964 * sd, abs=1e-5)
    assert found.bias_interval.high - 3 == pytest.approx(2.776445 * sd / 5**0.5, abs=1e-5)
    half = 2.776445 * sd * (1 / 5 + 1.959964**2 / 8) ** 0.5
    assert found.high_interval.high - found.high == pytest.approx(half, abs=1e-5)
    assert limits_of_agreement([1.0, 2.0], [1.0, 2.0]) is None


def test_pairs_are_one_a_patient_and_nearest_in_time() -> None:
    ct = {"modality": "CT", "scale": "ct_pdff_equiv"}
    visits = {
        "P": [
            _visit("m1", date(2026, 1, 1), 10.0),
            _visit("c1", date(2026, 1, 20), 12.0, **ct),
            _visit("m2", date(2026, 1, 25), 11.0),
        ],
        "far": [_visit("m3", date(2025, 1, 1), 1.0), _visit("c3", date(2026, 1, 1), 2.0, **ct)],
        "mixed": [_visit("m4", date(2026, 1, 1), 1.0, simulated=True), _visit("c4", date(2026, 1, 1), 2.0, **ct)],
    }
    groups = agreement_groups(visits, "CT", "MR", 90)
    assert [(pair.x.study_id, pair.y.study_id, pair.days) for group in groups for pair in group.pairs] == [
        ("c1", "m2", 5)
    ]
    assert groups[0].obstacle == ""
    assert "equation" in groups[0].conversion


def test_scales_that_are_no_pdff_are_refused_with_the_reason() -> None:
    us = {"modality": "US", "scale": "histology"}
    visits = {
        f"p{k}": [_visit(f"m{k}", date(2026, 1, 1), k), _visit(f"u{k}", date(2026, 1, 1), k, **us)] for k in range(4)
    }
    group = agreement_groups(visits, "US", "MR", 0)[0]
    assert (len(group.pairs), group.limits) == (4, None)
    assert "liver cells" in group.obstacle
    assert obstacle("dixon_sff", "pdff")
    assert obstacle("us_model", "ct_pdff_equiv")
    assert not obstacle("pdff", "pdff")
    assert not obstacle("mrs_pdff", "ct_pdff_equiv")


def test_visits_of_one_day_stand_in_the_order_of_upload_and_have_a_difference_but_no_direction() -> None:
    day = date(2026, 3, 1)
    late = _visit("a", day, 20.0, uploaded=True, added=datetime(2026, 3, 1, 15, tzinfo=UTC))
    early = _visit("b", day, 10.0, uploaded=True, added=datetime(2026, 3, 1, 9, tzinfo=UTC))
    found = timeline([late, early])
    track = found.tracks[0]
    assert [visit.study_id for visit in track.visits] == ["b", "a"]
    change = track.steps[0].change
    assert (change.delta_points, change.relative_percent) == (10.0, None)
    assert change.verdict == "two measurements of one day"
    assert found.cautions == ("uploaded",)
    assert "same_day" in track.cautions
    compared = compare_reports({"modality": "MR"}, {"modality": "MR"}, (late, early), same=True)
    assert compared.change is not None
    assert (compared.change.delta_points, compared.reversed_order) == (-10.0, False)


def test_a_measurement_that_both_lack_is_on_neither_side() -> None:
    def report(value: float | None) -> dict[str, Any]:
        part = {"name": "spleen_hu", "value": value, "unit": "HU", "method": "m"}
        return {"modality": "CT", "measurements": [part]}

    rows = [compare_reports(report(one), report(other), (None, None), same=True).rows[0]
            for one, other in ((None, None), (50.0, None), (50.0, 52.0))]  # fmt: skip
    assert [row.hindrance for row in rows] == ["neither", "missing", ""]
