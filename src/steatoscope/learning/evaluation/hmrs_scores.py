"""Figures of recipe R4 by subject and by frame, with intervals over subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.byra2018_figures import spearman
from steatoscope.learning.evaluation.intervals import with_intervals
from steatoscope.learning.training.hmrs import subject_means
from steatoscope.learning.training.hmrs_folds import HmrsReading
from steatoscope.science.clinical.grades import (
    HISTOLOGY_PROFILE,
    LABELS,
    GradeProfile,
    profile_for_scale,
    profile_named,
)
from steatoscope.science.metrics.classification import accuracy, auc, confusion_matrix, macro_f1, weighted_kappa
from steatoscope.science.uncertainty.bootstrap import bootstrap_intervals

RESAMPLES: Final = 1000
CLASSES: Final = 4
Values = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Grading:
    """How percents become four classes, and which limits areas under the curve rank (name, number of the limit)."""

    profile: GradeProfile
    labels: tuple[str, ...]
    areas: tuple[tuple[str, int], ...] = ()

    def passed(self, percent: Values, number: int) -> NDArray[np.bool_]:
        """Whether each value lies beyond a limit."""
        limit = self.profile.limits[number]
        return np.asarray(percent > limit if self.profile.closed_below[number] else percent >= limit)

    def of(self, percent: Values) -> Rows:
        """Class number, 0-3, of each value."""
        return np.asarray(np.sum([self.passed(percent, number) for number in range(CLASSES - 1)], axis=0), np.intp)


MRS: Final = Grading(profile_named("mrs_pisa"), ("S0", "S1", "S2", "S3"))
AREAS: Final = (("auc", 0), ("auc_over_33", 1))
HISTOLOGY: Final = Grading(profile_named(HISTOLOGY_PROFILE), LABELS, AREAS)


def grading_for(scale: str) -> Grading:
    """The classes of a scale: S0 to S3 for MR spectroscopy, else the grades of the scale's own profile."""
    if scale == "mrs_pdff":
        return MRS
    return HISTOLOGY if scale == "histology" else Grading(profile_named(profile_for_scale(scale)), LABELS, AREAS[:1])


def by_frame(readings: Sequence[HmrsReading], branch: str) -> tuple[Values, Values, Rows]:
    """Percent, truth and subject of every test frame of one kind of network, over all folds."""
    own = [reading for reading in readings if reading.branch == branch]
    percent, truth = (np.concatenate([getattr(r, key) for r in own]) for key in ("percent", "fat"))
    return percent, truth, np.concatenate([r.subject for r in own])


def by_subject(readings: Sequence[HmrsReading], branch: str, fat: Values) -> Values:
    """Mean over frames of every subject, in the subjects' order; raises ValueError where one was not tested."""
    percent, _, subject = by_frame(readings, branch)
    means, numbers = subject_means(percent, subject)
    if not np.array_equal(numbers, np.arange(len(fat))):
        raise ValueError("a subject was not tested, or there are more than the study has")
    return means


def figures(percent: Values, fat: Values, subject: Rows, grading: Grading = MRS) -> dict[str, Any]:
    """Errors in points of fat, correlations and class agreement, with 95 % intervals over subjects."""

    def of(rows: Rows) -> dict[str, float]:
        value, truth = percent[rows], fat[rows]
        error = value - truth
        counts = counts_of(value, truth, grading)
        varied = value.std() > 0 and truth.std() > 0
        return {
            "rmse_percent": float(np.sqrt(np.mean(error**2))),
            "mae_percent": float(np.mean(np.abs(error))),
            "bias_percent": float(error.mean()),
            "pearson": float(np.corrcoef(value, truth)[0, 1]) if varied else float("nan"),
            "spearman": spearman(value, truth) if varied else float("nan"),
            "accuracy_4": accuracy(counts),
            "macro_f1": macro_f1(counts),
            "qwk": weighted_kappa(counts),
            **{name: auc(grading.passed(truth, number), value) for name, number in grading.areas},
        }

    return with_intervals(
        of(np.arange(len(fat))), bootstrap_intervals(of, subject, resamples=RESAMPLES), digits=4
    )  # fmt: skip


def counts_of(percent: Values, fat: Values, grading: Grading = MRS) -> NDArray[np.intp]:
    """The confusion matrix of the classes, truth in rows."""
    return confusion_matrix(grading.of(fat), grading.of(percent), CLASSES)
