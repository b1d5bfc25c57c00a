"""Stratified 4-fold cross-validation of recipe R4 by subject; every finished fold is kept and read back.

The test subjects of a fold are seen by none of its networks. The two-branch network takes over the branches of the
same fold: those of the best fold over all, as published, would have met its test subjects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from steatoscope.learning.evaluation.baselines import Fold, group_folds
from steatoscope.learning.training.hmrs_folds import Branch, HmrsReading, How, Part, fit_fold, read_fold
from steatoscope.learning.training.hmrs_study import HmrsStudy

FOLDS: Final = 4
WATCHED: Final = 5
SIMULATED: Final[tuple[Branch, ...]] = ("AR", "HR", "both")
REAL_ONLY: Final[tuple[Branch, ...]] = ("real",)
Told = Callable[[str], None]


def branches_of(study: HmrsStudy) -> tuple[Branch, ...]:
    """The networks of a study, in the order in which they are trained."""
    return SIMULATED if study.cohort else REAL_ONLY


def outer_folds(study: HmrsStudy, seed: int) -> list[Fold]:
    """Subject numbers for training and testing, balanced by stratum."""
    return group_folds(np.arange(len(study.fat)), FOLDS, seed, study.strata)


def parts_of(study: HmrsStudy, seed: int) -> tuple[Part, ...]:
    """The folds, a fifth of each training side set aside to watch for the end."""
    parts = []
    for fold, (train, test) in enumerate(outer_folds(study, seed)):
        inner = group_folds(train, WATCHED, seed + 1, study.strata[train])[0]
        parts.append(Part(fold, train[inner[0]], train[inner[1]], test))
    return tuple(parts)


def cross_validated(
    study: HmrsStudy, parts: Sequence[Part], out: Path, how: How, told: Told | None = None
) -> list[HmrsReading]:
    """Every network of every fold; with ``how.resume`` finished folds are read back and a broken one goes on."""
    readings = []
    for part in parts:
        for branch in branches_of(study):
            found = read_fold(out, branch, part) if how.resume else None
            if found is None:
                if told is not None:
                    told(f"fold {part.fold + 1} of {len(parts)}, {branch}")
                found = fit_fold(out, branch, part, study.views, study.fat, how)
            readings.append(found)
    return readings
