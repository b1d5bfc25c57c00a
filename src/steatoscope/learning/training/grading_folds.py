"""Sizes of the grading recipes' runs and their folds, by patient only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.training.grading_data import GradingSet, Rows, check_grades
from steatoscope.learning.training.splits import Split, k_fold

INNER_FOLDS: Final = 4
R2_FOLDS: Final = 10
R3_FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class GradingPlan:
    """Size of a run: epochs, varied copies of a frame, folds and how many of them are run, members of an ensemble."""

    name: str
    epochs: int
    variants: int
    folds: int
    run_folds: int
    members: int = 1
    plain_epochs: int = 1
    encoder: str = "efficientnet-lite0"
    liver: bool = False


@dataclass(frozen=True, eq=False)
class Fold:
    """Patients to learn from, to watch the training, and to test on."""

    number: int
    learn: Rows
    watch: Rows
    test: Rows


def r2_folds(data: GradingSet, plan: GradingPlan, seed: int) -> list[Fold]:
    """Patients in ten parts, in turn one for testing and the next for validation: 80/10/10, each tested once.

    Raises E_SUBJECTS where patients or their grades are too few.
    """
    parts = [_patients(data, split.test) for split in _outer(data, plan.folds, seed)]
    count = len(parts)
    folds = []
    for k in range(min(plan.run_folds, count)):
        watch = parts[(k + 1) % count]
        rest = np.setdiff1d(np.arange(len(data.names)), np.concatenate([parts[k], watch]))
        folds.append(Fold(k, rest, watch, parts[k]))
    return folds


def r3_folds(data: GradingSet, plan: GradingPlan, seed: int) -> list[Fold]:
    """Folds by patient, balanced by grade; a quarter of each training side watches. Raises E_SUBJECTS."""
    folds = []
    for k, split in enumerate(_outer(data, plan.folds, seed)[: plan.run_folds]):
        inside = data.source.subset(split.train)
        grades = data.grade[data.patient[split.train]]
        inner = k_fold(inside, INNER_FOLDS, strata=grades, seed=seed + 1)[0]
        learn, watch = (_patients(data, split.train[part]) for part in (inner.train, inner.test))
        folds.append(Fold(k, learn, watch, _patients(data, split.test)))
    return folds


def _outer(data: GradingSet, folds: int, seed: int) -> tuple[Split, ...]:
    check_grades(data)
    return k_fold(data.source, folds, strata=data.grade[data.patient], seed=seed)


def _patients(data: GradingSet, rows: NDArray[np.intp]) -> Rows:
    return np.unique(data.patient[rows])
