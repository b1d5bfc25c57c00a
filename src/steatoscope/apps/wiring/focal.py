"""Focal regions from detectors: masses on B-mode views and regions on CT, only within the liver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from steatoscope.apps.wiring.models import shipped
from steatoscope.apps.wiring.us_organs import places
from steatoscope.core.image import Mask, Volume
from steatoscope.core.report import LesionPart, RegionPart
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.ports import FocalFindings, Organs, PreparedView

if TYPE_CHECKING:
    from steatoscope.learning.inference.detector import Detector

Box = tuple[int, int, int, int]
SAME_IOU = 0.2
SHARE_OF_FRAMES = 1.0 / 3.0


@dataclass(frozen=True, eq=False)
class PlacedRegion:
    """A detected region in a picture's own pixels: box (end excluded), mask (rows, columns), score, frame or slice."""

    box: Box
    mask: Mask
    score: float
    index: int


@dataclass(frozen=True, eq=False)
class NetworkUSFocal:
    """The port for focal regions on B-mode views with a detector behind it."""

    model: ModelFolder

    def __call__(self, view: PreparedView, organs: Organs) -> FocalFindings:
        """Masses seen in at least a third of up to five frames, each once, in the frame where it is surest."""
        if organs.liver is None:
            return FocalFindings()
        read = places(view.frames.shape[0])
        found = [regions_of(detector(self.model), view, int(place), organs.liver[0]) for place in read]
        kept = steady(found)
        named = f"{self.model.name} {self.model.version}" + (f", view {view.name}" if view.name else "")
        size = None if view.pixel_mm is None else view.pixel_mm[0] * view.pixel_mm[1]
        return FocalFindings(
            regions=tuple(region_part(one, named, pixel_mm2=size) for one in kept),
            masks=joined(kept),
            lesion=claimed(view, organs.liver[0], kept, shipped("anomaly-classifier")),
            model=self.model.part(),
        )


@dataclass(frozen=True, eq=False)
class NetworkCTFocal:
    """The port for focal regions on CT with a detector behind it."""

    model: ModelFolder

    def __call__(self, volume: Volume, organs: Organs) -> FocalFindings:
        """Regions on the liver, at most twenty."""
        if organs.liver is None:
            return FocalFindings()
        from steatoscope.learning.inference.ct_localiser import localise_ct

        return FocalFindings(regions=tuple(localise_ct(volume, organs.liver, self.model)), model=self.model.part())


@lru_cache(maxsize=4)
def detector(model: ModelFolder) -> Detector:
    """The detector of a model folder, opened once."""
    from steatoscope.learning.inference.detector import Detector

    return Detector.open(model)


def regions_of(found_by: Detector, view: PreparedView, place: int, liver: Mask) -> list[PlacedRegion]:
    """Regions of one frame at the detector's operating score, at least half within the liver (rows, columns)."""
    from steatoscope.learning.inference.detector_us import find_on_frame

    found = find_on_frame(found_by, view.frames[place], view.tissue, liver).regions
    return [
        PlacedRegion(
            whole_pixels(one.box, liver.shape), np.asarray(one.mask & liver), float(one.score), view.chosen[place]
        )
        for one in found
        if one.score >= found_by.settings.operating
    ]


def claimed(
    view: PreparedView, liver: Mask, regions: Sequence[PlacedRegion], model: ModelFolder | None
) -> LesionPart | None:
    """The class of the surest region, or of a view without any; None where the classifier's card makes no claim."""
    if model is None or not model.settings.get("claim", False):
        return None
    from steatoscope.learning.inference.anomaly import AnomalyClassifier

    best = regions[0] if regions else None
    frame = view.frames[view.chosen.index(best.index) if best else 0]
    mass, score = (best.mask, best.score) if best else (np.zeros(liver.shape, dtype=np.bool_), 0.0)
    reading = AnomalyClassifier.open(model).read(frame, view.sector, liver, mass, score)
    return LesionPart(label=reading.label, probabilities=reading.probabilities) if reading.claim else None  # type: ignore[arg-type]


def whole_pixels(box: Sequence[float], size: tuple[int, ...]) -> Box:
    """A box (x0, y0, x1, y1) rounded outward to whole pixels of a picture (rows, columns), end excluded."""
    x0, y0, x1, y1 = (float(value) for value in box)
    left, top = min(max(int(np.floor(x0)), 0), size[1] - 1), min(max(int(np.floor(y0)), 0), size[0] - 1)
    return left, top, max(min(ceil(x1), size[1]), left + 1), max(min(ceil(y1), size[0]), top + 1)


def steady(frames: Sequence[Sequence[PlacedRegion]]) -> list[PlacedRegion]:
    """Regions that a third of the frames show at one place, each once, at its highest score, best first."""
    everything = sorted((one for frame in frames for one in frame), key=lambda one: (-one.score, one.index, one.box))
    needed = ceil(SHARE_OF_FRAMES * len(frames))
    kept: list[PlacedRegion] = []
    for one in everything:
        if any(iou(one.box, other.box) >= SAME_IOU for other in kept):
            continue
        seen = sum(any(iou(one.box, other.box) >= SAME_IOU for other in frame) for frame in frames)
        if seen >= needed:
            kept.append(one)
    return kept


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / (areas - common)


def region_part(one: PlacedRegion, named: str, *, pixel_mm2: float | None) -> RegionPart:
    """A region as a report holds it; its size in square millimetres where the pixel size is known."""
    pixels = int(one.mask.sum())
    return RegionPart(
        kind="lesion",
        box=(*one.box, one.index),
        score=round(one.score, 4),
        size_px=pixels,
        size_mm2=None if pixel_mm2 is None else round(pixels * pixel_mm2, 1),
        detector=named,
    )


def joined(regions: Sequence[PlacedRegion]) -> dict[int, Mask]:
    """The union of the masks by frame or slice."""
    planes: dict[int, Mask] = {}
    for one in regions:
        planes[one.index] = one.mask | planes[one.index] if one.index in planes else one.mask
    return planes
