"""The first ultrasound fat model: classical features, linear, shipped as JSON and evaluated with numpy alone.

Fat is estimated on the histology scale (percent of hepatocytes), the scale of the biopsies it was fitted on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from math import erf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.core.measurement import Interval
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.learning.inference.session import ModelFolder, open_model
from steatoscope.learning.inference.us_first_features import features
from steatoscope.learning.inference.us_first_map import contribution_map

GRADES = ("normal", "mild", "moderate", "severe")
LIMITS = (5.0, 33.0, 66.0)
LEVEL = 0.9
THRESHOLD, WIDER = 0.5, 1.5
FAR, LEAST_SPECKLE, LEAST_STRUCTURE, LEAST_CONFIDENCE = 99.0, 2.0, 6.0, 0.4

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FeatureEffect:
    """One feature: its value (grey levels), and how many points of fat it adds to the training mean."""

    name: str
    value: float
    effect_points: float


@dataclass(frozen=True, eq=False)
class USFatPrediction:
    """Fat of one view on the histology scale (percent of hepatocytes) and what it rests on.

    One predictive distribution, whose median is ``value_percent``, gives ``grade_probabilities`` (limits 5, 33 and
    66 %) and ``probability``, that of fat >= 5 %; so ``positive``, fat >= 5 %, is ``probability`` >= ``threshold``
    (0.5). It and ``interval`` are 1.5 times as wide (on the square root) where the picture is ``unusual``.
    ``ood_score`` is the distance from the training data over its refusal limit: above 1 the picture must be refused
    (``out_of_distribution``), ``unusual`` asks for a warning. ``healthy_z`` compares features, and the model's own
    ``score``, with the biopsy-normal patients. ``heatmap`` (rows, columns) holds points of fat per pixel, 0 elsewhere.
    """

    value_percent: float
    interval: Interval
    probability: float
    threshold: float
    positive: bool
    grade_probabilities: dict[str, float]
    effects: tuple[FeatureEffect, ...]
    healthy_z: dict[str, float]
    ood_score: float
    out_of_distribution: bool
    unusual: bool
    heatmap: Floats = field(repr=False)


@dataclass(frozen=True, eq=False)
class USFirstModel:
    """The fitted model; ``document`` is the JSON file as read, ``sha256`` the model's."""

    document: dict[str, Any]
    sha256: str

    @property
    def version(self) -> str:
        """Version of the weights."""
        return str(self.document["version"])

    @property
    def training_sha256(self) -> frozenset[str]:
        """Hashes of the image files the model was fitted on."""
        return frozenset(self.document["training"]["sha256"])

    def predict(
        self, frames: NDArray[np.uint8], sector: Sector, pixel_mm: tuple[float, float] | None = None
    ) -> USFatPrediction:
        """Estimate fat from frames (n, rows, columns) of one view and their sector.

        ``pixel_mm`` is not used by this model: its depths are shares of the sector's depth.
        """
        del pixel_mm
        tissue = tissue_mask(frames, sector)
        found = features(frames, sector, tissue)
        score, parts = self.score(found)
        points = points_per_root(score, float(self.document["regression"]["intercept"]))
        values = {name: float(points * part) for name, part in parts.items()}
        heatmap = contribution_map(frames, sector, tissue, self.document["regression"], points)
        distance = ood_distance(self.document["distribution"], found) if sector.confidence >= LEAST_CONFIDENCE else FAR
        return self._prediction(found, score, values, heatmap, distance)

    def score(self, found: dict[str, float]) -> tuple[float, dict[str, float]]:
        """Estimated square root of fat, and each feature's share of its distance from the training mean."""
        fit = self.document["regression"]
        parts = {
            name: weight * (found[name] - mean) / spread
            for name, weight, mean, spread in zip(
                fit["features"], fit["weights"], fit["means"], fit["spreads"], strict=True
            )
        }
        return float(fit["intercept"] + sum(parts.values())), parts

    def grades(self, value_percent: float, *, unusual: bool) -> dict[str, float]:
        """Probabilities of the four grades where the median is ``value_percent``; wider for unusual pictures."""
        return grade_probabilities(self.document["residuals"], sqrt(value_percent), widening(unusual))

    def _prediction(
        self, found: dict[str, float], score: float, values: dict[str, float], heatmap: Floats, distance: float
    ) -> USFatPrediction:
        if not np.isfinite(score):
            score = float(self.document["regression"]["intercept"])
        limits = self.document["distribution"]
        unusual = distance > limits["warn_at"]
        value, grades = fat_percent(score), self.grades(fat_percent(score), unusual=unusual)
        return USFatPrediction(
            value_percent=value,
            interval=fat_interval(score, float(self.document["residual_quantile"]) * widening(unusual)),
            probability=1.0 - grades["normal"],
            threshold=THRESHOLD,
            positive=value >= LIMITS[0],
            grade_probabilities=grades,
            effects=tuple(
                FeatureEffect(name, found[name], effect) for name, effect in values.items() if np.isfinite(effect)
            ),
            healthy_z=healthy_z(self.document["healthy"], {**found, "score": score}),
            ood_score=distance / limits["refuse_at"],
            out_of_distribution=distance > limits["refuse_at"],
            unusual=unusual,
            heatmap=heatmap,
        )


def points_per_root(score: float, mean: float) -> float:
    """What turns shares of the square root into points of fat, so that effects add up to value minus mean value."""
    if not np.isfinite(score) or abs(score - mean) < 1e-9:
        return 2.0 * mean
    return (fat_percent(score) - fat_percent(mean)) / (score - mean)


def fat_percent(score: float) -> float:
    """Fat in percent from the estimated square root, between 0 and 100."""
    return float(np.clip(score, 0.0, 10.0) ** 2)


def fat_interval(score: float, quantile: float) -> Interval:
    """A 90 % interval from the conformal quantile of residuals of the square root: wider where fat is higher."""
    return Interval(fat_percent(score - quantile), fat_percent(score + quantile), LEVEL)


def widening(unusual: bool) -> float:
    """The factor on residuals of the square root: 1.5, a cautious choice not fitted on data, for unusual pictures."""
    return WIDER if unusual else 1.0


def grade_probabilities(residuals: list[float], score: float, factor: float = 1.0) -> dict[str, float]:
    """Probabilities of the four grades from left-out residuals of the square root, scaled by ``factor``.

    Every residual counts with both signs, as in the conformal interval, and is smoothed by a Normal kernel: the
    distribution is symmetric, so that its median is exactly the estimate, cut to 0-10 as in :func:`fat_percent`.
    """
    sizes = factor * np.abs(np.asarray(residuals, dtype=np.float64))
    both = np.concatenate([sizes, -sizes])
    width = max(1.06 * float(np.sqrt(np.mean(sizes**2))) * sizes.size**-0.2, 1e-3)
    centre = float(np.clip(score, 0.0, 10.0))
    below = [float(np.mean([_normal((sqrt(limit) - centre - r) / width) for r in both])) for limit in LIMITS]
    shares = np.diff([0.0, *below, 1.0])
    return dict(zip(GRADES, (float(share) for share in shares), strict=True))


def ood_distance(distribution: dict[str, Any], found: dict[str, float]) -> float:
    """Mahalanobis distance of features from the training patients, per square root of their number.

    ``FAR`` where a feature is missing, or where the picture has no speckle or no structure (grey levels): every B-mode
    picture of an abdomen has both.
    """
    values = np.array([found[name] for name in distribution["features"]], dtype=np.float64)
    plain = found["speckle_sd"] < LEAST_SPECKLE or found["contrast_spread"] < LEAST_STRUCTURE
    if plain or not np.isfinite(values).all():
        return FAR
    z = (values - np.asarray(distribution["centre"])) / np.asarray(distribution["spread"])
    return min(float(np.sqrt(z @ np.asarray(distribution["precision"]) @ z / z.size)), FAR)


def healthy_z(healthy: dict[str, dict[str, float]], found: dict[str, float]) -> dict[str, float]:
    """Robust z of features against the biopsy-normal training patients (median and scaled MAD)."""
    return {
        name: (found[name] - part["median"]) / part["spread"]
        for name, part in healthy.items()
        if np.isfinite(found[name])
    }


@lru_cache(maxsize=1)
def load_us_first() -> USFirstModel:
    """The shipped model. Raises ``WeightsError`` where a byte of the weights differs from the recorded hash."""
    return read_model(open_model("us-first"))


def read_model(model: ModelFolder) -> USFirstModel:
    """Read ``model.json`` of a model's folder; raises ``WeightsError`` where it was changed."""
    return USFirstModel(json.loads(model.file("model.json")), model.sha256)


def _normal(z: float) -> float:
    return 0.5 * (1.0 + erf(z / sqrt(2.0)))
