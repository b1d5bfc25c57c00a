"""Fits how box scores and the evidence of the segmentation are weighed, on images that the detector has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Floats
from steatoscope.learning.inference.boxes import Boxes, overlaps, suppressed
from steatoscope.learning.inference.detector import Detector
from steatoscope.learning.inference.detector_scores import evidence

STRENGTH = 0.3
NEAR, MOST = 0.6, 40
HIT = 0.5


@dataclass(frozen=True, eq=False)
class Evidence:
    """Evidence (n, k) of one image's candidates and which of them hit a reference box."""

    features: NDArray[np.float32]
    hits: NDArray[np.bool_]


def candidate_evidence(detector: Detector, canvas: Floats, wanted: Boxes, label: int = 0) -> Evidence:
    """Candidates of a label on an unseen canvas, near copies left out, against reference boxes (m, 4) on the canvas."""
    plan = detector.settings
    segment = plan.label_segments[label]
    if plan.rescore or segment is None:
        raise ValueError("evidence is fitted on plain box scores of a label that has a segment")
    found = detector.candidates(canvas)
    boxes, scores = found.boxes[found.labels == label], found.scores[found.labels == label]
    organ = found.segments[plan.organ or 0]
    features = evidence(scores, boxes, found.segments[segment], organ)
    kept = suppressed(boxes, scores * (0.5 + 0.5 * features[:, 3]), NEAR)[:MOST]
    near = overlaps(boxes[kept], wanted).max(axis=1) >= HIT if len(wanted) else np.zeros(len(kept), dtype=np.bool_)
    return Evidence(features[kept], np.asarray(near))


def fit_weights(parts: Sequence[Evidence]) -> tuple[float, ...]:
    """Logistic weights and intercept; raises ValueError where no candidate hits, or all do."""
    from sklearn.linear_model import LogisticRegression

    features = np.concatenate([part.features for part in parts]).astype(np.float64)
    hits = np.concatenate([part.hits for part in parts])
    if hits.all() or not hits.any():
        raise ValueError("evidence can be weighed only where some candidates hit and some do not")
    middle, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    model = LogisticRegression(C=STRENGTH, max_iter=2000).fit((features - middle) / spread, hits)
    weights = model.coef_[0] / spread
    return (*(float(w) for w in weights), float(model.intercept_[0] - (weights * middle).sum()))
