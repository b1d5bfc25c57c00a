"""How much of a liver is in view, in words: its volume there, and what share of an adult's that is likely to be."""

from __future__ import annotations

from typing import Final

from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Mask

ADULT_ML: Final = (700.0, 1720.0)
"""Mean 1205 mL less and plus two SD of 258 mL (Feng, n = 369 adults)."""


def share_in_view(volume_ml: float) -> tuple[int, int]:
    """The likely share in percent of an adult's liver that a volume is, never 0 and at most 100."""
    small, large = ADULT_ML
    low, high = round(100.0 * volume_ml / large), round(100.0 * volume_ml / small)
    return min(max(low, 1), 100), min(max(high, 1), 100)


def in_view(liver: Mask, geometry: Geometry) -> str:
    """The share of a partly covered liver (slices, rows, columns) in view; empty where the grid's size is unknown."""
    volume = float(liver.sum()) * geometry.voxel_ml
    if not geometry.known or volume <= 0.0:
        return ""
    low, high = share_in_view(volume)
    span = f"{low} %" if low == high else f"{low} to {high} %"
    return f"{volume:.0f} mL are in view, about {span} of an adult's liver ({ADULT_ML[0]:.0f} to {ADULT_ML[1]:.0f} mL)."
