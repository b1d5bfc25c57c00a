"""Figures of the grading recipes: by patient and by frame, calibrated on inner patients, intervals over patients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from steatoscope.learning.evaluation.byra2018_figures import spearman
from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.learning.training.grading_data import GradingSet
from steatoscope.learning.training.grading_keep import Reading
from steatoscope.learning.training.grading_outputs import fitted_temperature
from steatoscope.science.clinical.grades import LABELS
from steatoscope.science.metrics.classification import (
    accuracy,
    auc,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    weighted_kappa,
)
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals
from steatoscope.science.uncertainty.conformal import conformal_quantile

RESAMPLES: Final = 1000
LEVEL: Final = 0.9
Values = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Graded:
    """Answers with their truth: probabilities (n, 4) after and before calibration, fat, the patient and its fold."""

    probability: Values
    uncalibrated: Values
    fat: Values
    patient: Rows
    fold: Rows
    true_grade: Rows
    true_fat: Values
    temperatures: tuple[float, ...]
    scale: str

    @property
    def steatosis(self) -> NDArray[np.bool_]:
        """Whether each is graded above normal: on the histology scale, fat of at least 5 %."""
        return self.true_grade >= 1


def second_auc(scale: str) -> str:
    """How the AUC of moderate or severe is called: by its limit, 33 %, on the histology scale only."""
    return "auc_over_33" if scale == "histology" else "auc_moderate"


def by_patient(readings: Sequence[Reading], data: GradingSet) -> Graded:
    """Each test patient's answer: the mean over rows, by the temperature of its fold's inner patients."""
    return _graded(readings, data, together=True)


def by_frame(readings: Sequence[Reading], data: GradingSet) -> Graded:
    """Every test row by itself."""
    return _graded(readings, data, together=False)


def _graded(readings: Sequence[Reading], data: GradingSet, *, together: bool) -> Graded:
    parts: dict[str, list[Any]] = {key: [] for key in ("after", "before", "fat", "patient", "fold")}
    temperatures = []
    for reading in readings:
        t = fitted_temperature(reading.inner.logits, data.grade[reading.inner.patient])
        temperatures.append(t)
        test = reading.test
        groups = [test.patient == p for p in np.unique(test.patient)] if together else list(np.eye(len(test.fat)) > 0)
        for rows in groups:
            parts["after"].append(softmax(test.logits[rows] / t, axis=1).mean(axis=0))
            parts["before"].append(softmax(test.logits[rows], axis=1).mean(axis=0))
            parts["fat"].append(float(np.clip(test.fat[rows].mean(), 0.0, 100.0)))
            parts["patient"].append(int(test.patient[rows][0]))
            parts["fold"].append(reading.fold)
    patient = np.array(parts["patient"], dtype=np.intp)
    return Graded(
        np.stack(parts["after"]), np.stack(parts["before"]), np.array(parts["fat"]), patient,
        np.array(parts["fold"], dtype=np.intp), data.grade[patient], data.fat[patient], tuple(temperatures),
        data.scale,
    )  # fmt: skip


def scored(found: Graded, *, seed: int = 0, classes: bool = False, bounds: bool = True) -> dict[str, Any]:
    """All figures with 95 % intervals over patients; ``classes`` adds those of each grade, ``bounds`` those of 90 %."""
    half = _half_widths(found) if bounds else np.full(len(found.fat), np.nan)

    def of(rows: Rows) -> dict[str, float]:
        figures = _ranking(found, rows) | _grades(found, rows, classes=classes) | _fat(found, rows, half)
        return {name: value for name, value in figures.items() if value is not None}

    spans = bootstrap_intervals(of, found.patient, seed=seed, resamples=RESAMPLES)
    return with_intervals(of(np.arange(len(found.fat))), spans, digits=4)


def _ranking(found: Graded, rows: Rows) -> dict[str, float]:
    p, grade, steatosis = found.probability[rows], found.true_grade[rows], found.steatosis[rows]
    single = [auc(grade == k, p[:, k]) for k in range(len(LABELS))]
    known = [value for value in single if math.isfinite(value)]
    before = 1.0 - found.uncalibrated[rows, 0]
    return {
        "auc": auc(steatosis, 1.0 - p[:, 0]),
        second_auc(found.scale): auc(grade >= 2, p[:, 2] + p[:, 3]),
        "macro_auc": float(np.mean(known)) if known else math.nan,
        "ece_uncalibrated": expected_calibration_error(np.clip(before, 0.0, 1.0), steatosis),
        "ece": expected_calibration_error(np.clip(1.0 - p[:, 0], 0.0, 1.0), steatosis),
        "brier": float(np.mean((1.0 - p[:, 0] - steatosis) ** 2)),
    }


def _grades(found: Graded, rows: Rows, *, classes: bool) -> dict[str, float]:
    counts = confusion_matrix(found.true_grade[rows], found.probability[rows].argmax(axis=1), len(LABELS))
    figures = {"accuracy_4": accuracy(counts), "macro_f1": macro_f1(counts), "qwk": weighted_kappa(counts)}
    return figures | (_classes(counts) if classes else {})


def _classes(counts: NDArray[np.intp]) -> dict[str, float]:
    """Precision, recall and F1 of each grade; NaN where it neither is nor is told."""
    found = {}
    for k, label in enumerate(LABELS):
        hit, told, there = int(counts[k, k]), int(counts[:, k].sum()), int(counts[k].sum())
        found[f"precision_{label}"] = hit / told if told else math.nan
        found[f"recall_{label}"] = hit / there if there else math.nan
        found[f"f1_{label}"] = 2.0 * hit / (told + there) if told + there else math.nan
    return found


def _fat(found: Graded, rows: Rows, half: Values) -> dict[str, float]:
    value, truth, width = found.fat[rows], found.true_fat[rows], half[rows]
    if not np.isfinite(value).all():
        return {}
    figures = {
        "mae_percent": float(np.abs(value - truth).mean()),
        "rmse_percent": float(np.sqrt(np.mean((value - truth) ** 2))),
        "spearman": spearman(value, truth),
    }
    if not np.isfinite(width).all():
        return figures
    low, high = np.clip(value - width, 0.0, 100.0), np.clip(value + width, 0.0, 100.0)
    inside = (low <= truth) & (truth <= high)
    return figures | {
        "interval_coverage_90": float(inside.mean()),
        "interval_width": float(np.mean(high - low)),
    }


def _half_widths(found: Graded) -> Values:
    """Half-widths at 0.9 for each row, from the residuals of the other folds' test patients."""
    residual = found.fat - found.true_fat
    each = np.full(len(residual), np.nan)
    if not np.isfinite(residual).all():
        return each
    for fold in np.unique(found.fold):
        rest = residual[found.fold != fold]
        each[found.fold == fold] = conformal_quantile(rest, LEVEL) if rest.size else np.nan
    return each


def shipped_calibration(readings: Sequence[Reading], data: GradingSet) -> tuple[float, float | None]:
    """Temperature and half-width at 0.9 of a model that ships, from all its left-out patients."""
    logits = np.concatenate([reading.test.logits for reading in readings])
    patient = np.concatenate([reading.test.patient for reading in readings])
    found = by_patient(readings, data)
    half = conformal_quantile(found.fat - found.true_fat, LEVEL)
    return fitted_temperature(logits, data.grade[patient]), half if math.isfinite(half) else None


def counts_of(found: Graded) -> NDArray[np.intp]:
    """The confusion matrix of the four grades."""
    return confusion_matrix(found.true_grade, found.probability.argmax(axis=1), len(LABELS))


def rounded(row: Mapping[str, Any], digits: int = 4) -> dict[str, Any]:
    """A row with rounded figures."""
    return {name: round(value, digits) if isinstance(value, float) else value for name, value in row.items()}
