"""What speaks against the people of a site's own reference being healthy, and against applying it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from steatoscope.science.clinical.healthy_limits import FAT_LIMITS, HU_LIMITS, Limits
from steatoscope.science.clinical.site_reference import Group, SiteReference

CAUTION: Final = "caution"
SIMULATED: Final = "simulated"
FAR: Final = 2.0
"""A 95th percentile above this multiple of the published limit is far above it."""
_USED: Final = MappingProxyType({**FAT_LIMITS, "dixon_sff": FAT_LIMITS["pdff"]})


def published(quantity: str, scale: str) -> Limits:
    """Published ends of the healthy range of fat on a scale; none for other quantities and scales."""
    return _USED.get(scale, ()) if quantity == "fat" else ()


def caution_of(quantity: str, scale: str, group: Group) -> str:
    """Why a group is not healthy by published limits, as one sentence; "" where nothing speaks against it.

    Fat: the median lies above the limit, or the 95th percentile above twice the limit. Liver attenuation: the median
    lies below the one that stands for any steatosis (Zeb 2012).
    """
    middle, end = group.fit.at(50.0), group.fit.at(95.0)
    if quantity == "liver_hu" and middle < HU_LIMITS[0][0]:
        return (
            f"Caution: the median of this reference, {middle:.1f} HU, lies below the published healthy limit of "
            f"{HU_LIMITS[0][0]:g} HU. It is no healthy reference."
        )
    limits = published(quantity, scale)
    if not limits:
        return ""
    limit = limits[0][0]
    if middle > limit:
        return (
            f"Caution: the median of this reference, {middle:.1f} %, lies above the published healthy limit of "
            f"{limit:g} %. It is no healthy reference."
        )
    if end > FAR * limit:
        return (
            f"Caution: the 95th percentile of this reference, {end:.1f} %, lies far above the published healthy limit "
            f"of {limit:g} %. It is no reference of healthy people only."
        )
    return ""


def cautions_of(reference: SiteReference) -> dict[str, str]:
    """The cautions by quantity, of everybody in the reference."""
    found = {name: caution_of(name, part.scale, part.groups[0]) for name, part in reference.quantities.items()}
    return {name: words for name, words in found.items() if words}
