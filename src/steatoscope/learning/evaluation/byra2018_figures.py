"""Figures of the Byra 2018 benchmark from patients' answers, with patient-bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.learning.inference.us_steatosis_judge import GRADES, LIMITS, grade_index
from steatoscope.science.metrics.classification import (
    accuracy,
    auc,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    weighted_kappa,
)
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals
from steatoscope.science.uncertainty.reliability import errors_if_calibrated

SEVERE, RESAMPLES = 67.0, 2000
Values = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Answers:
    """One row a patient; NaN (and no sets) where a method does not answer.

    ``detection`` and ``severity`` rank patients for fat >= 5 % and > 33 %; ``value`` is in percent of hepatocytes.
    """

    detection: Values
    severity: Values
    value: Values
    probability: Values
    low: Values
    high: Values
    sets: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def ranking(cls, detection: Values, severity: Values | None = None, value: Values | None = None) -> Answers:
        """Answers of a method that only ranks, or ranks and gives values."""
        none = np.full(detection.shape, np.nan)
        rank, values = detection if severity is None else severity, none if value is None else value
        return cls(detection, rank, values, none, none, none)


def scored(answers: Answers, fat: Values, seed: int = 0, resamples: int = RESAMPLES) -> dict[str, Any]:
    """All figures of a method with 95 % intervals (``metric_ci``); figures it cannot have are absent."""
    found = _figures(answers, fat, np.arange(fat.size))
    spans = bootstrap_intervals(
        lambda rows: _figures(answers, fat, rows), np.arange(fat.size), seed=seed, resamples=resamples
    )
    return with_intervals(found, spans, digits=4) | _chance(answers.probability, seed)


def _chance(probability: Values, seed: int) -> dict[str, Any]:
    """The calibration error that exact probabilities would have on average, with the range of 95 % of such errors."""
    if not np.isfinite(probability).all():
        return {}
    drawn = errors_if_calibrated(probability, seed=seed)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {
        "ece_if_calibrated": round(float(drawn.mean()), 4),
        "ece_if_calibrated_ci": [round(float(low), 4), round(float(high), 4)],
    }


def paired(first: Answers, second: Answers, fat: Values, seed: int = 0, resamples: int = RESAMPLES) -> dict[str, Any]:
    """First minus second, of AUCs, rank correlation and absolute error, with paired patient-bootstrap intervals."""

    def gaps(rows: Rows) -> dict[str, float]:
        one, other = _figures(first, fat, rows), _figures(second, fat, rows)
        return {name: one[name] - other[name] for name in ("auc", "auc_over_33", "spearman", "mae_percent")}

    spans, found = (
        bootstrap_intervals(gaps, np.arange(fat.size), seed=seed, resamples=resamples),
        gaps(np.arange(fat.size)),
    )
    return with_intervals(found, spans, digits=4)


def spearman(one: Values, other: Values) -> float:
    """Spearman's rank correlation of (n,), NaN where one does not vary."""
    first, second = rankdata(one), rankdata(other)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def _figures(answers: Answers, fat: Values, rows: Rows) -> dict[str, float]:
    truth, value, probability = fat[rows], answers.value[rows], answers.probability[rows]
    found = {
        "auc": auc(truth >= LIMITS[0], answers.detection[rows]),
        "auc_over_33": auc(truth > LIMITS[1], answers.severity[rows]),
        "spearman": spearman(answers.severity[rows], truth),
    }
    return found | _of_values(value, truth) | _of_uncertainty(answers, probability, truth, rows)


def _of_values(value: Values, truth: Values) -> dict[str, float]:
    if not np.isfinite(value).all():
        return {"mae_percent": math.nan}
    gaps, severe = value - truth, truth >= SEVERE
    counts = confusion_matrix(grade_index(truth), grade_index(value), len(GRADES))
    return {
        "mae_percent": float(np.abs(gaps).mean()),
        "rmse_percent": float(np.sqrt((gaps**2).mean())),
        "bias_severe": float(gaps[severe].mean()) if severe.any() else math.nan,
        "accuracy_4": accuracy(counts),
        "qwk": weighted_kappa(counts),
        "macro_f1": macro_f1(counts),
    }


def _of_uncertainty(answers: Answers, probability: Values, truth: Values, rows: Rows) -> dict[str, float]:
    if not np.isfinite(probability).all():
        return {}
    low, high, grade = answers.low[rows], answers.high[rows], grade_index(truth)
    sets = [answers.sets[row] for row in rows]
    inside = (low <= truth) & (truth <= high)
    kept = np.array([GRADES[g] in chosen for g, chosen in zip(grade, sets, strict=True)], dtype=np.bool_)
    return {
        "ece": expected_calibration_error(probability, truth >= LIMITS[0]),
        "brier": float(np.mean((probability - (truth >= LIMITS[0])) ** 2)),
        "sensitivity": _share((probability >= 0.5)[truth >= LIMITS[0]]),
        "specificity": _share((probability < 0.5)[truth < LIMITS[0]]),
        "interval_coverage_90": float(np.mean(inside)),
        "interval_width": float(np.mean(high - low)),
        "set_coverage_90": float(np.mean(kept)),
        "mean_set_size": float(np.mean([len(chosen) for chosen in sets])),
        **{f"interval_coverage_{name}": _share(inside[grade == k]) for k, name in enumerate(GRADES)},
        **{f"set_coverage_{name}": _share(kept[grade == k]) for k, name in enumerate(GRADES)},
    }


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else math.nan


def shift_row(
    changed: Answers, clean: Answers, fat: Values, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Robustness of one scanner setting: figures under it, and their change against the clean frames."""
    found = scored(changed, fat, seed, resamples)
    kept = ("auc", "auc_ci", "auc_over_33", "auc_over_33_ci", "mae_percent", "mae_percent_ci")
    moved = changed.value - clean.value
    change = paired(changed, clean, fat, seed, resamples)
    row: dict[str, Any] = {name: found[name] for name in kept if name in found}
    row["mean_shift_percent"] = round(float(moved.mean()), 3)
    row["largest_shift_percent"] = round(float(np.abs(moved).max()), 3)
    row["auc_change"] = change["auc"]
    if "auc_ci" in change:
        row["auc_change_ci"] = change["auc_ci"]
    return row


def stacked_answers(rows: list[Mapping[str, Any]]) -> Answers:
    """Answers from one mapping a patient: detection, value, probability, low, high and set."""
    columns = {
        name: np.array([row[name] for row in rows], dtype=np.float64)
        for name in ("detection", "value", "probability", "low", "high")
    }
    return Answers(
        columns["detection"],
        columns["value"],
        columns["value"],
        columns["probability"],
        columns["low"],
        columns["high"],
        tuple(tuple(row["set"]) for row in rows),
    )
