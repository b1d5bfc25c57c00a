"""Numbers with units and intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Quality = Literal["ok", "warn", "poor"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval at ``level`` (0-1), in the unit of the value it belongs to."""

    low: float
    high: float
    level: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"interval is reversed: {self.low} > {self.high}")
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level must lie in (0, 1), not {self.level}")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A named value with its UCUM-like unit, how it was measured, and how good it is."""

    name: str
    value: float | None
    unit: str
    method: str
    interval: Interval | None = None
    quality: Quality = "ok"
