"""Whether what a grader took for a kidney can be one, by the outlines of another network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.image import Mask
from steatoscope.pipeline.ports import SECTOR_METHOD, Organs, Site, UltrasoundReading, ViewReading

CORTEX: str = "cortex"
INDEX: str = "hepatorenal_index"
INSIDE_SHARE: float = 0.5


def checked_kidneys(
    reading: UltrasoundReading, organs: tuple[Organs, ...]
) -> tuple[UltrasoundReading, tuple[Organs, ...], tuple[QualityCode, ...]]:
    """The reading without an index that was read in liver instead of cortex, and organs without a kidney that the
    grader does not see; with ``W_KIDNEY`` where no view has a kidney.
    """
    doubtful = [_within_liver(view, organ) for view, organ in zip(reading.views, organs, strict=True)]
    views = tuple(_without_index(view) if odd else view for view, odd in zip(reading.views, doubtful, strict=True))
    kept = tuple(
        replace(organ, kidney=None) if view.kidney is False else organ
        for view, organ in zip(views, organs, strict=True)
    )
    return replace(reading, views=views), kept, _notes(views, doubtful=any(doubtful))


def _within_liver(view: ViewReading, organ: Organs) -> bool:
    """Whether most of the places read as cortex lie in the outlined liver."""
    boxes = [site for site in view.sites if site.name.endswith(CORTEX)]
    if not boxes or organ.liver is None or organ.method == SECTOR_METHOD:
        return False
    return float(np.mean([_share(site, organ.liver[0]) for site in boxes])) >= INSIDE_SHARE


def _share(site: Site, liver: Mask) -> float:
    x0, y0, x1, y1 = (max(value, 0) for value in site.box)
    part = liver[y0:y1, x0:x1]
    return float(part.mean()) if part.size else 0.0


def _without_index(view: ViewReading) -> ViewReading:
    words = "what the model took for renal cortex lies in the liver outline"
    values = tuple(
        replace(value, value=None, quality="poor", method=words) if value.name == INDEX else value
        for value in view.measurements
    )
    return replace(view, measurements=values, sites=(), kidney=False)


def _notes(views: tuple[ViewReading, ...], *, doubtful: bool) -> tuple[QualityCode, ...]:
    kidneys = [view.kidney for view in views]
    said = "What the model took for one lies in the liver outline: its value is less sure." if doubtful else ""
    if doubtful or (False in kidneys and True not in kidneys):
        return (warning("W_KIDNEY", said),)
    return ()
