"""The liver on MR magnitude by the shipped network."""

from __future__ import annotations

import numpy as np

from steatoscope.core.image import Volume
from steatoscope.learning.inference.organ_volume import FoundOrgan, find_organ
from steatoscope.learning.inference.slices import SliceSegmenter
from steatoscope.learning.model_folder import ModelFolder

NAME = "mr-segmenter"
LEAST_ML = 20.0


def segment_mr(anatomy: Volume, model: ModelFolder) -> FoundOrgan:
    """The liver's mask (slices, rows, columns) on a magnitude volume in any unit; less than 20 mL counts as none."""
    segmenter = SliceSegmenter.open(model)
    return find_organ(
        np.asarray(anatomy.data, dtype=np.float32),
        anatomy.geometry,
        lambda slices: segmenter.probabilities(slices)[:, 0],
        least_ml=LEAST_ML if anatomy.data.shape[0] > 1 else 0.0,
    )
