"""Recipe R1's chain on B-mode frames: the U-Net's liver, region proposals on it, features of the R-CNN; no torch.

The U-Net is the one whose decoder feeds the R-CNN of a detector: one model gives outline, proposals and features.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats, Mask
from steatoscope.learning.inference.boxes import Boxes
from steatoscope.learning.inference.canvas import Placement
from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.inference.detector_scores import box_means
from steatoscope.learning.inference.prepare import network_input, prepare_us

ON_LIVER: Final = 0.5
MOST: Final = 20
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FrameRegions:
    """What the chain gives of one frame.

    ``boxes`` (n, 4) are the proposals on the liver in canvas pixels, surest first, ``regions`` (n, k) their features;
    ``liver`` is the U-Net's probability on the canvas, ``placement`` where the frame lies on it.
    """

    boxes: Boxes
    regions: NDArray[np.float32]
    liver: Floats
    placement: Placement
    cpu_ms: float

    @property
    def liver_map(self) -> Floats:
        """The liver's probability (rows, columns) in the frame's own pixels."""
        return np.asarray(self.placement.from_canvas(self.liver[None])[0])

    @property
    def liver_mask(self) -> Mask:
        """Where the liver outlined on the canvas lies in the frame (rows, columns)."""
        sure = (self.liver > ON_LIVER)[None].astype(np.float32)
        return np.asarray(self.placement.from_canvas(sure)[0] > ON_LIVER)


def read_frame(detector: Detector, frame: NDArray[np.uint8], tissue: Mask) -> FrameRegions:
    """The liver, and the up to twenty surest proposals that lie on it by half or more, near copies among them.

    ``tissue`` is the frame's sector without burned-in marks (rows, columns).
    """
    began = time.process_time()
    prepared = prepare_us(frame, tissue)
    found = detector.candidates(network_input(prepared, "us"))
    organ = 0 if detector.settings.organ is None else detector.settings.organ
    liver = np.asarray(found.segments[organ], dtype=np.float32)
    on = np.flatnonzero(box_means((liver > ON_LIVER).astype(np.float32), found.boxes) >= ON_LIVER)
    kept = on[np.argsort(-found.scores[on], kind="stable")][:MOST]
    spent = 1000.0 * (time.process_time() - began)
    return FrameRegions(found.boxes[kept], found.features[kept], liver, prepared.placement, spent)


def mean_features(regions: NDArray[np.floating]) -> Values:
    """The mean (k,) of features (n, k) of proposals; NaN where there is none."""
    if not len(regions):
        return np.full(regions.shape[1], np.nan)
    return np.asarray(regions.mean(axis=0), dtype=np.float64)


def mean_of_frames(frames: NDArray[np.float64]) -> Values:
    """The mean (k,) over those frames (n, k) that have proposals; NaN where none has."""
    known = np.isfinite(frames).all(axis=1)
    return frames[known].mean(axis=0) if known.any() else np.full(frames.shape[1], np.nan)
