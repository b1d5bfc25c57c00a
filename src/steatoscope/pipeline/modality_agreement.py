"""Agreement of two modalities in patients measured by both, on scales that may be compared at all.

Limits of agreement with intervals after Bland and Altman (Stat Methods Med Res 1999): the standard error of the bias is
``sd / sqrt(n)``, that of a limit ``sd sqrt(1/n + 1.96^2 / (2 (n - 1)))``, both with Student's t of n - 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Final

from steatoscope.core.measurement import Interval
from steatoscope.pipeline.timeline import Visit
from steatoscope.science.metrics.agreement import bland_altman, concordance

FEWEST_PAIRS: Final = 3
_Z95: Final = 1.959963984540054
_COMPARABLE: Final[Mapping[frozenset[str], str]] = MappingProxyType(
    {
        frozenset({"pdff", "mrs_pdff"}): "none: both are proton density fat fractions, by imaging and by spectroscopy",
        frozenset({"pdff", "ct_pdff_equiv"}): "CT attenuation to PDFF by the equation named in each report",
        frozenset({"mrs_pdff", "ct_pdff_equiv"}): "CT attenuation to PDFF by the equation named in each report",
    }
)
_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "histology": "histology counts liver cells that hold fat, the other counts protons; no conversion is exact",
        "dixon_sff": "a two-point Dixon fraction has no R2* and multi-peak correction and is no PDFF",
        "us_model": "the ultrasound model answers on a scale of its own",
    }
)


@dataclass(frozen=True, slots=True)
class Pair:
    """One patient's nearest two measurements, ``days`` apart."""

    subject: str
    x: Visit
    y: Visit
    days: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Bland-Altman figures of x minus y with 95 % intervals, and Lin's concordance."""

    n: int
    bias: float
    bias_interval: Interval
    sd: float
    low: float
    low_interval: Interval
    high: float
    high_interval: Interval
    concordance: float


@dataclass(frozen=True, slots=True)
class AgreementGroup:
    """All pairs on one pair of scales; ``limits`` is None with an ``obstacle`` (scales) or with too few pairs."""

    scale_x: str
    scale_y: str
    simulated: bool
    pairs: tuple[Pair, ...]
    conversion: str
    obstacle: str
    limits: Limits | None


def agreement_groups(
    visits: Mapping[str, Sequence[Visit]], modality_x: str, modality_y: str, most_days: int
) -> list[AgreementGroup]:
    """Pairs by subject (one a patient and pair of scales, the nearest in time), grouped by scales and simulation."""
    grouped: dict[tuple[bool, str, str], list[Pair]] = {}
    for subject, own in visits.items():
        for key, pair in _nearest(subject, own, modality_x, modality_y, most_days).items():
            grouped.setdefault(key, []).append(pair)
    return [_group(key, grouped[key]) for key in sorted(grouped)]


def obstacle(scale_x: str, scale_y: str) -> str:
    """Why two scales may not be compared; empty where they may."""
    if scale_x == scale_y or frozenset({scale_x, scale_y}) in _COMPARABLE:
        return ""
    return next(_REASONS[scale] for scale in (scale_x, scale_y) if scale in _REASONS)


def limits_of_agreement(x: Sequence[float], y: Sequence[float]) -> Limits | None:
    """Bland-Altman figures of x minus y (n,) with intervals; None for fewer than three pairs."""
    from scipy.special import stdtrit

    n = len(x)
    if n < FEWEST_PAIRS:
        return None
    found = bland_altman(x, y)
    t = float(stdtrit(n - 1, 0.975))
    of_bias = t * found.sd / math.sqrt(n)
    of_limit = t * found.sd * math.sqrt(1.0 / n + _Z95**2 / (2.0 * (n - 1)))
    return Limits(
        n=n,
        bias=found.bias,
        bias_interval=_around(found.bias, of_bias),
        sd=found.sd,
        low=found.limits_low,
        low_interval=_around(found.limits_low, of_limit),
        high=found.limits_high,
        high_interval=_around(found.limits_high, of_limit),
        concordance=concordance(x, y),
    )


def _around(value: float, margin: float) -> Interval:
    return Interval(value - margin, value + margin, 0.95)


def _group(key: tuple[bool, str, str], pairs: list[Pair]) -> AgreementGroup:
    simulated, scale_x, scale_y = key
    why = obstacle(scale_x, scale_y)
    limits = None if why else limits_of_agreement([p.x.value for p in pairs], [p.y.value for p in pairs])
    conversion = "" if why else _COMPARABLE.get(frozenset({scale_x, scale_y}), "none: one scale")
    return AgreementGroup(
        scale_x, scale_y, simulated, tuple(sorted(pairs, key=lambda p: p.subject)), conversion, why, limits
    )


def _nearest(
    subject: str, visits: Sequence[Visit], modality_x: str, modality_y: str, most_days: int
) -> dict[tuple[bool, str, str], Pair]:
    """The pair nearest in time for each pair of scales; of equally near ones the newest."""
    best: dict[tuple[bool, str, str], Pair] = {}
    xs, ys = ([v for v in visits if v.modality == modality] for modality in (modality_x, modality_y))
    for x, y in product(xs, ys):
        pair = Pair(subject, x, y, abs((x.on - y.on).days))
        if x.simulated != y.simulated or pair.days > most_days:
            continue
        key = (x.simulated, x.scale, y.scale)
        if key not in best or _rank(pair) < _rank(best[key]):
            best[key] = pair
    return best


def _rank(pair: Pair) -> tuple[int, int, str, str]:
    return pair.days, -max(pair.x.on, pair.y.on).toordinal(), pair.x.study_id, pair.y.study_id
