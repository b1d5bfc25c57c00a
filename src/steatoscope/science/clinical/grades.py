"""Steatosis grades S0 to S3 from a fat content in percent, by named profiles of limits.

A grade is always derived from the stored percentage and a named profile, and is never stored alone. Histology counts
cells that hold fat, PDFF counts protons: a value on the histology scale is graded by the histology limits only, and
every other scale never by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType
from typing import Final

from steatoscope.core.errors import QualityCode, UsageError, warning
from steatoscope.core.measurement import Interval
from steatoscope.core.report import GradeLabel, GradePart

LABELS: Final[tuple[GradeLabel, ...]] = ("normal", "mild", "moderate", "severe")
DEFAULT_PROFILE: Final = "pooled2024"
HISTOLOGY_PROFILE: Final = "histology_nash"
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class GradeProfile:
    """Three rising limits in percent of fat between normal, mild, moderate and severe.

    ``closed_below`` tells for each limit whether a value equal to it still belongs to the lower grade.
    """

    name: str
    limits: tuple[float, float, float]
    reference: str
    closed_below: tuple[bool, bool, bool] = (False, False, False)


_PROFILES = (
    GradeProfile("pooled2024", (5.5, 15.5, 20.5), "KASL guideline (Clin Mol Hepatol 2024), table 15, rounded"),
    GradeProfile("tang2013", (6.4, 17.4, 22.1), "Tang (Radiology 2013), n = 77"),
    GradeProfile("japan2022", (5.2, 11.3, 17.1), "Japanese multicentre reference for ultrasound devices, n = 562"),
    GradeProfile(
        "mrs_pisa",
        (3.12, 8.77, 13.69),
        "H-MRS limits of the Pisa group, as restated by Colantonio",
        (True, True, True),
    ),
    GradeProfile("ship2017", (5.1, 14.1, 28.0), "SHIP, Kuehn (Radiology 2017), n = 2561"),
    GradeProfile(
        "histology_nash",
        (5.0, 33.0, 66.0),
        "NASH Clinical Research Network, Kleiner (Hepatology 2005)",
        (False, True, True),
    ),
)
PROFILES: Final[Mapping[str, GradeProfile]] = MappingProxyType({profile.name: profile for profile in _PROFILES})


def profile_named(name: str) -> GradeProfile:
    """The profile of that name; :class:`UsageError` where there is none."""
    try:
        return PROFILES[name]
    except KeyError:
        raise UsageError(f"unknown grade profile {name!r}; known: {', '.join(PROFILES)}") from None


def profile_for_scale(scale: str, requested: str | None = None) -> str:
    """The name of the profile that grades a value on ``scale``.

    The histology scale always takes ``histology_nash``; any other scale takes the requested profile, or the default
    where none, or the histology one, was asked for. An unknown name is a :class:`UsageError`.
    """
    if requested is not None:
        profile_named(requested)
    if scale == "histology":
        return HISTOLOGY_PROFILE
    if requested is None or requested == HISTOLOGY_PROFILE:
        return DEFAULT_PROFILE
    return requested


def grade_for(value_percent: float, profile: str) -> tuple[GradeLabel, int]:
    """Label and index (0-3) of a fat content in percent; negative raw values are normal."""
    limits = profile_named(profile)
    index = sum(
        value_percent > limit if closed else value_percent >= limit
        for limit, closed in zip(limits.limits, limits.closed_below, strict=True)
    )
    return LABELS[index], index


def sd_from_interval(interval: Interval) -> float:
    """The SD of a Normal error with this central interval."""
    return (interval.high - interval.low) / (2.0 * NormalDist().inv_cdf(0.5 + interval.level / 2.0))


def grade_probabilities(value_percent: float, error: float | Interval, profile: str) -> dict[str, float]:
    """Probability of each grade when the true value is Normal around ``value_percent``.

    ``error`` is an SD in points of fat, or an interval whose width gives the SD. An SD of 0 gives one certain grade.
    """
    sd = sd_from_interval(error) if isinstance(error, Interval) else error
    if sd < 0.0:
        raise ValueError(f"the SD must not be negative: {sd}")
    if sd == 0.0:
        certain = grade_for(value_percent, profile)[0]
        return {label: float(label == certain) for label in LABELS}
    below = [NormalDist(value_percent, sd).cdf(limit) for limit in profile_named(profile).limits]
    edges = [0.0, *below, 1.0]
    return {label: high - low for label, low, high in zip(LABELS, edges[:-1], edges[1:], strict=True)}


def grade_set(probabilities: Mapping[str, float], level: float) -> list[str]:
    """The smallest set of labels whose probabilities add up to ``level``, in order of grade."""
    chosen: list[str] = []
    total = 0.0
    for label in sorted(probabilities, key=lambda name: -probabilities[name]):
        chosen.append(label)
        total += probabilities[label]
        if total >= level - _ROUNDING:
            break
    return [label for label in LABELS if label in chosen]


def borderline(value_percent: float, profile: str, repeatability_points: float | None) -> QualityCode | None:
    """``W_BORDERLINE`` where the value lies less than half a repeatability coefficient from a limit."""
    if repeatability_points is None:
        return None
    limits = profile_named(profile).limits
    distances = [abs(value_percent - limit) for limit in limits]
    nearest = distances.index(min(distances))
    if distances[nearest] >= repeatability_points / 2.0:
        return None
    return warning("W_BORDERLINE", f"Borderline S{nearest}/S{nearest + 1} (limit {limits[nearest]:g} %).")


def grade_part(
    value_percent: float,
    error: float | Interval,
    profile: str,
    level: float = 0.9,
    probabilities: Mapping[str, float] | None = None,
) -> GradePart:
    """The grade with its limits, probabilities and set, ready for the report.

    ``probabilities`` replaces the Normal error model where a model gives its own.
    """
    label, index = grade_for(value_percent, profile)
    shares = dict(probabilities) if probabilities is not None else grade_probabilities(value_percent, error, profile)
    return GradePart(
        label=label,
        index=index,
        profile=profile,
        limits=list(profile_named(profile).limits),
        probabilities=shares,
        set=grade_set(shares, level),
        level=level,
    )


def steatosis_probability(probabilities: Mapping[str, float]) -> float:
    """Probability of any steatosis, that is of a grade above normal."""
    return sum(probabilities[label] for label in LABELS[1:])
