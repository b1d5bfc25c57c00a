"""Where recipe R1 sees fat: each region's own estimate painted on the liver, and the regions that stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.boxes import suppressed
from steatoscope.learning.inference.r1_chain import ON_LIVER, FrameRegions, Values
from steatoscope.learning.inference.r1_heads import RegionHeads

SAME: Final = 0.3


@dataclass(frozen=True, eq=False)
class FattyRegion:
    """A region whose features look fattier than nearly all regions on healthy livers, in the frame's own pixels.

    ``box`` is (x0, y0, x1, y1), ``mask`` (rows, columns) its part on the liver, ``score`` the share of healthy regions
    below it, ``frame`` the frame's place among those that were read.
    """

    box: tuple[float, float, float, float]
    mask: Mask
    score: float
    frame: int


def view_map(frames: Sequence[FrameRegions], heads: RegionHeads, points: float) -> Floats:
    """Points of fat (rows, columns) above or below a healthy liver, mean over frames; 0 where no region lies.

    ``points`` turns a difference of roots into points of fat, so that the mean over all regions of a view is its value
    less the value of the median healthy patient.
    """
    total = np.zeros(frames[0].placement.picture, dtype=np.float64)
    counts = np.zeros_like(total)
    for one in frames:
        effects = points * (heads.scores(one.regions) - heads.healthy[0])
        heat, seen = _painted(one, effects)
        total, counts = total + np.where(seen, heat, 0.0), counts + seen
    return np.divide(total, counts, out=np.zeros_like(total), where=counts > 0).astype(np.float32)


def _painted(one: FrameRegions, effects: Values) -> tuple[Floats, Mask]:
    """The mean effect of the regions over each place of the liver, and where there is one (rows, columns)."""
    total = np.zeros(one.liver.shape, dtype=np.float32)
    counts = np.zeros_like(total)
    for box, effect in zip(np.rint(one.boxes).astype(int), effects, strict=True):
        x0, y0, x1, y1 = box
        total[y0:y1, x0:x1] += effect
        counts[y0:y1, x0:x1] += 1.0
    counts *= one.liver > ON_LIVER
    heat = np.divide(total, counts, out=np.zeros_like(total), where=counts > 0)
    values, weight = one.placement.from_canvas(np.stack([heat, (counts > 0).astype(np.float32)]))
    seen = weight > ON_LIVER
    return np.divide(values, weight, out=np.zeros_like(values), where=seen), np.asarray(seen)


def fatty_regions(frames: Sequence[FrameRegions], heads: RegionHeads, level: float) -> list[FattyRegion]:
    """Regions of each frame above ``level`` of the regions on healthy livers, near copies left out, highest first."""
    found: list[FattyRegion] = []
    for place, one in enumerate(frames):
        roots = heads.scores(one.regions)
        shares = heads.abnormality(roots)
        kept = suppressed(one.boxes, roots, SAME) if len(roots) else np.zeros(0, dtype=np.intp)
        found += [_region(one, int(k), float(shares[k]), place) for k in kept if shares[k] >= level]
    return sorted(found, key=lambda region: (-region.score, region.frame, region.box))


def _region(one: FrameRegions, number: int, score: float, place: int) -> FattyRegion:
    x0, y0, x1, y1 = (round(float(value)) for value in one.boxes[number])
    on_canvas = np.zeros(one.liver.shape, dtype=np.float32)
    on_canvas[y0:y1, x0:x1] = one.liver[y0:y1, x0:x1] > ON_LIVER
    mask = np.asarray(one.placement.from_canvas(on_canvas[None])[0] > ON_LIVER)
    left, top, right, bottom = (float(value) for value in one.placement.box_from_canvas(one.boxes[number]))
    return FattyRegion((left, top, right, bottom), mask, score, place)
