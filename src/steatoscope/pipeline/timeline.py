"""A patient's visits over time: one track a scale, verdicts between visits, a slope where there are enough of them.

Values of different scales never share a track, and simulated never joins real. Whether two visits may be compared is
decided by :func:`steatoscope.science.clinical.change.change_from_reports`, as in the report itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final

from steatoscope.core.measurement import Interval
from steatoscope.core.report import ChangePart
from steatoscope.pipeline.protocol import protocol_differs
from steatoscope.science.clinical.change import change_from_reports, trend, trend_verdict
from steatoscope.science.clinical.repeatability import RC_PER_SD, Repeatability, interval_sd, repeatability_of

DAYS_A_YEAR: Final = 365.25
FEWEST_FOR_SLOPE: Final = 3


@dataclass(frozen=True, slots=True)
class Visit:
    """One measured study: fat in percent on ``scale`` with its interval, and what it was measured with.

    ``on`` is the day of acquisition; with ``uploaded`` it is the day of upload, because the images name no day.
    ``protocol`` are facts of the acquisition, ``repeatability`` is that of the model where it brings its own.
    """

    study_id: str
    on: date
    modality: str
    scale: str
    method: str
    value: float
    low: float
    high: float
    level: float = 0.9
    grade: str | None = None
    scanner: str | None = None
    models: tuple[str, ...] = ()
    simulated: bool = False
    uploaded: bool = False
    added: datetime | None = None
    protocol: Mapping[str, str] = field(default_factory=dict)
    repeatability: Repeatability | None = None

    @property
    def sd(self) -> float:
        """The SD of the value's error in points, from its interval."""
        return interval_sd(self.low, self.high, self.level)

    @property
    def order(self) -> tuple[date, str, str]:
        """By day; of one day by the moment of upload."""
        return self.on, self.added.isoformat() if self.added else "", self.study_id


@dataclass(frozen=True, slots=True)
class Step:
    """The change between two visits; ``same_scanner`` is None where a scanner is not known."""

    earlier: Visit
    later: Visit
    change: ChangePart
    same_scanner: bool | None


@dataclass(frozen=True, slots=True)
class Slope:
    """Points of fat a year over ``visits`` visits by one method, with a 95 % interval and what it says in words.

    ``cautious`` where the repeatability is only a lower bound, so that the interval takes the model's error instead.
    ``years`` since the first visit and ``values`` are what it was fitted to.
    """

    points_per_year: float
    interval: Interval
    visits: int
    verdict: str
    cautious: bool
    years: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Track:
    """All visits on one scale in order, the change at each of them, the change since the first, and the slope."""

    scale: str
    simulated: bool
    visits: tuple[Visit, ...]
    steps: tuple[Step, ...]
    since_first: Step | None
    slope: Slope | None
    cautions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Tracks of one patient, and what keeps them apart: codes of :data:`CAUTIONS`."""

    tracks: tuple[Track, ...]
    cautions: tuple[str, ...]


CAUTIONS: Final = (
    "modalities", "scales", "methods", "models", "scanners", "protocols", "scanner_unknown", "simulated", "uploaded",
    "same_day",
)  # fmt: skip
SAME_DAY: Final = "two measurements of one day"


def timeline(visits: Sequence[Visit]) -> Timeline:
    """The visits of one patient as tracks by scale; real tracks come first, each in the order of time."""
    ordered = sorted(visits, key=lambda visit: visit.order)
    keys = sorted({(visit.simulated, visit.scale) for visit in ordered})
    tracks = tuple(_track(scale, simulated, ordered) for simulated, scale in keys)
    apart = {
        "modalities": len({visit.modality for visit in ordered}) > 1,
        "scales": len({visit.scale for visit in ordered}) > 1,
        "simulated": any(visit.simulated for visit in ordered),
        "uploaded": any(visit.uploaded for visit in ordered),
    }
    return Timeline(tracks, tuple(name for name in CAUTIONS if apart.get(name)))


def step(earlier: Visit, later: Visit) -> Step:
    """The change from one visit to a later one, with the verdict or the reason why there is none.

    Two visits of one day have a difference but no direction in time: nothing improved or worsened.
    """
    same = same_scanner(earlier, later)
    change = change_from_reports(
        later.value,
        later.scale,
        later.method,
        [_as_report(earlier)],
        same_scanner=same is not False,
        own=later.repeatability,
        sd=later.sd,
    )
    if change is None:
        raise ValueError("a step needs an earlier visit")
    if earlier.on == later.on and change.delta_points is not None:
        change = change.model_copy(update={"relative_percent": None, "verdict": SAME_DAY})
    return Step(earlier, later, change, same)


def same_scanner(one: Visit, other: Visit) -> bool | None:
    """Whether both come from one scanner as far as the headers tell; None where a header is silent."""
    if one.scanner is None or other.scanner is None:
        return None
    return one.scanner == other.scanner


def _track(scale: str, simulated: bool, ordered: Sequence[Visit]) -> Track:
    own = [visit for visit in ordered if visit.scale == scale and visit.simulated == simulated]
    steps = tuple(step(earlier, later) for earlier, later in pairwise(own))
    since_first = step(own[0], own[-1]) if len(own) > 2 else None
    return Track(scale, simulated, tuple(own), steps, since_first, slope_of(own), _cautions(own))


def slope_of(visits: Sequence[Visit]) -> Slope | None:
    """The slope of the visits by the newest method; None for too few, for one day, or without a repeatability."""
    own = [visit for visit in visits if visit.method == visits[-1].method]
    if len(own) < FEWEST_FOR_SLOPE or own[0].on == own[-1].on:
        return None
    mean = sum(visit.value for visit in own) / len(own)
    alike = all(same_scanner(own[0], visit) is not False for visit in own)
    known = repeatability_of(own[0].scale, mean, same_scanner=alike, own=own[-1].repeatability)
    if known is None:
        return None
    error = RC_PER_SD * sum(visit.sd for visit in own) / len(own)
    reach = max(known.points, error) if known.lower_bound else known.points
    years = tuple((visit.on - own[0].on).days / DAYS_A_YEAR for visit in own)
    values = tuple(visit.value for visit in own)
    points, interval = trend(years, values, reach)
    return Slope(points, interval, len(own), trend_verdict(interval), known.lower_bound, years, values)


def cautions_of(visits: Sequence[Visit]) -> tuple[str, ...]:
    """What differs between visits of one scale and may look like a change: codes of :data:`CAUTIONS`."""
    if len(visits) < 2:
        return ()
    scanners = {visit.scanner for visit in visits}
    found = {
        "modalities": len({visit.modality for visit in visits}) > 1,
        "methods": len({visit.method for visit in visits}) > 1,
        "models": len({visit.models for visit in visits}) > 1,
        "scanners": len(scanners - {None}) > 1,
        "protocols": any(protocol_differs(one.protocol, other.protocol) for one, other in pairwise(visits)),
        "scanner_unknown": None in scanners,
        "uploaded": any(visit.uploaded for visit in visits),
        "same_day": len({visit.on for visit in visits}) < len(visits),
    }
    return tuple(name for name in CAUTIONS if found.get(name))


def _cautions(visits: Sequence[Visit]) -> tuple[str, ...]:
    return tuple(name for name in cautions_of(visits) if name != "uploaded")


def _as_report(visit: Visit) -> Mapping[str, Any]:
    return {
        "fat": {
            "value_percent": visit.value,
            "scale": visit.scale,
            "method": visit.method,
            "interval": {"low": visit.low, "high": visit.high, "level": visit.level},
        },
        "provenance": {"created": visit.on.isoformat(), "report_digest": visit.study_id},
    }
