"""Ultrasound organs: liver and kidney from the network, the whole scan sector where it finds no liver."""

from __future__ import annotations

from dataclasses import dataclass
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
THRESHOLD = 0.5
LEAST_LIVER, LEAST_KIDNEY = 0.05, 0.004
LARGE_PART = 0.1
STEADY_DICE = 0.7


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
    mask = large_parts((mean >= THRESHOLD) & view.tissue)
    if mask.sum() < LEAST_LIVER * view.sector.mask.sum():
        whole = us_segmenter(view)
        note = warning("W_MASK", "The network found no liver here; the whole scan sector was measured.")
        return Organs(liver=whole.liver, method=whole.method, confidence=whole.confidence, notes=(note,))
    renal = None if kidney is None else _kidney(kidney.mean(axis=0), view)
    return Organs(
        liver=(mask if renal is None else mask & ~renal)[None],
        kidney=None if renal is None else renal[None],
        method=f"{model.name} {model.version}",
        confidence=float(mean[mask].mean()),
        notes=_unsteady(liver, mask),
        model=model.part(),
    )


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


def _kidney(mean: Floats, view: PreparedView) -> Mask | None:
    mask = large_parts((mean >= THRESHOLD) & view.tissue)
    return mask if mask.sum() >= LEAST_KIDNEY * view.sector.mask.sum() else None


def _unsteady(liver: Floats, mask: Mask) -> tuple[QualityCode, ...]:
    """``W_MASK`` where the outlines of single frames lie elsewhere than the view's."""
    single = liver >= THRESHOLD
    agreed = [2.0 * float((one & mask).sum()) / float(one.sum() + mask.sum()) for one in single]
    if min(agreed) >= STEADY_DICE:
        return ()
    return (warning("W_MASK", f"The frames disagree about the liver (lowest Dice {min(agreed):.2f})."),)
