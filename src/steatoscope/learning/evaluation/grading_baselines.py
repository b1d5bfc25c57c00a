"""Baselines of the grading recipes on the very same folds: texture with a support vector machine, a random forest,
and the hepatorenal index of hand-placed boxes where these are given."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.learning.evaluation.baselines import FOREST, GLCM_SVM, Fold, Learner, out_of_fold
from steatoscope.learning.evaluation.baselines_features import intensity_features, texture_features
from steatoscope.learning.evaluation.byra2018_figures import spearman
from steatoscope.learning.evaluation.grading_scores import RESAMPLES, second_auc
from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.learning.training.grading_covariates import Covariates
from steatoscope.learning.training.grading_data import GradingSet, clips_of, read_clip
from steatoscope.learning.training.grading_folds import Fold as Split
from steatoscope.science.clinical.grades import LABELS
from steatoscope.science.metrics.classification import accuracy, auc, confusion_matrix, macro_f1, weighted_kappa
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

INDEX: Final = "baseline: hepatorenal index, hand boxes"
CLINICAL: Final = "baseline: clinical values alone"
Values = NDArray[np.float64]


def baseline_rows(
    data: GradingSet, folds: Sequence[Split], seed: int, *, frames: int = 4, covariates: Covariates | None = None
) -> dict[str, Any]:
    """Rows of the baselines for the patients that are tested; what watches the networks is learnt from here too."""
    texture, intensity = _features(data, frames)
    tested = np.sort(np.concatenate([fold.test for fold in folds]))
    parts: list[Fold] = [(np.setdiff1d(np.arange(len(data.names)), fold.test), fold.test) for fold in folds]
    both = np.concatenate([texture, intensity], axis=1)
    rows = {
        GLCM_SVM: _learned("svm", texture, data, parts, tested, seed),
        FOREST: _learned("forest", both, data, parts, tested, seed),
    }
    if covariates is not None:
        rows[CLINICAL] = _learned("linear", covariates.values, data, parts, tested, seed)
    index = hand_index(data)[tested]
    return rows | ({INDEX: _ranked(index, data, tested, seed)} if np.isfinite(index).all() else {})


def _features(data: GradingSet, frames: int) -> tuple[Values, Values]:
    """Texture and intensity of every patient: means over its clips, of at most ``frames`` frames each."""
    texture: list[list[Values]] = [[] for _ in data.names]
    intensity: list[list[Values]] = [[] for _ in data.names]
    for rows in clips_of(data.source.samples):
        clip, sector = read_clip(data.source.samples, rows)
        used = clip[np.unique(np.linspace(0, len(rows) - 1, min(frames, len(rows))).round().astype(int))]
        tissue, patient = tissue_mask(used, sector), int(data.patient[rows[0]])
        texture[patient] += [texture_features(picture, tissue) for picture in used]
        intensity[patient] += [intensity_features(picture, tissue) for picture in used]
    return _means(texture), _means(intensity)


def _means(values: list[list[Values]]) -> Values:
    return np.stack([np.mean(own, axis=0) for own in values])


def _learned(
    learner: Learner, features: Values, data: GradingSet, folds: list[Fold], tested: NDArray[np.intp], seed: int
) -> dict[str, Any]:
    patients = np.arange(len(data.names))

    def classed(target: NDArray[Any]) -> Values:
        # What is alike in a whole training part leaves nothing to learn there: it is told of every test patient.
        alike = [fold for fold in folds if np.unique(target[fold[0]]).size < 2]
        rest = [fold for fold in folds if np.unique(target[fold[0]]).size > 1]
        with warnings.catch_warnings():
            # Few patients of a grade are spread over the inner folds as far as they go.
            warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
            scores = out_of_fold(learner, "classification", features, target, patients, rest, seed=seed)
        for train, test in alike:
            scores[test] = np.unique(target) == target[train[0]]
        return scores[tested]

    chosen = np.unique(data.grade)[classed(data.grade).argmax(axis=1)]
    any_fat, much = (classed(data.grade >= least)[:, -1] for least in (1, 2))
    root = out_of_fold(learner, "regression", features, np.sqrt(data.fat), patients, folds, seed=seed)[tested]
    value, fat, grade = np.clip(root, 0.0, 10.0) ** 2, data.fat[tested], data.grade[tested]

    def of(rows: NDArray[np.intp]) -> dict[str, float]:
        counts = confusion_matrix(grade[rows], chosen[rows], len(LABELS))
        return {
            "auc": auc(grade[rows] >= 1, any_fat[rows]),
            second_auc(data.scale): auc(grade[rows] >= 2, much[rows]),
            "accuracy_4": accuracy(counts),
            "macro_f1": macro_f1(counts),
            "qwk": weighted_kappa(counts),
            "mae_percent": float(np.abs(value[rows] - fat[rows]).mean()),
            "spearman": spearman(value[rows], fat[rows]),
        }

    rows = np.arange(len(tested))
    return with_intervals(of(rows), bootstrap_intervals(of, rows, seed=seed, resamples=RESAMPLES), digits=4)


def hand_index(data: GradingSet) -> Values:
    """Mean over frames of the ratio of grey in the hand-placed boxes of liver and kidney; NaN without boxes."""
    found = []
    for name in data.names:
        ratios = [
            _mean(sample.image(), sample.boxes["liver"]) / max(_mean(sample.image(), sample.boxes["kidney"]), 1.0)
            for sample in data.source.samples
            if sample.subject == name and {"liver", "kidney"} <= sample.boxes.keys()
        ]
        found.append(float(np.mean(ratios)) if ratios else math.nan)
    return np.array(found)


def _mean(image: NDArray[Any], box: tuple[float, float, float, float]) -> float:
    x0, y0, x1, y1 = (round(value) for value in box)
    return float(image[y0:y1, x0:x1].mean())


def _ranked(index: Values, data: GradingSet, tested: NDArray[np.intp], seed: int) -> dict[str, Any]:
    fat, grade = data.fat[tested], data.grade[tested]

    def of(rows: NDArray[np.intp]) -> dict[str, float]:
        return {
            "auc": auc(grade[rows] >= 1, index[rows]),
            second_auc(data.scale): auc(grade[rows] >= 2, index[rows]),
            "spearman": spearman(index[rows], fat[rows]),
        }

    rows = np.arange(len(tested))
    return with_intervals(of(rows), bootstrap_intervals(of, rows, seed=seed, resamples=RESAMPLES), digits=4)
