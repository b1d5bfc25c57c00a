"""An approximate bridge between the histology scale (share of cells) and PDFF (share of protons), for display only.

Piecewise linear through the pooled cut points of the PDFF meta-analyses: 5 % <-> 5.4, 33 % <-> 15.4, 66 % <-> 20.4
(KASL guideline 2024, table 15). The two scales measure different things (r = 0.85, Qadri, JHEP Reports 2023); a
converted value never enters another formula.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from steatoscope.core.measurement import Interval
from steatoscope.core.report import IntervalPart, PdffEquivalent

HISTOLOGY_PERCENT: Final = (0.0, 5.0, 33.0, 66.0, 100.0)
PDFF_PERCENT: Final = (0.0, 5.4, 15.4, 20.4, 20.4 + 34.0 / 6.6)
CONVERSION: Final = "approximate, piecewise linear through 5/5.4, 33/15.4 and 66/20.4 %; for display only"


def pdff_from_histology(histology_percent: float) -> float:
    """PDFF in percent that stands beside a share of cells in percent (0-100)."""
    return float(np.interp(histology_percent, HISTOLOGY_PERCENT, PDFF_PERCENT))


def histology_from_pdff(pdff_percent: float) -> float:
    """Share of cells in percent that stands beside a PDFF in percent; 100 above 25.6 %."""
    return float(np.interp(pdff_percent, PDFF_PERCENT, HISTOLOGY_PERCENT))


def pdff_equivalent(histology_percent: float, interval: Interval) -> PdffEquivalent:
    """The converted value and interval as a part of the report, marked approximate."""
    return PdffEquivalent(
        value_percent=pdff_from_histology(histology_percent),
        interval=IntervalPart(
            low=pdff_from_histology(interval.low), high=pdff_from_histology(interval.high), level=interval.level
        ),
        conversion=CONVERSION,
    )
