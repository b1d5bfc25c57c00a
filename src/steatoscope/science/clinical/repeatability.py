"""What a method's values differ by by chance: the repeatability coefficient RC = 1.96 sqrt(2) wSD and its basis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

RC_PER_SD: Final = 1.96 * math.sqrt(2.0)
MR_SAME_SCANNER_POINTS: Final = 1.8
MR_OTHER_SCANNER_POINTS: Final = 4.2
CT_POINTS: Final = 4.0
MRS_RELATIVE_SD: Final = 0.085
_BASES: Final = {
    "pdff": (
        "MR PDFF on one scanner: 1.8 points (Tyagi, Abdom Imaging 2015)",
        "MR PDFF across scanners: 4.2 points (Athithan, PLoS One 2021)",
    ),
    "ct_pdff_equiv": ("CT on one scanner at one kVp: 4 points, about 7 HU (rule of this product)", ""),
    "mrs_pdff": ("MR spectroscopy: coefficient of variation 8.5 % (Szczepaniak 2005)",) * 2,
}


@dataclass(frozen=True, slots=True)
class Repeatability:
    """What differs by chance in 95 % of repeats, in points of fat, and where that is from.

    ``lower_bound``: measured on images of one session, so that visits differ by at least that much.
    """

    points: float
    basis: str
    lower_bound: bool = False


def repeatability_of(
    scale: str, value_percent: float, *, same_scanner: bool = True, own: Repeatability | None = None
) -> Repeatability | None:
    """Repeatability of a scale with its basis; ``own`` is that of the model which measured, and goes before.

    MR PDFF: 1.8 on one scanner (Tyagi, Abdom Imaging 2015), 4.2 across field strengths (Athithan, PLoS One 2021).
    CT on one scanner at one kVp: 4. MRS: coefficient of variation 8.5 % (Szczepaniak, 2005). Any other scale has only
    what its model brings; None where that is nothing.
    """
    if own is not None:
        return own
    points = {
        "pdff": MR_SAME_SCANNER_POINTS if same_scanner else MR_OTHER_SCANNER_POINTS,
        "ct_pdff_equiv": CT_POINTS if same_scanner else None,
        "mrs_pdff": RC_PER_SD * MRS_RELATIVE_SD * max(value_percent, 0.0),
    }.get(scale)
    return None if points is None else Repeatability(points, _BASES[scale][0 if same_scanner else 1])


def repeatability_points(
    scale: str, value_percent: float, *, same_scanner: bool = True, own: Repeatability | None = None
) -> float | None:
    """Repeatability coefficient in points of fat; see :func:`repeatability_of`."""
    found = repeatability_of(scale, value_percent, same_scanner=same_scanner, own=own)
    return None if found is None else found.points


def interval_sd(low: float, high: float, level: float) -> float:
    """The Normal SD of an interval's half width, in its unit."""
    return max(high - low, 0.0) / (2.0 * NormalDist().inv_cdf(0.5 + level / 2.0))
