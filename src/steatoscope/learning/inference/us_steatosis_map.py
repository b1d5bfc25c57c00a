"""Where the steatosis model sees fat: its linear weights put back on the picture."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.learning.inference.us_steatosis_boxes import FrameMaps
from steatoscope.learning.inference.us_steatosis_features import BANDS, WIDE
from steatoscope.learning.inference.us_steatosis_reading import FrameStudy
from steatoscope.learning.inference.us_steatosis_view import COLUMNS, CROP, RADIUS, ROWS

SMOOTHING_PX = 6.0

Values = NDArray[np.float64]
WeightsOf = Callable[[str], tuple[Values, Values] | None]
"""Weights of a reading in points of fat and its training mean, both (size,); None where it is not read."""


def canvas_heat(studies: list[FrameStudy], maps: list[FrameMaps], weights: WeightsOf) -> Floats:
    """Points of fat (434, 636) by place, mean over frames; ``weights`` gives those of a reading, in points of fat.

    Network readings: what the reading would add if the whole pooled region looked like this place, faded by the heat
    map it was pooled with (class activation, Zhou, CVPR 2016). Depth bands: the local grey in place of the band's.
    """
    heat = np.mean([_of_frame(study, one, weights) for study, one in zip(studies, maps, strict=True)], axis=0)
    return np.asarray(cv2.GaussianBlur(heat, (0, 0), SMOOTHING_PX), dtype=np.float32)


def _of_frame(study: FrameStudy, maps: FrameMaps, weights: WeightsOf) -> Values:
    middle, deep = study.maps
    found = _activation(deep, maps.liver, weights("deep_liver"))
    for word, heat in (("liver", maps.liver), ("kidney", maps.kidney)):
        found += _activation(middle, heat, weights(f"middle_{word}"))
    bands = cv2.resize(_bands(study, weights), (COLUMNS, ROWS), interpolation=cv2.INTER_LINEAR)
    return np.asarray(found + bands, dtype=np.float64)


def _activation(maps: Floats, heat: Floats, weights: tuple[Values, Values] | None) -> Values:
    if weights is None:
        return np.zeros((ROWS, COLUMNS))
    local = np.tensordot(weights[0], maps - weights[1][:, None, None], axes=1)
    y0, y1, x0, x1 = CROP
    size = (x1 - x0, y1 - y0)
    attention = cv2.resize(cv2.GaussianBlur(heat, (0, 0), 2.0), size, interpolation=cv2.INTER_LINEAR)
    shown = cv2.resize(local.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    found = np.zeros((ROWS, COLUMNS))
    found[y0:y1, x0:x1] = shown * attention / max(float(attention.max()), 1e-12)
    return found


def _bands(study: FrameStudy, weights: WeightsOf) -> Values:
    frame, found = study.frame, np.zeros(study.frame.tissue.shape)
    for kind, shown in frame.shown.items():
        for low, high in itertools.pairwise(BANDS):
            gain = weights(f"{kind}_band_{round(100 * low):02d}_{round(100 * high):02d}")
            if gain is not None:
                here = (frame.radius >= low * RADIUS) & (frame.radius < high * RADIUS) & (np.abs(frame.angle) <= WIDE)
                found[here] += float(gain[0][0]) * (shown.level[here] - float(gain[1][0]))
    return found
