"""Published ends of the healthy range by quantity, each with its source, and the built-in population references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from steatoscope.science.clinical.baseline import CT_REFERENCE, MEAN_LIVER_HU, SD_LIVER_HU

Limits = tuple[tuple[float, str], ...]

FAT_LIMITS: Final[Mapping[str, Limits]] = MappingProxyType(
    {
        "pdff": (
            (5.5, "rounded limit of this product"),
            (5.56, "95th percentile of 345 people without risk factors, by spectroscopy (Szczepaniak 2005)"),
            (5.36, "pooled cut-off against histology (KASL guideline 2024)"),
            (5.7, "meta-analysis of 22 studies (Azizi 2024)"),
            (6.4, "single centre against histology (Tang 2013)"),
            (5.1, "population study SHIP (Kühn 2017)"),
        ),
        "mrs_pdff": ((5.56, "95th percentile of 345 people without risk factors (Szczepaniak 2005)"),),
        "ct_pdff_equiv": (
            (5.5, "rounded limit of this product on the PDFF scale"),
            (5.56, "95th percentile of 345 people without risk factors, by spectroscopy (Szczepaniak 2005)"),
        ),
        "histology": ((5.0, "share of liver cells with fat (NASH CRN, Kleiner 2005)"),),
    }
)
HU_LIMITS: Final[Limits] = (
    (51.0, "below: any steatosis, as L/S < 1 (Zeb 2012, n = 6814)"),
    (48.0, "below: moderate or severe, specificity 100 % (Pickhardt 2012)"),
    (40.0, "below: at least moderate (Pickhardt 2024)"),
)
DIFFERENCE_RANGE_HU: Final = (1.0, 18.0)
DIFFERENCE_SOURCE: Final = "range of 96 biopsy-normal donors (Park, Radiology 2011)"
INDEX_LIMITS: Final[Limits] = (
    (1.17, "up to it at most 5 % fat, predictive value above 95 % (Johnson 2021)"),
    (1.34, "more than 5 % fat, sensitivity 92 %, specificity 85 % (J Ultrasound Med 2015)"),
    (1.49, "more than 5 % fat, sensitivity 100 %, specificity 91 % (Webb 2009)"),
)


@dataclass(frozen=True, slots=True)
class NormalReference:
    """A population described by mean and SD in the unit of the quantity."""

    name: str
    mean: float
    sd: float

    def z(self, value: float) -> float:
        """Standard score."""
        return (value - self.mean) / self.sd


LIVER_HU: Final = NormalReference(CT_REFERENCE, MEAN_LIVER_HU, SD_LIVER_HU)
CT_FAT: Final[Mapping[str | None, NormalReference]] = MappingProxyType(
    {
        None: NormalReference(f"{CT_REFERENCE}; both sexes", 6.4, 0.58 * SD_LIVER_HU),
        "M": NormalReference(f"{CT_REFERENCE}; men", 7.4, 6.0),
        "F": NormalReference(f"{CT_REFERENCE}; women", 5.8, 5.7),
    }
)
"""CT fat fraction of 9552 people (Graffy, Radiology 2019); for both sexes the SD is 0.58 times that of the HU."""
