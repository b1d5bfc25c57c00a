"""A packed model of recipe R1 at work: grade, fat with interval, outline, regions and heat map of a view; no torch.

The folder holds the detector's three graphs and ``chain.json``, what was learnt on their features.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Mask
from steatoscope.core.measurement import Interval
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.inference.r1_chain import FrameRegions, mean_features, mean_of_frames, read_frame
from steatoscope.learning.inference.r1_heads import RegionHeads
from steatoscope.learning.inference.r1_map import FattyRegion, fatty_regions, view_map
from steatoscope.learning.inference.session import ModelFolder
from steatoscope.learning.inference.us_first import (
    FAR,
    LEAST_CONFIDENCE,
    LEVEL,
    THRESHOLD,
    USFatPrediction,
    fat_interval,
    fat_percent,
    widening,
)
from steatoscope.science.clinical.grades import LABELS

KEY: Final = "region_grader"
CHAIN: Final = "chain.json"
TOP: Final = 10.0


@dataclass(frozen=True, eq=False)
class RegionPrediction(USFatPrediction):
    """Fat of one view with the frames it was read from and the regions that look fattier than healthy livers do.

    The four probabilities are the classifier's own; the value is that of the fat head. ``heatmap`` holds points of fat
    above or below a healthy liver. ``healthy_z["score"]`` is the robust z of the root of fat.
    """

    frames: tuple[FrameRegions, ...]
    regions: tuple[FattyRegion, ...]


@dataclass(frozen=True, eq=False)
class RegionModel:
    """A model of R1 ready to run; several threads may share it.

    ``baseline`` names the healthy patients of the heads, None for those of ``byra2018``.
    """

    folder: ModelFolder
    detector: Detector
    heads: RegionHeads
    scale: str
    simulated: bool
    region_level: float
    baseline: str | None

    @classmethod
    def open(cls, folder: ModelFolder) -> RegionModel:
        """The model of a folder; raises WeightsError where a file differs from what was recorded."""
        own: Mapping[str, Any] = folder.settings[KEY]
        heads = RegionHeads.read(json.loads(folder.file(CHAIN)))
        return cls(
            folder, Detector.open(folder), heads, str(own["scale"]), bool(own["simulated"]),
            float(own["region_level"]), own["baseline"],
        )  # fmt: skip

    @property
    def version(self) -> str:
        """Version of the weights."""
        return self.folder.version

    @property
    def training_sha256(self) -> frozenset[str]:
        """Hashes of the images that the heads, the U-Net or the R-CNN were trained on."""
        return self.folder.training_sha256

    def read(self, frames: NDArray[np.uint8], tissue: Mask) -> tuple[FrameRegions, ...]:
        """The chain on every frame (n, rows, columns) of a view."""
        return tuple(read_frame(self.detector, frame, tissue) for frame in frames)

    def predict(self, frames: NDArray[np.uint8], sector: Sector) -> RegionPrediction:
        """Fat from frames (n, rows, columns) of one view and their sector."""
        return self.judge(self.read(frames, tissue_mask(frames, sector)), sector)

    def judge(self, frames: tuple[FrameRegions, ...], sector: Sector) -> RegionPrediction:
        """Fat from what the chain gave of a view's frames.

        Without a region on a liver in any frame, or a credible sector, the view is out of distribution: its value is
        then that of the training median. Raises SteatoscopeError ``E_WEIGHTS`` where features and heads do not fit.
        """
        regions = np.concatenate([one.regions for one in frames])
        if regions.shape[1] != self.heads.low.size:
            cause = f"{CHAIN} reads {self.heads.low.size} features, the detector gives {regions.shape[1]}."
            raise SteatoscopeError("E_WEIGHTS", path=str(self.folder.folder), cause=cause)
        features = mean_of_frames(np.stack([mean_features(self.heads.within(one.regions)) for one in frames]))
        seen = bool(np.isfinite(features).all())
        score = float(np.clip(self.heads.score(features), 0.0, TOP))
        unusual = seen and self.heads.outside(regions) > self.heads.usual
        grades = self.heads.grades(features)
        probability = 1.0 - grades[LABELS[0]]
        foreign = LEAST_CONFIDENCE / max(sector.confidence, 1e-6) if seen else FAR
        return RegionPrediction(
            value_percent=fat_percent(score),
            interval=self._interval(score, unusual),
            probability=probability,
            threshold=THRESHOLD,
            positive=probability >= THRESHOLD,
            grade_probabilities=grades,
            effects=(),
            healthy_z={"score": self.heads.healthy_z(score)},
            ood_score=foreign,
            out_of_distribution=foreign > 1.0,
            unusual=unusual,
            heatmap=view_map(frames, self.heads, self._points(score)),
            frames=frames,
            regions=tuple(fatty_regions(frames, self.heads, self.region_level)),
        )

    def _interval(self, score: float, unusual: bool) -> Interval:
        """At level 0.9; all of 0-100 % where too few patients were left out to know better."""
        quantile = inf if self.heads.quantile is None else self.heads.quantile
        return fat_interval(score, quantile * widening(unusual)) if np.isfinite(quantile) else Interval(0, 100, LEVEL)

    def _points(self, score: float) -> float:
        """What turns roots less the healthy root into points of fat that add up to value less healthy value."""
        healthy = self.heads.healthy[0]
        if abs(score - healthy) < 1e-9:
            return 2.0 * max(healthy, 0.0)
        return (fat_percent(score) - fat_percent(healthy)) / (score - healthy)


def is_region_grader(settings: Mapping[str, Any]) -> bool:
    """Whether a model's settings describe a packed model of R1."""
    return KEY in settings
