"""What was read at doubtful places keeps its value and loses its reading against healthy people."""

from __future__ import annotations

import pytest

from steatoscope.core.measurement import Measurement, Quality
from steatoscope.core.report import BaselineItem
from steatoscope.pipeline.baseline_doubt import POOR_PLACES, without_doubtful
from steatoscope.pipeline.us_kidney import ODD_PLACES


def item(quantity: str) -> BaselineItem:
    return BaselineItem(
        quantity=quantity, value=1.11, unit="1", reference="published limits", percentile=40.0, z=-0.3,
        upper_limit=1.17, upper_limit_source="Johnson 2021", limits=[(1.17, "Johnson 2021")],
        quantiles=[(50.0, 1.0)], text="below 1.17: predictive value above 95 %.",
    )  # fmt: skip


ITEMS = [item("hepatorenal_index"), item("difference"), item("slope_all")]


@pytest.mark.parametrize("name", ["hepatorenal_index", "hepatorenal_index_hr"])
@pytest.mark.parametrize(("method", "reason"), [(f"automatic; {ODD_PLACES}", ODD_PLACES), ("automatic", POOR_PLACES)])
def test_a_poor_index_is_not_compared(name: str, method: str, reason: str) -> None:
    found = without_doubtful(ITEMS, [Measurement(name, 1.11, "1", method, quality="poor")])
    for one in found[:2]:
        assert one.text == f"unreliable: {reason}; it is not compared."
        assert (one.value, one.percentile, one.z, one.upper_limit, one.upper_limit_source) == (1.11, *[None] * 4)
        assert (one.limits, one.quantiles) == ([], [])
    assert found[2] == ITEMS[2]


@pytest.mark.parametrize(("value", "quality"), [(1.11, "ok"), (1.11, "warn"), (None, "poor")])
def test_a_sound_or_missing_index_changes_nothing(value: float | None, quality: Quality) -> None:
    assert (
        without_doubtful(ITEMS, [Measurement("hepatorenal_index", value, "1", "automatic", quality=quality)]) == ITEMS
    )
