"""Evaluation protocols over any learner: hold-out, k-fold, nested selection, external test, one site left out.

A learner gets training rows with their truth and unseen rows without: what it cannot see it cannot learn. No subject
and no content is on both sides of any split, else E_LEAK; too few subjects are E_SUBJECTS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation.baselines import Fold, group_folds
from steatoscope.learning.training.splits import binned

Rows = NDArray[np.intp]
Loss = Callable[[NDArray[Any], NDArray[Any]], float]
"""From truth (n,) and predictions (n, ...) to a loss, the smaller the better."""
NO_FOLD: Final = -1
_FEWEST: Final = 2


@dataclass(frozen=True, eq=False)
class Cases:
    """Rows of one data set: what a learner sees (n, ...), the truth (n,), and the subject (n,) of each row.

    ``sites`` (n,) name the centre or scanner, empty where unknown; ``content`` (n,) is a hash of each row's file.
    """

    inputs: NDArray[Any]
    truth: NDArray[Any]
    subjects: NDArray[Any]
    sites: NDArray[np.str_] | None = None
    content: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        columns = [self.truth, self.subjects, *(part for part in (self.sites, self.content) if part is not None)]
        if any(len(column) != len(self.inputs) for column in columns):
            raise ValueError("inputs, truth, subjects, sites and content need one row each for every case")

    def __len__(self) -> int:
        return len(self.inputs)

    def of(self, rows: Rows) -> Cases:
        """The cases of some rows."""
        sites, content = (None if part is None else part[rows] for part in (self.sites, self.content))
        return Cases(self.inputs[rows], self.truth[rows], self.subjects[rows], sites, content)


class FitPredict(Protocol):
    """A learner: fits on ``known``, and predicts ``unseen`` inputs, whose truth it is never given."""

    def __call__(self, known: Cases, unseen: NDArray[Any]) -> NDArray[Any]:
        """Predictions, one row for each of ``unseen``."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Predictions (n, ...) for every case, NaN where it was in no test part, and the fold (n,) that tested it.

    ``chosen`` names the candidate of each fold where one was selected, or the site left out.
    """

    predicted: NDArray[np.float64]
    fold: NDArray[np.intp]
    folds: tuple[Fold, ...]
    chosen: tuple[str, ...] = ()

    @property
    def tested(self) -> Rows:
        """The rows that were in a test part."""
        return np.flatnonzero(self.fold != NO_FOLD)


def hold_out(cases: Cases, learner: FitPredict, *, share: float = 0.2, seed: int = 0) -> Answers:
    """Tested once, on about ``share`` of the subjects. Raises E_SUBJECTS, E_LEAK."""
    if not 0.0 < share <= 0.5:
        raise ValueError(f"the share must lie in (0, 0.5], not {share}")
    return answers(cases, learner, folds_of(cases, max(_FEWEST, round(1 / share)), seed=seed)[:1])


def k_fold(cases: Cases, learner: FitPredict, *, folds: int = 5, seed: int = 0) -> Answers:
    """Every subject tested once, classes alike in all folds; numbers are stratified by quartile.

    Raises E_SUBJECTS, E_LEAK.
    """
    return answers(cases, learner, folds_of(cases, folds, seed=seed))


def nested(
    cases: Cases,
    candidates: Mapping[str, FitPredict],
    loss: Loss,
    *,
    outer: int = 5,
    inner: int = 3,
    seed: int = 0,
) -> Answers:
    """As :func:`k_fold`, the learner chosen in each fold by its loss in inner folds of the training subjects only.

    Of equal candidates the first is taken. Raises ValueError for no candidates, E_SUBJECTS, E_LEAK.
    """
    if not candidates:
        raise ValueError("there is no candidate to choose from")
    folds, chosen = folds_of(cases, outer, seed=seed), []
    for train, _ in folds:
        known = cases.of(train)
        inside = folds_of(known, inner, seed=seed + 1)
        losses = {name: _loss(known, answers(known, one, inside), loss) for name, one in candidates.items()}
        chosen.append(min(losses, key=lambda name: losses[name]))
    return _gather(cases, folds, [candidates[name] for name in chosen], tuple(chosen))


def external(known: Cases, other: Cases, learner: FitPredict) -> NDArray[np.float64]:
    """Predictions for another set by a learner of the whole first set. Raises E_LEAK where they share anything."""
    check_apart(known, other)
    return _asked(learner, known, other.inputs)


def leave_one_site_out(cases: Cases, learner: FitPredict) -> Answers:
    """Each site tested once by a learner of all others, sites in sorted order.

    Raises E_ANNOTATION where rows name no site, E_SUBJECTS for fewer than two sites, E_LEAK for a subject at two.
    """
    if cases.sites is None or not all(str(site).strip() for site in cases.sites):
        raise SteatoscopeError("E_ANNOTATION", cause="Leaving one site out needs the column 'site' filled in all rows.")
    names = np.unique(cases.sites)
    if names.size < _FEWEST:
        raise SteatoscopeError("E_SUBJECTS", cause=f"All rows are of the site '{names[0]}': none can be left out.")
    folds = [(np.flatnonzero(cases.sites != site), np.flatnonzero(cases.sites == site)) for site in names]
    return _gather(cases, folds, [learner] * len(folds), tuple(map(str, names)))


def folds_of(cases: Cases, count: int, *, seed: int = 0) -> list[Fold]:
    """Stratified folds of whole subjects. Raises E_SUBJECTS where there are fewer subjects than folds."""
    subjects = np.unique(cases.subjects).size
    if count < _FEWEST or subjects < count:
        raise SteatoscopeError("E_SUBJECTS", cause=f"There are {subjects} subjects for {count} folds.")
    classes = np.unique(binned(cases.truth), return_inverse=True)[1]
    few = np.bincount(classes).min() < count
    return group_folds(cases.subjects, count, seed, None if few else classes)


def answers(cases: Cases, learner: FitPredict, folds: Iterable[Fold]) -> Answers:
    """What one learner answers in given folds. Raises E_LEAK where a fold is not apart."""
    drawn = list(folds)
    return _gather(cases, drawn, [learner] * len(drawn))


def check_apart(known: Cases, other: Cases) -> None:
    """Raise E_LEAK where a subject, or the content of a file, is in both."""
    pairs = [("subject", known.subjects, other.subjects)]
    if known.content is not None and other.content is not None:
        pairs.append(("content", known.content, other.content))
    for what, ours, theirs in pairs:
        shared = np.intersect1d(ours, theirs)
        if shared.size:
            raise SteatoscopeError(
                "E_LEAK",
                message="The test part is not independent of the training part.",
                cause=f"The {what} {shared[0]} is in the training and in the test part.",
                remedy="Split by subject, and take copies out of the set.",
            )


def _gather(cases: Cases, folds: list[Fold], learners: list[FitPredict], chosen: tuple[str, ...] = ()) -> Answers:
    number, parts = np.full(len(cases), NO_FOLD, dtype=np.intp), []
    for fold, ((train, test), learner) in enumerate(zip(folds, learners, strict=True)):
        known, unseen = cases.of(train), cases.of(test)
        check_apart(known, unseen)
        parts.append(_asked(learner, known, unseen.inputs))
        number[test] = fold
    predicted = np.full((len(cases), *parts[0].shape[1:]), np.nan)
    for (_, test), part in zip(folds, parts, strict=True):
        predicted[test] = part
    return Answers(predicted, number, tuple(folds), chosen)


def _asked(learner: FitPredict, known: Cases, unseen: NDArray[Any]) -> NDArray[np.float64]:
    found = np.asarray(learner(known, unseen), dtype=np.float64)
    if len(found) != len(unseen):
        raise ValueError(f"the learner gave {len(found)} predictions for {len(unseen)} cases")
    return found


def _loss(cases: Cases, found: Answers, loss: Loss) -> float:
    return float(loss(cases.truth[found.tested], found.predicted[found.tested]))
