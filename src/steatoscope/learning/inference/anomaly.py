"""The anomaly classifier on a B-mode frame: normal, benign or malignant from tissue alone, and whether that is claimed.

Where the model makes no claim (``settings.claim`` false), the classes are not to be shown: a report then gives the mass
and its mask, and no lesion class.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.inference.anomaly_control import control_features
from steatoscope.learning.inference.anomaly_features import PolarTissue, deep_features, tissue_features
from steatoscope.learning.inference.linear import LinearModel
from steatoscope.learning.inference.session import ModelFolder, OnnxSession, session

CLASSES = ("normal", "benign", "malignant")
TISSUE, CONTROL, ENCODER = "tissue.json", "control.json", "encoder.onnx"


@dataclass(frozen=True, eq=False)
class AnomalyReading:
    """Class probabilities, the likeliest label, and whether a report may show them."""

    label: str
    probabilities: dict[str, float]
    claim: bool


@dataclass(frozen=True, eq=False)
class AnomalyClassifier:
    """A classifier ready to run; ``control`` is the shortcut model that it is measured against."""

    encoder: OnnxSession
    tissue: LinearModel
    control: LinearModel
    claim: bool

    @classmethod
    def open(cls, model: ModelFolder) -> AnomalyClassifier:
        """The classifier of a model folder; raises WeightsError where a file differs from what was recorded."""
        tissue, control = (LinearModel.of(json.loads(model.file(name))) for name in (TISSUE, CONTROL))
        return cls(session(model, ENCODER), tissue, control, bool(model.settings.get("claim", False)))

    def read(self, frame: NDArray[np.uint8], sector: Sector, liver: Mask, mass: Mask, score: float) -> AnomalyReading:
        """From a frame (rows, columns), the liver and the reported mass (empty: none) with its score."""
        features = frame_features(self.encoder, frame, sector, liver, mass, score)
        shares = self.tissue.probabilities(features)
        return AnomalyReading(max(shares, key=lambda name: shares[name]), shares, self.claim)

    def shortcut(self, frame: NDArray[np.uint8], sector: Sector, source: tuple[int, int]) -> str:
        """The label that scanner and geometry alone suggest; for benchmarks only."""
        shares = self.control.probabilities(control_features(frame, sector, source))
        return max(shares, key=lambda name: shares[name])


def frame_features(
    encoder: OnnxSession, frame: NDArray[np.uint8], sector: Sector, liver: Mask, mass: Mask, score: float
) -> dict[str, float]:
    """All tissue features of a frame by name."""
    polar = PolarTissue.of(frame, sector, liver, mass)
    maps = encoder.run(image=polar.network_input()[None, None])["maps"][0]
    return tissue_features(polar, mass, liver, score) | deep_features(maps, polar)
