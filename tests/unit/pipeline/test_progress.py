"""Stages are timed, told and can be cancelled."""

import pytest

from steatoscope.pipeline.progress import Cancelled, Tracker


def test_stages_are_told_in_order_and_timed() -> None:
    told: list[str] = []
    tracker = Tracker(sink=lambda stage, _: told.append(stage))
    with tracker.stage("read"):
        pass
    with tracker.stage("check"):
        pass
    assert told == ["read", "check"]
    assert set(tracker.timings_ms) == {"read", "check"}


def test_cancel_stops_before_the_next_stage() -> None:
    tracker = Tracker(cancelled=lambda: True)
    with pytest.raises(Cancelled), tracker.stage("read"):
        pytest.fail("the stage ran")
    assert tracker.timings_ms == {}
