"""Comparisons that rest on doubtful places: the values stay, their readings against healthy people do not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from steatoscope.core.measurement import Measurement
from steatoscope.core.report import BaselineItem
from steatoscope.pipeline.us_kidney import INDEX, ODD_PLACES

DISTANCE: Final = "normality_distance"
READ_THERE: Final = ("hepatorenal_index", "difference")
POOR_PLACES: Final = "the places of liver and cortex are poor"


def doubt_of(measurements: Iterable[Measurement]) -> str:
    """Why the hepatorenal index of any view is unreliable; empty where it is not, or was not measured."""
    poor = [m for m in measurements if m.name.startswith(INDEX) and m.value is not None and m.quality == "poor"]
    if not poor:
        return ""
    return ODD_PLACES if any(ODD_PLACES in m.method for m in poor) else POOR_PLACES


def without_doubtful(items: Sequence[BaselineItem], measurements: Iterable[Measurement]) -> list[BaselineItem]:
    """The items; those read at doubtful places carry a value and the reason, and no limit, percentile or z."""
    doubt = doubt_of(measurements)
    return [_unread(item, doubt) if doubt and item.quantity in READ_THERE else item for item in items]


def _unread(item: BaselineItem, doubt: str) -> BaselineItem:
    nothing = {"percentile": None, "z": None, "upper_limit": None, "upper_limit_source": None}
    text = f"unreliable: {doubt}; it is not compared."
    return item.model_copy(update={**nothing, "limits": [], "quantiles": [], "text": text})
