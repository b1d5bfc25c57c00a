"""Splits by subject: no subject, group or file is ever on both sides, and every splitter raises where one would be.

scikit-learn draws the folds; it is imported where it is needed.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.training.sets import Sample, TrainingSet

Indices = NDArray[np.intp]
Strata = Sequence[Any] | NDArray[Any]
_REGRESSION_BINS: Final = 4
_MIN_FOLDS: Final = 2


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of the samples to learn from and of those to test on."""

    train: Indices
    test: Indices


@dataclass(frozen=True, eq=False)
class NestedSplit:
    """An outer split, and inner splits of its training side only; inner indices are of the whole set too."""

    outer: Split
    inner: tuple[Split, ...]


def check_no_leak(train: Sequence[Sample], test: Sequence[Sample]) -> None:
    """Raise E_LEAK, naming the file, where a subject, a group or a file's content is in both."""
    for what in ("subject", "group", "sha256"):
        learnt = {getattr(sample, what) for sample in train}
        for sample in test:
            value = getattr(sample, what)
            if value in learnt:
                raise _leak(sample, f"The {what} {value} is in the training and in the test part.")


def hold_out(data: TrainingSet, share: float = 0.2, *, strata: Strata | None = None, seed: int = 0) -> Split:
    """One split with about ``share`` of the groups on the test side: one of round(1 / share) folds.

    Raises E_SUBJECTS, E_LEAK.
    """
    return k_fold(data, max(_MIN_FOLDS, round(1 / share)), strata=strata, seed=seed)[0]


def k_fold(data: TrainingSet, folds: int, *, strata: Strata | None = None, seed: int = 0) -> tuple[Split, ...]:
    """Folds by group, their sizes alike, and their classes too where ``strata`` gives every sample's class or value.

    Numbers with more than ten distinct values are cut into quartiles first. Deterministic for a seed. Raises
    E_SUBJECTS where there are fewer groups than folds, or a class with one; E_LEAK.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    groups = data.groups
    _require_groups(data, folds)
    if strata is None:
        drawn = list(GroupKFold(n_splits=folds, shuffle=True, random_state=seed).split(groups, groups=groups))
    else:
        classes = binned(strata)
        _require_classes(data, classes, folds)
        kinds = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
            drawn = list(kinds.split(groups, classes, groups))
    return tuple(_checked(data, train, test) for train, test in drawn if test.size)


def leave_one_out(data: TrainingSet) -> tuple[Split, ...]:
    """Every group once the test part, in sorted order of their names. Raises E_SUBJECTS, E_LEAK."""
    _require_groups(data, _MIN_FOLDS)
    groups = data.groups
    return tuple(
        _checked(data, np.flatnonzero(groups != group), np.flatnonzero(groups == group)) for group in np.unique(groups)
    )


def nested(
    data: TrainingSet, outer: int, inner: int, *, strata: Strata | None = None, seed: int = 0
) -> tuple[NestedSplit, ...]:
    """Outer folds (0: leave one group out), each with ``inner`` folds of its training side.

    Raises E_SUBJECTS, E_LEAK.
    """
    known = None if strata is None else binned(strata)
    splits = leave_one_out(data) if outer == 0 else k_fold(data, outer, strata=known, seed=seed)
    return tuple(NestedSplit(split, _inside(data, split, inner, known, seed + 1)) for split in splits)


def _inside(data: TrainingSet, split: Split, folds: int, strata: Strata | None, seed: int) -> tuple[Split, ...]:
    classes = None if strata is None else np.asarray(strata)[split.train]
    drawn = k_fold(data.subset(split.train), folds, strata=classes, seed=seed)
    return tuple(Split(split.train[fold.train], split.train[fold.test]) for fold in drawn)


def binned(values: Strata, most: int = 10) -> NDArray[Any]:
    """Classes as they are; numbers with more than ``most`` distinct values as their quartile (0-3)."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or np.unique(array).size <= most:
        return array
    edges = np.quantile(array, np.linspace(0, 1, _REGRESSION_BINS + 1)[1:-1])
    return np.asarray(np.searchsorted(edges, array, side="right"))


def _checked(data: TrainingSet, train: Indices, test: Indices) -> Split:
    check_no_leak([data.samples[index] for index in train], [data.samples[index] for index in test])
    return Split(train, test)


def _require_groups(data: TrainingSet, folds: int) -> None:
    count = len(set(data.groups))
    if folds < _MIN_FOLDS or count < folds:
        cause = f"There are {count} subjects for {folds} folds."
        raise SteatoscopeError("E_SUBJECTS", path=str(data.folder), cause=cause)


def _require_classes(data: TrainingSet, classes: NDArray[Any], folds: int) -> None:
    members: dict[Any, set[str]] = defaultdict(set)
    for value, group in zip(classes.tolist(), data.groups, strict=True):
        members[value].add(str(group))
    count = Counter({value: len(found) for value, found in members.items()})
    value, least = count.most_common()[-1]
    if least < _MIN_FOLDS:
        cause = f"The class '{value}' has one subject, {min(members[value])}."
        raise SteatoscopeError("E_SUBJECTS", path=str(data.folder), cause=cause)
    most = int(np.unique(classes, return_counts=True)[1].max())
    if most < folds:
        cause = f"No class has more than {most} samples for {folds} folds."
        raise SteatoscopeError("E_SUBJECTS", path=str(data.folder), cause=cause)


def _leak(sample: Sample, cause: str) -> SteatoscopeError:
    return SteatoscopeError(
        "E_LEAK",
        path=str(sample.path),
        message="The test part is not independent of the training part.",
        cause=cause,
        remedy="Split by subject, and take copies out of the set.",
    )
