"""Ultrasound organs: liver and kidney from the network, the whole scan sector where it finds no liver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from steatoscope.apps.wiring.classical import us_segmenter
from steatoscope.core.errors import QualityCode, warning
from steatoscope.core.image import Floats, Mask
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.ports import Organs, PreparedView

if TYPE_CHECKING:
    from steatoscope.learning.inference.slices import SliceSegmenter

MOST_FRAMES = 5
THRESHOLD, UNSURE_THRESHOLD = 0.5, 0.2
LEAST_LIVER, PARTIAL_LIVER = 0.05, 0.2
# The kidney was taught by small boxes in its cortex, all else unknown: only its surest part is an outline.
KIDNEY_THRESHOLD, KIDNEY_SHARES, KIDNEY_DEPTH = 0.9, (0.02, 0.3), 0.15
LARGE_PART = 0.1
STEADY_SHARE = 0.6


@dataclass(frozen=True, eq=False)
class NetworkUltrasound:
    """The ultrasound segmenter's port with a network behind it."""

    model: ModelFolder

    def __call__(self, view: PreparedView) -> Organs:
        """Liver and kidney as masks (1, rows, columns), from the mean probability of up to five frames."""
        segmenter = opened(self.model)
        maps = segmenter.of_frames(some_frames(view), view.tissue)
        named = {name: maps[:, place] for place, name in enumerate(segmenter.classes)}
        return us_organs(view, named["liver"], named.get("kidney"), self.model)


@lru_cache(maxsize=4)
def opened(model: ModelFolder) -> SliceSegmenter:
    """The segmenter of a model folder, opened once."""
    from steatoscope.learning.inference.slices import SliceSegmenter

    return SliceSegmenter.open(model)


def some_frames(view: PreparedView) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """At most five frames of a view (n, rows, columns), evenly spread."""
    return view.frames[places(view.frames.shape[0])]


def places(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Places of at most five frames of ``count``, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_FRAMES)).round().astype(np.intp))


def us_organs(view: PreparedView, liver: Floats, kidney: Floats | None, model: ModelFolder) -> Organs:
    """Organs from probabilities (frames, rows, columns); the scan sector stands in for a liver that is not found."""
    mean = liver.mean(axis=0)
    renal = None if kidney is None else _kidney(kidney.mean(axis=0), mean, view)
    space = view.tissue if renal is None else view.tissue & ~renal
    whole = float(view.sector.mask.sum())
    mask = large_parts((mean >= THRESHOLD) & space)
    if 0 < mask.sum() < PARTIAL_LIVER * whole:
        mask = _grown(mask, (mean >= UNSURE_THRESHOLD) & space)
    if mask.sum() < LEAST_LIVER * whole:
        sector = us_segmenter(view)
        note = warning("W_MASK", "The network found no liver here; the whole scan sector was measured.")
        return replace(sector, kidney=None if renal is None else renal[None], notes=(note,), model=model.part())
    return Organs(
        liver=mask[None],
        kidney=None if renal is None else renal[None],
        method=f"{model.name} {model.version}",
        confidence=float(mean[mask].mean()),
        notes=(*_partial(mask, whole), *_unsteady(liver, mask)),
        model=model.part(),
    )


def _partial(mask: Mask, whole: float) -> tuple[QualityCode, ...]:
    share = float(mask.sum()) / whole
    if share >= PARTIAL_LIVER:
        return ()
    return (warning("W_MASK", f"It holds {share:.0%} of the scan sector and may be only a part of the liver."),)


def _grown(core: Mask, around: Mask) -> Mask:
    """The parts of ``around`` (rows, columns) that touch a core within it, holes filled."""
    _, labels = cv2.connectedComponents(around.astype(np.uint8))
    touched = np.unique(labels[core & around])
    return large_parts(np.isin(labels, touched[touched > 0]))


def large_parts(mask: Mask) -> Mask:
    """A mask (rows, columns) without parts smaller than a tenth of its largest, holes filled."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = np.isin(labels, np.flatnonzero(areas >= max(LARGE_PART * areas.max(), 1)))
    contours, _ = cv2.findContours(kept.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros(mask.shape, np.uint8), contours, -1, 1, cv2.FILLED)
    return np.asarray(filled > 0)


def _kidney(mean: Floats, liver: Floats, view: PreparedView) -> Mask | None:
    """The largest sure part of a kidney; None where it is no kidney's size, or lies in the skin."""
    count, labels, stats, centres = cv2.connectedComponentsWithStats(
        ((mean >= KIDNEY_THRESHOLD) & (mean > liver) & view.tissue).astype(np.uint8)
    )
    if count < 2:
        return None
    best = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    share = float(stats[best, cv2.CC_STAT_AREA]) / float(view.sector.mask.sum())
    sector, (x, y) = view.sector, centres[best]
    radius = float(np.hypot(x - sector.apex[0], y - sector.apex[1]))
    depth = (radius - sector.inner_radius) / (sector.outer_radius - sector.inner_radius)
    if not KIDNEY_SHARES[0] <= share <= KIDNEY_SHARES[1] or depth < KIDNEY_DEPTH:
        return None
    return large_parts(np.asarray(labels == best))


def _unsteady(liver: Floats, mask: Mask) -> tuple[QualityCode, ...]:
    """``W_MASK`` where a single frame shows little of the view's outline as liver."""
    held = [float((one[mask] >= UNSURE_THRESHOLD).mean()) for one in liver]
    if min(held) >= STEADY_SHARE:
        return ()
    return (warning("W_MASK", f"The frames disagree about it (one confirms {min(held):.0%} of it)."),)
