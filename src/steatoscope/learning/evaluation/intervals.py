"""Figures of a row of results with their bootstrap intervals, as benchmark documents hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from steatoscope.core.measurement import Interval


def with_intervals(
    figures: Mapping[str, float], spans: Mapping[str, Interval], *, digits: int | None = None
) -> dict[str, Any]:
    """Every finite figure by name, and beside it ``NAME_ci`` [low, high] where it has an interval.

    ``digits`` rounds all of them; figures that are not finite are left out.
    """
    found: dict[str, Any] = {}
    for name, value in figures.items():
        if math.isfinite(value):
            found[name] = _rounded(value, digits)
            if name in spans:
                found[f"{name}_ci"] = [_rounded(spans[name].low, digits), _rounded(spans[name].high, digits)]
    return found


def _rounded(value: float, digits: int | None) -> float:
    return value if digits is None else round(value, digits)
