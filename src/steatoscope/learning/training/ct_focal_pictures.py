"""Fixed pictures with and without painted regions, for the operating point and for evaluation; no torch needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.ct_localiser import plausible
from steatoscope.learning.inference.ct_localiser_link import one_kind_a_place
from steatoscope.learning.inference.ct_localiser_window import window_input
from steatoscope.learning.inference.detector import Detection, Detector
from steatoscope.learning.training.ct_focal_paint import PaintedRegion, noise_sd, paint_regions
from steatoscope.learning.training.ct_focal_slices import LiverSlice
from steatoscope.learning.training.ct_focal_vary import vary_hu


@dataclass(frozen=True, eq=False)
class FocalPicture:
    """One picture in the window: HU, liver, its level and noise in HU, the painted regions (none: a plain picture)."""

    name: str
    volume: str
    hu: Floats
    liver: Mask
    level: float
    noise: float
    regions: tuple[PaintedRegion, ...] = ()


def focal_pictures(slices: Sequence[LiverSlice], seed: int, *, painted: bool) -> list[FocalPicture]:
    """A picture of every slice, HU varied and regions painted as the seed and the slice's place say."""
    found = []
    for place, item in enumerate(slices):
        rng = np.random.default_rng([seed, place])
        hu = vary_hu(item, rng)
        level, noise = float(np.median(hu[item.liver])), noise_sd(hu, item.liver)
        regions: list[PaintedRegion] = []
        if painted:
            hu, regions = paint_regions(hu, item.liver, rng)
        if bool(regions) == painted:
            found.append(FocalPicture(item.name, item.volume, hu, item.liver, level, noise, tuple(regions)))
    return found


def detections_on(detector: Detector, picture: FocalPicture) -> list[Detection]:
    """What the detector finds on one picture, treated as :func:`localise_ct` treats a slice."""
    found = detector.detect(window_input(picture.hu, picture.level), picture.liver)
    return one_kind_a_place([one for one in found if plausible(one, picture.hu, picture.level)])


def operating_score(scores: Sequence[Sequence[float]], rate: float) -> float:
    """The least score at which pictures without regions (their detections' scores) have ``rate`` detections a picture.

    Scores are those of each picture; raises ValueError for no picture.
    """
    if not scores:
        raise ValueError("no picture to find the operating point on")
    ranked = sorted((score for one in scores for score in one), reverse=True)
    allowed = int(rate * len(scores))
    return 0.0 if len(ranked) <= allowed else float(np.nextafter(ranked[allowed], 1.0))
