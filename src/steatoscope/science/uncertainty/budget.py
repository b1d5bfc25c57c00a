"""An error budget: named sources of error in points of fat, and the interval that they make together.

Independent errors add up as squares. A bound that is known to be one-sided or unknown in size, such as that of an
unstated tube voltage, is added to the sum as it is (Taylor, An Introduction to Error Analysis, 1997, ch. 3).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

Addition = Literal["squares", "plain"]


@dataclass(frozen=True, slots=True)
class ErrorSource:
    """One source: its name, its size as an SD in points of fat, and how it is added to the others."""

    source: str
    sd_points: float
    added: Addition = "squares"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sd_points) and self.sd_points >= 0.0):
            raise ValueError(f"the SD of {self.source} must be finite and not negative: {self.sd_points}")


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """All sources of one value's error."""

    sources: tuple[ErrorSource, ...]

    @property
    def sd(self) -> float:
        """The SD of the whole in points of fat."""
        squares = math.hypot(*(one.sd_points for one in self.sources if one.added == "squares"))
        return squares + sum(one.sd_points for one in self.sources if one.added == "plain")

    def half_width(self, level: float) -> float:
        """Half the width of the central interval at ``level`` (0-1) in points of fat, for a Normal error."""
        return NormalDist().inv_cdf(0.5 + level / 2.0) * self.sd

    def with_sources(self, more: Iterable[ErrorSource]) -> ErrorBudget:
        """The budget with further sources, those of size 0 left out."""
        return ErrorBudget((*self.sources, *(one for one in more if one.sd_points > 0.0)))

    def part(self, source: str) -> float:
        """The SD of one source in points of fat; 0 where it is not in the budget."""
        return math.hypot(*(one.sd_points for one in self.sources if one.source == source))
