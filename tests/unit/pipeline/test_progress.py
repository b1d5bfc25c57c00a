"""Stages are timed, told and can be cancelled."""

import pytest

from steatoscope.pipeline.progress import Cancelled, Tracker


def test_stages_are_told_in_order_and_timed() -> None:
    told: list[tuple[str, float]] = []
    tracker = Tracker(sink=lambda stage, fraction: told.append((stage, fraction)))
    for stage in ("read", "segment", "check"):
        with tracker.stage(stage):
            pass
    assert told == [("read", 0.0), ("segment", 0.1), ("check", 0.2)]
    assert set(tracker.timings_ms) == {"read", "segment", "check"}


def test_cancel_stops_before_the_next_stage() -> None:
    tracker = Tracker(cancelled=lambda: True)
    with pytest.raises(Cancelled), tracker.stage("read"):
        pytest.fail("the stage ran")
    assert tracker.timings_ms == {}
