"""Scores of masses and livers on ultrasound images: average precision, free-response recall, false masses, overlap.

The image is the case, the group of look-alikes what is drawn in the bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.learning.evaluation.segmentation_scores import dice_of
from steatoscope.learning.inference.boxes import overlaps
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

MATCH: Final = 0.5
FALSE_POSITIVES: Final = 1.0
RESAMPLES: Final = 1000
Counts = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class ImageResult:
    """What was found on one image, in its own pixels.

    ``wanted`` (m, 4) and ``found`` (n, 4) are boxes of masses, ``scores`` (n,) go with the latter. ``mass`` and
    ``liver`` are pixels in both masks, in the found and in the reference mask; None where unknown. ``operating``
    is the score from which a mass is reported.
    """

    case: str
    group: str
    finding: str
    wanted: NDArray[np.float64]
    found: NDArray[np.float64]
    scores: NDArray[np.float64]
    operating: float
    mass: Counts | None
    liver: Counts | None

    @property
    def reported(self) -> int:
        """How many masses are reported."""
        return int(np.count_nonzero(self.scores >= self.operating))


def hits_of(found: NDArray[np.float64], scores: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which found boxes (n, 4) hit a mass: best score first, each mass once, at an overlap of one half or more."""
    hits = np.zeros(len(found), dtype=np.bool_)
    if not len(found) or not len(wanted):
        return hits
    near, free = overlaps(found, wanted), np.ones(len(wanted), dtype=np.bool_)
    for i in np.argsort(-scores, kind="stable"):
        j = int(np.argmax(np.where(free, near[i], -1.0)))
        if free[j] and near[i, j] >= MATCH:
            hits[i], free[j] = True, False
    return hits


def average_precision(hits: NDArray[np.bool_], scores: NDArray[np.float64], masses: float,
                      weights: NDArray[np.float64] | None = None) -> float:  # fmt: skip
    """Area under the precision envelope over recall, all points (Everingham et al. 2010); NaN without masses.

    ``weights`` (n,) count each box that often, as in a resample.
    """
    if not masses:
        return math.nan
    order = np.argsort(-scores, kind="stable")
    weight = np.ones(len(hits)) if weights is None else weights
    right, wrong = np.cumsum((weight * hits)[order]), np.cumsum((weight * ~hits)[order])
    recall = np.concatenate([[0.0], right / masses])
    precision = np.divide(right, right + wrong, out=np.zeros(len(right)), where=right + wrong > 0.0)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope))


def recall_at(hits: NDArray[np.bool_], scores: NDArray[np.float64], masses: float, images: float,
              weights: NDArray[np.float64] | None = None, rate: float = FALSE_POSITIVES) -> float:  # fmt: skip
    """Highest share of masses found with at most ``rate`` false boxes an image (free response; Bunch et al. 1977)."""
    if not masses:
        return math.nan
    order = np.argsort(-scores, kind="stable")
    weight = np.ones(len(hits)) if weights is None else weights
    right, wrong = np.cumsum((weight * hits)[order]), np.cumsum((weight * ~hits)[order])
    allowed = right[wrong <= rate * images]
    return float(allowed.max(initial=0.0) / masses)


def summarise_masses(results: Sequence[ImageResult], *, resamples: int = RESAMPLES) -> dict[str, Any]:
    """Figures of all images with bootstrap intervals over groups at 0.95; what is undefined is absent."""
    table = _Table.of(results)
    groups = [result.group for result in results]
    spans = bootstrap_intervals(table.figures, groups, resamples=resamples)
    return with_intervals(table.figures(np.arange(len(results))), spans)


def froc(results: Sequence[ImageResult], rates: Sequence[float]) -> Mapping[float, float]:
    """Recall at each number of false boxes an image."""
    table = _Table.of(results)
    masses, images = float(table.masses.sum()), float(len(results))
    return {rate: recall_at(table.hits, table.scores, masses, images, rate=rate) for rate in rates}


def operating_points(results: Sequence[ImageResult], limits: Sequence[float]) -> list[dict[str, float]]:
    """At each score limit: share of masses found, of normal images with a mass, and false boxes an image."""
    table = _Table.of(results)
    masses = max(float(table.masses.sum()), 1.0)
    points = []
    for limit in limits:
        shown = table.scores >= limit
        alarmed = np.zeros(len(results), dtype=np.bool_)
        alarmed[table.owner[shown]] = True
        points.append(
            {
                "score": float(limit),
                "recall": float((table.hits & shown).sum() / masses),
                "false_masses_on_normal": float(alarmed[table.normal].mean()) if table.normal.any() else math.nan,
                "false_boxes_per_image": float((~table.hits & shown).sum() / len(results)),
            }
        )
    return points


@dataclass(frozen=True, eq=False)
class _Table:
    """All boxes in one row, with the image each belongs to, and what is counted by image."""

    hits: NDArray[np.bool_]
    scores: NDArray[np.float64]
    owner: NDArray[np.intp]
    shown: NDArray[np.bool_]
    masses: NDArray[np.float64]
    normal: NDArray[np.bool_]
    alarmed: NDArray[np.bool_]
    mass: NDArray[np.float64]
    liver: NDArray[np.float64]

    @classmethod
    def of(cls, results: Sequence[ImageResult]) -> _Table:
        counts = [len(r.scores) for r in results]
        scores = np.concatenate([np.zeros(0), *(r.scores for r in results)])
        limits = np.repeat([r.operating for r in results], counts)
        return cls(
            hits=np.concatenate([np.zeros(0, bool), *(hits_of(r.found, r.scores, r.wanted) for r in results)]),
            scores=scores,
            owner=np.repeat(np.arange(len(results)), counts),
            shown=scores >= limits,
            masses=np.array([len(r.wanted) for r in results], dtype=np.float64),
            normal=np.array([r.finding == "normal" for r in results]),
            alarmed=np.array([r.reported > 0 for r in results]),
            mass=_counts([r.mass if len(r.wanted) else None for r in results]),
            liver=_counts([r.liver for r in results]),
        )

    def figures(self, rows: NDArray[np.intp]) -> dict[str, float]:
        drawn = np.bincount(rows, minlength=len(self.masses)).astype(np.float64)
        weights = drawn[self.owner]
        masses, images = float((drawn * self.masses).sum()), float(len(rows))
        normal = drawn * self.normal
        return {
            "ap50": average_precision(self.hits, self.scores, masses, weights),
            "recall_at_1_fp": recall_at(self.hits, self.scores, masses, images, weights),
            "recall_operating": _share(weights * self.shown * self.hits, masses),
            "false_boxes_per_image": _share(weights * self.shown * ~self.hits, images),
            "false_masses_on_normal": _share(normal * self.alarmed, float(normal.sum())),
            "mass_dice": _mean_dice(self.mass[rows]),
            "mass_dice_pooled": _pooled_dice(self.mass[rows]),
            "liver_dice": _mean_dice(self.liver[rows]),
        }


def _counts(values: Sequence[Counts | None]) -> NDArray[np.float64]:
    """Counts (n, 3), NaN where there are none."""
    return np.array([(math.nan,) * 3 if one is None else one for one in values], dtype=np.float64).reshape(-1, 3)


def _share(values: NDArray[np.float64], total: float) -> float:
    return float(values.sum() / total) if total else math.nan


def _mean_dice(counts: NDArray[np.float64]) -> float:
    known = counts[np.isfinite(counts[:, 0])]
    if not len(known):
        return math.nan
    total = known[:, 1] + known[:, 2]
    return float(np.where(total > 0.0, 2.0 * known[:, 0] / np.maximum(total, 1.0), 1.0).mean())


def _pooled_dice(counts: NDArray[np.float64]) -> float:
    known = counts[np.isfinite(counts[:, 0])]
    both, found, wanted = known.sum(axis=0)
    return dice_of(int(both), int(found), int(wanted)) if len(known) else math.nan
