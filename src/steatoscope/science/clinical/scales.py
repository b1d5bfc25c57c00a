"""One PDFF-equivalent scale to look at, and named bridges to it from the other scales; for display only.

Histology counts cells and PDFF counts protons; a Dixon fraction, spectroscopy and CT do not measure quite what
multi-echo PDFF does. A bridge moves the value and widens its interval by what is not known of the bridge itself. A
converted value is marked approximate and enters no other formula: no grade, no change, no baseline, no statistic.

- ``histology``: piecewise linear through the pooled cut points of the PDFF meta-analyses, 5 % <-> 5.4, 33 % <-> 15.4,
  66 % <-> 20.4 (KASL guideline 2024, table 15). Its SD of 4.2 points is the scatter that r = 0.85 leaves (Qadri, JHEP
  Reports 2023) of a population SD of 8 points, which is that of the shares of PDFF grades in 728 biopsied patients.
- ``dixon_sff``: the same number; two points differ from PDFF by 1.4 +- 2.0 points (Hetterich, Eur Radiol 2016), as a
  whole 2.4 points.
- ``mrs_pdff``: times 0.97; SD of 1.6 points from R2 = 0.96 of the same population SD (Yokoo, Radiology 2018).
- ``ct_pdff_equiv``: the same number and interval; the scatter of its equation about PDFF is in the interval already.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType
from typing import Final

import numpy as np

from steatoscope.core.measurement import Interval
from steatoscope.core.report import IntervalPart, PdffEquivalent

HISTOLOGY_PERCENT: Final = (0.0, 5.0, 33.0, 66.0, 100.0)
PDFF_PERCENT: Final = (0.0, 5.4, 15.4, 20.4, 20.4 + 34.0 / 6.6)
PDFF_POPULATION_SD: Final = 8.0
SPECTROSCOPY_SLOPE: Final = 0.97


@dataclass(frozen=True, slots=True)
class Bridge:
    """How a scale is shown as PDFF: a rising function of percent, the SD of the bridge in points, and its words."""

    name: str
    convert: Callable[[float], float]
    sd_points: float
    words: str


def pdff_from_histology(histology_percent: float) -> float:
    """PDFF in percent that stands beside a share of cells in percent (0-100)."""
    return float(np.interp(histology_percent, HISTOLOGY_PERCENT, PDFF_PERCENT))


def histology_from_pdff(pdff_percent: float) -> float:
    """Share of cells in percent that stands beside a PDFF in percent; 100 above 25.6 %."""
    return float(np.interp(pdff_percent, PDFF_PERCENT, HISTOLOGY_PERCENT))


def _same(percent: float) -> float:
    return percent


def _spectroscopy(percent: float) -> float:
    return SPECTROSCOPY_SLOPE * percent


_BRIDGES: Final = (
    Bridge(
        "histology",
        pdff_from_histology,
        PDFF_POPULATION_SD * math.sqrt(1.0 - 0.85**2),
        "approximate, piecewise linear through 5/5.4, 33/15.4 and 66/20.4 %; for display only",
    ),
    Bridge(
        "dixon_sff",
        _same,
        math.hypot(1.4, 2.0),
        "approximate, the two-point fraction taken as PDFF; for display only",
    ),
    Bridge(
        "mrs_pdff",
        _spectroscopy,
        PDFF_POPULATION_SD * math.sqrt(1.0 - 0.96),
        "approximate, 0.97 times the fraction by spectroscopy; for display only",
    ),
    Bridge(
        "ct_pdff_equiv",
        _same,
        0.0,
        "approximate, the CT estimate stands on this scale, with the scatter of its equation; for display only",
    ),
)
BRIDGES: Final[Mapping[str, Bridge]] = MappingProxyType({bridge.name: bridge for bridge in _BRIDGES})


def pdff_equivalent(histology_percent: float, interval: Interval) -> PdffEquivalent:
    """:func:`pdff_equivalent_of` a value on the histology scale."""
    return _crossed(BRIDGES["histology"], histology_percent, interval)


def pdff_equivalent_of(scale: str, value_percent: float, interval: Interval) -> PdffEquivalent | None:
    """The value and interval on the PDFF-equivalent scale as a part of the report, marked approximate.

    Each half of the interval is widened by the bridge's own error at the interval's level, as squares, and cut to
    0-100 %. None for a scale that is PDFF itself or that no bridge leads from.
    """
    bridge = BRIDGES.get(scale)
    return None if bridge is None else _crossed(bridge, value_percent, interval)


def _crossed(bridge: Bridge, value_percent: float, interval: Interval) -> PdffEquivalent:
    centre = bridge.convert(value_percent)
    own = NormalDist().inv_cdf(0.5 + interval.level / 2.0) * bridge.sd_points
    low = centre - math.hypot(centre - bridge.convert(interval.low), own)
    high = centre + math.hypot(bridge.convert(interval.high) - centre, own)
    return PdffEquivalent(
        value_percent=round(centre, 4),
        interval=IntervalPart(low=round(max(low, 0.0), 4), high=round(min(high, 100.0), 4), level=interval.level),
        conversion=bridge.words,
    )
