"""Recipe R1's own heads: fitted on some patients' regions, and what they say of patients that were left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation.baselines import Fold, fitted
from steatoscope.learning.evaluation.r1_scores import Answer, Rows, Truth, Values
from steatoscope.learning.inference.r1_heads import LinearHead, share_outside
from steatoscope.learning.training.r1_regions import PatientRegions
from steatoscope.science.clinical.grades import LABELS

TAILS: Final = (0.5, 99.5)
"""Percentiles of the training regions' features that they are cut to: fixed, not chosen on any figure."""
TOP: Final = 10.0


@dataclass(frozen=True, eq=False)
class Heads:
    """Limits (k,) of the features, grades that were learnt, and the two linear models."""

    low: Values
    high: Values
    classes: Rows
    grade: LinearHead
    root: LinearHead


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Answers for patients by heads that have not seen them.

    ``roots`` (n,) of fat, ``shares`` (n, 4) of the grades before calibration, ``outside`` (n,) shares of cut features,
    ``local`` the roots of single regions of healthy patients.
    """

    roots: Values
    shares: Values
    outside: Values
    local: Values

    @property
    def answer(self) -> Answer:
        """As the other learners answer."""
        return Answer(
            self.shares.argmax(axis=1).astype(np.intp),
            1.0 - self.shares[:, 0],
            self.shares[:, 2:].sum(axis=1),
            np.clip(self.roots, 0.0, TOP) ** 2,
        )


def fit_heads(patients: Sequence[PatientRegions], grade: Rows, fat: Values, seed: int) -> Heads:
    """Heads of some patients, strengths chosen in inner folds; E_NOLIVER where no frame has a region on a liver."""
    everything = np.concatenate([one.regions for one in patients])
    if not len(everything):
        raise SteatoscopeError("E_NOLIVER", cause="No region on a liver was found in any frame.")
    low, high = np.percentile(everything.astype(np.float64), TAILS, axis=0)
    features, owners = np.stack([one.within(low, high) for one in patients]), np.arange(len(patients))
    return Heads(
        low,
        high,
        np.unique(grade),
        linear_head(fitted("linear", "classification", features, grade, owners, seed)),
        linear_head(fitted("linear", "regression", features, np.sqrt(fat), owners, seed)),
    )


def left_out(patients: Sequence[PatientRegions], truth: Truth, folds: Sequence[Fold], seed: int) -> LeftOut:
    """Every patient as read by heads of the other folds."""
    count = len(patients)
    roots, outside, shares = np.full(count, np.nan), np.zeros(count), np.zeros((count, len(LABELS)))
    local: list[Values] = []
    for train, test in folds:
        heads = fit_heads([patients[int(k)] for k in train], truth.grade[train], truth.fat[train], seed)
        for k in test:
            own = patients[int(k)]
            features = own.within(heads.low, heads.high)[None]
            roots[k] = heads.root(features)[0, 0]
            shares[k, heads.classes] = softmax(heads.grade(features)[0])
            outside[k] = share_outside(own.regions, heads.low, heads.high)
            if truth.grade[k] == 0 and len(own.regions):
                cut = np.clip(own.regions.astype(np.float64), heads.low, heads.high)
                local.append(heads.root(cut)[:, 0])
    return LeftOut(roots, shares, outside, np.sort(np.concatenate(local)) if local else np.zeros(0))


def answers_of(patients: Sequence[PatientRegions], truth: Truth, seed: int) -> list[LeftOut]:
    """Left-out answers of every repeat."""
    return [left_out(patients, truth, folds, seed + place) for place, folds in enumerate(truth.repeats)]


def linear_head(pipeline: Any) -> LinearHead:
    """A fitted pipeline of median, scaling and a linear model as numbers; two classes become two outputs."""
    last, scale = pipeline["last"], pipeline["scale"]
    weights, offset = np.atleast_2d(last.coef_), np.atleast_1d(last.intercept_)
    if hasattr(last, "classes_") and len(last.classes_) == 2:
        weights, offset = np.vstack([np.zeros_like(weights), weights]), np.append(0.0, offset)
    parts = (pipeline["fill"].statistics_, scale.mean_, scale.scale_, weights, offset)
    median, mean, spread, weights, offset = (_values(one) for one in parts)
    return LinearHead(median, mean, spread, weights, offset)


def _values(one: Any) -> NDArray[np.float64]:
    return np.asarray(one, dtype=np.float64)
