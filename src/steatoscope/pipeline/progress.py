"""Stages of an analysis: timed, reported and cancellable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

STAGES = ("read", "check", "prepare", "segment", "localise", "measure", "grade", "compare", "explain", "report")

ProgressSink = Callable[[str, float], None]
CancelQuery = Callable[[], bool]


class Cancelled(Exception):
    """The analysis was cancelled between two stages."""


def _silent(_stage: str, _fraction: float) -> None:
    return None


def _never() -> bool:
    return False


@dataclass(frozen=True, eq=False)
class Tracker:
    """Times the stages of one analysis, tells ``sink`` about them and asks ``cancelled`` before each.

    ``sink(stage, fraction)`` gets the name of the stage that begins and the share of stages done (0-1), which never
    falls: the order of stages differs between modalities.
    """

    sink: ProgressSink = _silent
    cancelled: CancelQuery = _never
    timings_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run one stage; raises :class:`Cancelled` where the caller asked to stop."""
        if self.cancelled():
            raise Cancelled(name)
        self.sink(name, min(len(self.timings_ms) / len(STAGES), 1.0))
        start = time.perf_counter()
        try:
            yield
        finally:
            elapsed = (time.perf_counter() - start) * 1000.0
            self.timings_ms[name] = round(self.timings_ms.get(name, 0.0) + elapsed, 3)
