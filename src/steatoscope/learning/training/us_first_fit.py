"""Fitting and honest scoring of the first ultrasound fat model: every number by patient, everything nested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import RidgeCV
from sklearn.metrics import roc_auc_score

from steatoscope.learning.inference.us_first import (
    LEVEL,
    LIMITS,
    fat_interval,
    fat_percent,
    grade_probabilities,
    ood_distance,
)
from steatoscope.learning.inference.us_first_features import band_names

ALPHAS = (1.0, 3.0, 10.0, 30.0)
WARN_FACTOR, REFUSE_FACTOR = 1.25, 2.6
BOOTSTRAPS = 2000

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PatientTable:
    """Features (patients, features) with their names, and the biopsies' fat in percent of hepatocytes."""

    names: tuple[str, ...]
    values: Values
    fat: Values

    def take(self, index: NDArray[np.intp]) -> PatientTable:
        """Some of the patients."""
        return PatientTable(self.names, self.values[index], self.fat[index])

    def row(self, index: int) -> dict[str, float]:
        """One patient's features by name."""
        return dict(zip(self.names, self.values[index].tolist(), strict=True))


def fit_parts(table: PatientTable) -> dict[str, Any]:
    """All fitted parts of the model; residuals come from inner leave-one-patient-out predictions."""
    scores = left_out_scores(table)
    residuals = np.sqrt(table.fat) - scores
    return {
        "regression": fit_regression(table),
        "residuals": np.sort(residuals).round(6).tolist(),
        "residual_quantile": conformal_quantile(np.abs(residuals), LEVEL),
        "distribution": fit_distribution(table),
        "healthy": fit_healthy(table, scores),
    }


def fit_regression(table: PatientTable) -> dict[str, Any]:
    """Ridge on the square root of fat over the standardised depth bands, its strength by leave-one-out error."""
    columns = [table.names.index(name) for name in band_names()]
    values = table.values[:, columns]
    means, spreads = values.mean(axis=0), values.std(axis=0)
    fit = RidgeCV(alphas=ALPHAS).fit((values - means) / spreads, np.sqrt(table.fat))
    return {
        "features": band_names(),
        "weights": fit.coef_.round(8).tolist(),
        "means": means.round(8).tolist(),
        "spreads": spreads.round(8).tolist(),
        "intercept": round(float(fit.intercept_), 8),
        "alpha": float(fit.alpha_),
    }


def score_row(fit: dict[str, Any], row: dict[str, float]) -> float:
    """Estimated square root of fat of one patient."""
    values = np.array([row[name] for name in fit["features"]])
    z = (values - np.array(fit["means"])) / np.array(fit["spreads"])
    return float(fit["intercept"] + z @ np.array(fit["weights"]))


def left_out_scores(table: PatientTable) -> Values:
    """Each patient's estimated square root of fat by a regression that has not seen the patient."""
    everyone = np.arange(table.fat.size)
    return np.array(
        [score_row(fit_regression(table.take(everyone[everyone != i])), table.row(int(i))) for i in everyone]
    )


def conformal_quantile(sizes: Values, level: float) -> float:
    """The split-conformal quantile ``ceil((n + 1) level)`` of residual sizes (Vovk et al., 2005)."""
    rank = min(int(np.ceil((sizes.size + 1) * level)), sizes.size)
    return round(float(np.sort(sizes)[rank - 1]), 8)


def fit_distribution(table: PatientTable) -> dict[str, Any]:
    """Shrunk covariance of all features and limits on the distance, from patients left out in turn."""
    everyone = np.arange(table.fat.size)
    left_out = [ood_distance(_covariance(table.take(everyone[everyone != i])), table.row(int(i))) for i in everyone]
    farthest = float(np.max(left_out))
    limits = {"warn_at": round(WARN_FACTOR * farthest, 6), "refuse_at": round(REFUSE_FACTOR * farthest, 6)}
    return _covariance(table) | limits


def fit_healthy(table: PatientTable, scores: Values) -> dict[str, dict[str, float]]:
    """Median and scaled MAD of every feature, and of the left-out ``score``, in the biopsy-normal patients."""
    normal = np.column_stack([table.values, scores])[table.fat < LIMITS[0]]
    middle = np.median(normal, axis=0)
    spread = 1.4826 * np.median(np.abs(normal - middle), axis=0)
    return {
        name: {"median": round(float(m), 6), "spread": round(float(s), 6)}
        for name, m, s in zip((*table.names, "score"), middle, spread, strict=True)
    }


def evaluate(table: PatientTable, *, seed: int = 0) -> dict[str, Any]:
    """Nested leave-one-patient-out metrics with 95 % patient-bootstrap intervals."""
    everyone = np.arange(table.fat.size)
    results = [_left_out(table, int(i), everyone[everyone != i]) for i in everyone]
    columns = {name: np.array([result[name] for result in results]) for name in results[0]}
    metrics: dict[str, Callable[[NDArray[np.intp]], float]] = {
        "auc": lambda k: auc_of(table.fat[k] >= LIMITS[0], columns["probability"][k]),
        "auc_over_33": lambda k: auc_of(table.fat[k] > LIMITS[1], columns["percent"][k]),
        "spearman": lambda k: float(spearmanr(columns["percent"][k], table.fat[k])[0]),
        "mae_percent": lambda k: float(np.mean(np.abs(columns["percent"][k] - table.fat[k]))),
        "rmse_percent": lambda k: float(np.sqrt(np.mean((columns["percent"][k] - table.fat[k]) ** 2))),
        "sensitivity": lambda k: _share(columns["positive"][k], table.fat[k] >= LIMITS[0]),
        "specificity": lambda k: _share(1 - columns["positive"][k], table.fat[k] < LIMITS[0]),
        "interval_coverage_90": lambda k: float(np.mean(columns["covered"][k])),
        "interval_width": lambda k: float(np.mean(columns["width"][k])),
        "accuracy_4": lambda k: float(np.mean(columns["grade"][k] == _grade(table.fat[k]))),
        "brier": lambda k: float(np.mean((columns["probability"][k] - (table.fat[k] >= LIMITS[0])) ** 2)),
    }
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, everyone.size, everyone.size) for _ in range(BOOTSTRAPS)]
    draws = [draw for draw in draws if 0 < (table.fat[draw] >= LIMITS[0]).mean() < 1 and (table.fat[draw] > 33).any()]
    found: dict[str, Any] = {}
    for name, metric in metrics.items():
        low, high = np.nanpercentile([metric(draw) for draw in draws], [2.5, 97.5])
        found[name] = {"value": round(metric(everyone), 4), "ci95": [round(float(low), 4), round(float(high), 4)]}
    return found


def _left_out(table: PatientTable, index: int, others: NDArray[np.intp]) -> dict[str, float]:
    parts = fit_parts(table.take(others))
    score = score_row(parts["regression"], table.row(index))
    interval = fat_interval(score, parts["residual_quantile"])
    percent = fat_percent(score)
    return {
        "percent": percent,
        "probability": 1.0 - grade_probabilities(parts["residuals"], score)["normal"],
        "positive": float(percent >= LIMITS[0]),
        "covered": float(interval.low <= table.fat[index] <= interval.high),
        "width": interval.high - interval.low,
        "grade": float(_grade(np.float64(percent))),
    }


def _covariance(table: PatientTable) -> dict[str, Any]:
    centre = np.median(table.values, axis=0)
    spread = np.maximum(table.values.std(axis=0), 1e-6)
    fit = LedoitWolf(assume_centered=True).fit((table.values - centre) / spread)
    return {
        "features": list(table.names),
        "centre": centre.round(8).tolist(),
        "spread": spread.round(8).tolist(),
        "precision": fit.precision_.round(8).tolist(),
    }


def _grade(fat: Values | np.float64) -> Values | np.float64:
    return (fat >= LIMITS[0]).astype(float) + (fat > LIMITS[1]) + (fat > LIMITS[2])


def auc_of(truth: NDArray[np.bool_], score: Values) -> float:
    """Area under the ROC curve, NaN where one class is absent."""
    return float(roc_auc_score(truth, score)) if truth.any() and not truth.all() else float("nan")


def _share(flag: Values, where: NDArray[np.bool_]) -> float:
    return float(flag[where].mean()) if where.any() else float("nan")
