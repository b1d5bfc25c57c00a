"""Whether what a grader took for a kidney can be one, by the outlines of another network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.image import Mask
from steatoscope.pipeline.ports import SECTOR_METHOD, Organs, PreparedView, Site, UltrasoundReading, ViewReading

CORTEX: str = "cortex"
LIVER: str = "liver"
INDEX: str = "hepatorenal"
INSIDE_SHARE: float = 0.5
ODD_PLACES: str = "read at places that the outlines contradict"
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
    odd = [_contradicted(view, organ) for view, organ in zip(reading.views, kept, strict=True)]
    told = tuple(_with_poor_index(view) if words else view for view, words in zip(reading.views, odd, strict=True))
    notes = _notes(reading.views, doubtful=any(doubtful)) or _odd_places(odd)
    return replace(reading, views=told), kept, notes


def _within_liver(view: ViewReading, organ: Organs) -> bool:
    """Whether most of the places read as cortex lie in the outlined liver."""
    boxes = [site for site in view.sites if site.name.endswith(CORTEX)]
    if not boxes or organ.liver is None or organ.method == SECTOR_METHOD:
        return False
    return _mean_share(boxes, organ.liver[0]) >= INSIDE_SHARE


def _contradicted(view: ViewReading, organ: Organs) -> str:
    """What the outlines say against the places where the index was read; empty where they agree."""
    if organ.liver is None or organ.method == SECTOR_METHOD:
        return ""
    places = {name: [site for site in view.sites if site.name.endswith(name)] for name in (LIVER, CORTEX)}
    nothing = np.zeros_like(organ.liver[0])
    kidney = nothing if organ.kidney is None else organ.kidney[0]
    if places[LIVER] and _mean_share(places[LIVER], kidney) > INSIDE_SHARE:
        return "the liver place lies in the kidney outline"
    if places[LIVER] and _mean_share(places[LIVER], organ.liver[0]) <= INSIDE_SHARE:
        return "the liver place lies outside the liver outline"
    if places[CORTEX] and _mean_share(places[CORTEX], organ.liver[0]) > INSIDE_SHARE:
        return "the cortex place lies in the liver outline"
    return ""


def _with_poor_index(view: ViewReading) -> ViewReading:
    values = tuple(
        replace(value, method=f"{value.method}; {ODD_PLACES}", quality="poor")
        if value.name.startswith(INDEX) and value.value is not None
        else value
        for value in view.measurements
    )
    return replace(view, measurements=values)


def _odd_places(found: Sequence[str]) -> tuple[QualityCode, ...]:
    words = dict.fromkeys(one for one in found if one)
    if not words:
        return ()
    said = f"The hepatorenal index is unreliable: {', and '.join(words)}. Check the marked places on the picture."
    return (QualityCode("W_KIDNEY", said),)


def _mean_share(sites: Sequence[Site], mask: Mask) -> float:
    return float(np.mean([_share(site, mask) for site in sites]))


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
