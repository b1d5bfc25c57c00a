"""Where a value lies in a reference population: a replaceable parametric reference.

PDFF: log-normal with median 2.11 % (UK Biobank, Wilman, PLoS One 2017, n = 4949) and log-SD 1.00, which gives 16.9 %
above 5.5 % (observed 17.0 %, Haas, Cell Genomics 2021, n = 36 703). Its implied mean is 3.48 % (observed 3.91 %).
CT: Normal around 55 +- 10 HU (Graffy, Radiology 2019, n = 9552). Both describe general populations, not healthy people
only; the healthy upper limit of 5.5 % is the 95th percentile of 345 people without risk factors (Szczepaniak, 2005).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

from steatoscope.core.report import BaselinePart

MEDIAN_PDFF_PERCENT: Final = 2.11
LOG_SD: Final = 1.00
SMALLEST_PDFF_PERCENT: Final = 0.1
HEALTHY_UPPER_LIMIT_PERCENT: Final = 5.5
MEAN_LIVER_HU: Final = 55.0
SD_LIVER_HU: Final = 10.0
Z_DECIMALS: Final = 3
PERCENTILE_DECIMALS: Final = 1
PDFF_REFERENCE: Final = "UK middle-aged general population, not healthy-only"
CT_REFERENCE: Final = "US middle-aged CT screening population, not healthy-only"


def pdff_z(pdff_percent: float) -> float:
    """Standard score of a PDFF in percent: ``ln(max(PDFF, 0.1) / 2.11) / 1.00``."""
    return math.log(max(pdff_percent, SMALLEST_PDFF_PERCENT) / MEDIAN_PDFF_PERCENT) / LOG_SD


def pdff_at_percentile(percentile: float) -> float:
    """The PDFF in percent below which ``percentile`` (0-100, exclusive) of the reference population lies."""
    return MEDIAN_PDFF_PERCENT * math.exp(LOG_SD * NormalDist().inv_cdf(percentile / 100.0))


def ct_z(liver_hu: float) -> float:
    """Standard score of an unenhanced liver attenuation in HU; fat makes it negative."""
    return (liver_hu - MEAN_LIVER_HU) / SD_LIVER_HU


def pdff_baseline(pdff_percent: float) -> BaselinePart:
    """Percentile of a PDFF among the reference population, with words for the report."""
    z = pdff_z(pdff_percent)
    percentile = 100.0 * NormalDist().cdf(z)
    text = (
        f"A fat fraction of {max(pdff_percent, 0.0):.1f} % is higher than in {_of_100(percentile)} people of "
        f"the reference population ({PDFF_REFERENCE}; median {MEDIAN_PDFF_PERCENT:g} %). It is "
        f"{_place(pdff_percent >= HEALTHY_UPPER_LIMIT_PERCENT)} the healthy upper limit of "
        f"{HEALTHY_UPPER_LIMIT_PERCENT:g} %."
    )
    return BaselinePart(
        reference=PDFF_REFERENCE,
        percentile=round(percentile, PERCENTILE_DECIMALS),
        z=round(z, Z_DECIMALS),
        healthy_upper_limit=HEALTHY_UPPER_LIMIT_PERCENT,
        text=text,
    )


def ct_baseline(liver_hu: float, fat_percent: float | None = None) -> BaselinePart:
    """Place of an unenhanced liver attenuation in HU, one-sided: a low HU stands for much fat.

    The percentile counts people with a higher attenuation, so that, as for PDFF, more fat gives a higher percentile.
    The healthy upper limit is on the scale of the fat percentage, and is compared only where that is given; an estimate
    below it brings the caution that CT cannot exclude mild steatosis.
    """
    z = ct_z(liver_hu)
    direction = " The percentile rises with fat; z is of the attenuation in HU and falls with fat."
    percentile = 100.0 * NormalDist().cdf(-z)
    text = (
        f"A liver attenuation of {liver_hu:.0f} HU is lower than in {_of_100(percentile)} people of the "
        f"reference population ({CT_REFERENCE}; mean {MEAN_LIVER_HU:g}, SD {SD_LIVER_HU:g} HU)."
    )
    if fat_percent is not None:
        above = fat_percent >= HEALTHY_UPPER_LIMIT_PERCENT
        caution = "." if above else "; CT cannot exclude mild steatosis."
        limit = f"the healthy upper limit of {HEALTHY_UPPER_LIMIT_PERCENT:g} %"
        text += f" The fat estimate is {_place(above)} {limit}{caution}"
    return BaselinePart(
        reference=CT_REFERENCE,
        percentile=round(percentile, PERCENTILE_DECIMALS),
        z=round(z, Z_DECIMALS),
        healthy_upper_limit=HEALTHY_UPPER_LIMIT_PERCENT,
        text=text + direction,
    )


def _place(above: bool) -> str:
    return "at or above" if above else "below"


def _of_100(percentile: float) -> str:
    if percentile > 99.0:
        return "more than 99 of 100"
    if percentile < 1.0:
        return "less than 1 of 100"
    return f"about {percentile:.0f} of 100"
