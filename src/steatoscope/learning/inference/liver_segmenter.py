"""The liver on a CT or MR volume by a shipped network; CT enhanced or not, down to negative HU."""

from __future__ import annotations

import numpy as np

from steatoscope.core.image import Volume
from steatoscope.learning.inference.organ_volume import FoundOrgan, find_organ
from steatoscope.learning.inference.slices import SliceSegmenter
from steatoscope.learning.model_folder import ModelFolder

LEAST_ML = 20.0


def segment_liver(volume: Volume, model: ModelFolder) -> FoundOrgan:
    """The liver's mask (slices, rows, columns) on a volume in HU, or in any unit for MR magnitude.

    Less than 20 mL counts as none, but for a single slice.
    """
    segmenter = SliceSegmenter.open(model)
    return find_organ(
        np.asarray(volume.data, dtype=np.float32),
        volume.geometry,
        lambda slices: segmenter.probabilities(slices)[:, 0],
        least_ml=LEAST_ML if volume.data.shape[0] > 1 else 0.0,
    )
