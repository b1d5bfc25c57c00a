"""Figures of recipe R5: classes, masks and heat maps, with intervals over groups; baselines and controls alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.baselines import FOREST, GLCM_SVM, Fold, out_of_fold
from steatoscope.learning.evaluation.baselines_features import control_features, intensity_features, texture_features
from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.learning.training.anomaly_fit import beats, comparison
from steatoscope.learning.training.r5_pictures import CLASSES, FindingSet
from steatoscope.science.metrics.classification import accuracy, auc, confusion_matrix
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

RESAMPLES: Final = 1000
FOUND: Final = 0.5
CONTROL: Final = "control: everything but tissue"
Values = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class FindingReading:
    """Scores of the classes (n, 3), largest is the choice; NaN rows were not read.

    ``counts`` (n, 3) are pixels in both masks, found and wanted; ``hit`` (n,) says whether the heat map is hottest
    inside the reference, NaN where there is none; None for what gives no mask.
    """

    scores: Values
    counts: Values | None = None
    hit: Values | None = None

    @property
    def labels(self) -> Rows:
        """The class chosen for each picture."""
        return np.asarray(self.scores.argmax(axis=1), dtype=np.intp)


def mask_counts(heat: NDArray[np.float32], wanted: NDArray[np.bool_]) -> tuple[Values, float]:
    """Pixels in both, found and wanted of one picture, and whether the hottest pixel lies in what is wanted."""
    found = heat >= FOUND
    counts = np.array([(found & wanted).sum(), found.sum(), wanted.sum()], dtype=np.float64)
    top = np.unravel_index(int(np.argmax(heat)), heat.shape)
    return counts, float(wanted[top]) if wanted.any() else float("nan")


def row_of(data: FindingSet, reading: FindingReading) -> dict[str, Any]:
    """All figures of one method on a set with 95 % intervals over groups (volumes, look-alikes)."""
    spans = bootstrap_intervals(lambda rows: _figures(data, reading, rows), data.groups, resamples=RESAMPLES)
    return with_intervals(_figures(data, reading, np.arange(len(data))), spans, digits=4)


def _figures(data: FindingSet, reading: FindingReading, rows: Rows) -> dict[str, float]:
    truth, scores = data.labels[rows], reading.scores[rows]
    counts = confusion_matrix(truth, scores.argmax(axis=1), len(CLASSES))
    totals = counts.sum(axis=0) + counts.sum(axis=1)
    each = {
        f"f1_{name}": 2.0 * float(counts[k, k]) / float(totals[k]) if totals[k] else 0.0
        for k, name in enumerate(CLASSES)
    }
    found = {
        "macro_f1": float(np.mean(list(each.values()))),
        "accuracy_3": accuracy(counts),
        **each,
        "macro_auc": float(np.mean([auc(truth == k, scores[:, k]) for k in range(len(CLASSES))])),
        "auc_abnormal": auc(truth > 0, -scores[:, 0]),
    }
    return found | _of_masks(reading, truth, rows)


def _of_masks(reading: FindingReading, truth: Rows, rows: Rows) -> dict[str, float]:
    if reading.counts is None or reading.hit is None:
        return {}
    both, found, wanted = reading.counts[rows].T
    held, free = wanted > 0, wanted == 0
    total = np.maximum(found + wanted, 1.0)
    hits = reading.hit[rows][held]
    return {
        "mask_dice": float((2.0 * both / total)[held].mean()) if held.any() else float("nan"),
        "mask_dice_pooled": float(2.0 * both.sum() / max(float((found + wanted)[held].sum()), 1.0)),
        "hottest_inside": float(hits.mean()) if hits.size else float("nan"),
        "false_masks_on_normal": float((found > 0)[free].mean()) if free.any() else float("nan"),
    }


def baseline_readings(data: FindingSet, folds: list[Fold], seed: int) -> dict[str, FindingReading]:
    """GLCM + SVM, random forest and the control that sees everything but tissue, on the same folds."""
    texture, both, control = _features(data)
    named = {GLCM_SVM: ("svm", texture), FOREST: ("forest", both), CONTROL: ("linear", control)}
    return {
        name: FindingReading(
            out_of_fold(learner, "classification", features, data.labels, data.groups, folds, seed=seed)  # type: ignore[arg-type]
        )
        for name, (learner, features) in named.items()
    }


def _features(data: FindingSet) -> tuple[Values, Values, Values]:
    texture, intensity, control = [], [], []
    for row in range(len(data)):
        drawn = data.draw(row, 0)
        texture.append(texture_features(drawn.grey, drawn.tissue))
        intensity.append(intensity_features(drawn.grey, drawn.tissue))
        if data.control is None:
            seen = control_features(drawn.grey, drawn.tissue)
            control.append(np.concatenate([seen["control: outside the sector"], seen["control: sector geometry"]]))
        else:
            control.append(data.control(row))
    return np.stack(texture), np.concatenate([texture, intensity], axis=1), np.stack(control)


def against_control(data: FindingSet, reading: FindingReading, control: FindingReading) -> dict[str, Any]:
    """A method against the control, paired over groups, overall and within strata; ``beats_control`` as the claim."""
    found = comparison(data.labels, reading.labels, control.labels, data.groups, data.strata)
    kept = ("tissue", "control", "difference", "tissue_within", "control_within", "difference_within")
    return {"strata": found["strata"], **{name: found[name] for name in kept}, "beats_control": beats(found)}
