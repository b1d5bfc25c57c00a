"""Whether what a grader took for a kidney can be one, by the outlines of another network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.image import Mask
from steatoscope.pipeline.ports import SECTOR_METHOD, Organs, PreparedView, Site, UltrasoundReading, ViewReading

CORTEX: str = "cortex"
INSIDE_SHARE: float = 0.5
Grade = Callable[[Sequence[PreparedView]], UltrasoundReading]


def checked_kidneys(
    views: Sequence[PreparedView], organs: tuple[Organs, ...], grade: Grade
) -> tuple[UltrasoundReading, tuple[Organs, ...], tuple[QualityCode, ...]]:
    """The reading of the views, and organs without a kidney that the grader does not see.

    Views whose cortex was read within the outlined liver are read again without a kidney. ``W_KIDNEY`` tells it, and
    that no view has one.
    """
    reading = grade(views)
    doubtful = [_within_liver(view, organ) for view, organ in zip(reading.views, organs, strict=True)]
    if any(doubtful):
        reading = grade([replace(view, without_kidney=odd) for view, odd in zip(views, doubtful, strict=True)])
    kept = tuple(
        replace(organ, kidney=None) if view.kidney is False else organ
        for view, organ in zip(reading.views, organs, strict=True)
    )
    return reading, kept, _notes(reading.views, doubtful=any(doubtful))


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


def _notes(views: tuple[ViewReading, ...], *, doubtful: bool) -> tuple[QualityCode, ...]:
    kidneys = [view.kidney for view in views]
    said = "What the model took for one lies in the liver outline: fat was read without it." if doubtful else ""
    if doubtful or (False in kidneys and True not in kidneys):
        return (warning("W_KIDNEY", said),)
    return ()
