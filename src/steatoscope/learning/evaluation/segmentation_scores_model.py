"""Finders of livers from packed segmenters, for the benchmarks; no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from steatoscope.core.errors import UsageError
from steatoscope.core.image import Mask, Volume
from steatoscope.learning.evaluation.segmentation_scores_run import FindSlices, FindVolume

if TYPE_CHECKING:
    from steatoscope.learning.inference.slices import SliceSegmenter
    from steatoscope.learning.model_folder import ModelFolder

THRESHOLD: Final = 0.5
LIVER: Final = "liver"


def slices_finder(model: ModelFolder) -> FindSlices:
    """Liver masks of single slices, each by itself, in radiological orientation; raises UsageError for other models."""
    from steatoscope.learning.inference.slices import SliceSegmenter

    _check(model)
    return finder_of(SliceSegmenter.open(model))


def finder_of(segmenter: SliceSegmenter) -> FindSlices:
    """Where a segmenter gives the liver a probability of at least one half."""
    place = segmenter.classes.index(LIVER)
    return lambda slices: np.asarray(segmenter.probabilities(slices)[:, place] >= THRESHOLD)


def ct_volume_finder(model: ModelFolder) -> FindVolume:
    """The liver of a CT volume as ``analyze`` finds it, with its 3-D consistency; raises UsageError as above."""
    from steatoscope.learning.inference.liver_segmenter import segment_liver

    _check(model)

    def find(volume: Volume) -> Mask:
        mask = segment_liver(volume, model).mask
        return np.zeros(volume.data.shape, dtype=np.bool_) if mask is None else mask

    return find


def _check(model: ModelFolder) -> None:
    if LIVER not in model.settings.get("classes", ()):
        raise UsageError(f"{model.name} is no segmenter of the liver")
