"""Learning curves and ablations: the same test folds, with fewer training subjects or with a part switched off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation.baselines import Fold
from steatoscope.learning.evaluation.protocols import Answers, Cases, FitPredict, Loss, answers, folds_of
from steatoscope.science.metrics.comparison import Difference, paired_bootstrap
from steatoscope.science.uncertainty.bootstrap import bootstrap_interval

SHARES: Final = (0.25, 0.5, 0.75, 1.0)
WHOLE: Final = "all on"
_FEWEST: Final = 2


@dataclass(frozen=True, eq=False)
class CurvePoint:
    """One point of a learning curve: mean number of training subjects, the loss with its interval, the answers."""

    share: float
    subjects: float
    loss: float
    interval: tuple[float, float] | None
    answers: Answers


@dataclass(frozen=True, eq=False)
class Ablation:
    """One row of an ablation: what is off, its loss with interval, and how it differs from all on (off minus on)."""

    off: str
    loss: float
    interval: tuple[float, float] | None
    difference: Difference | None
    answers: Answers


def learning_curve(
    cases: Cases,
    learner: FitPredict,
    loss: Loss,
    *,
    shares: Sequence[float] = SHARES,
    folds: int = 5,
    seed: int = 0,
    resamples: int = 1000,
) -> tuple[CurvePoint, ...]:
    """The loss with growing shares of each fold's training subjects; every smaller part lies within the larger ones.

    Test folds are the same for all shares. Raises ValueError for shares outside (0, 1], E_SUBJECTS where a share leaves
    fewer than two training subjects.
    """
    if not shares or not all(0.0 < share <= 1.0 for share in shares):
        raise ValueError(f"shares must lie in (0, 1], not {tuple(shares)}")
    drawn = folds_of(cases, folds, seed=seed)
    points = []
    for share in sorted(shares):
        fewer = [_fewer(cases, fold, share, seed + number) for number, fold in enumerate(drawn)]
        found = answers(cases, learner, fewer)
        subjects = float(np.mean([np.unique(cases.subjects[train]).size for train, _ in fewer]))
        points.append(CurvePoint(share, subjects, *_scored(cases, found, loss, seed, resamples), found))
    return tuple(points)


def ablations(
    cases: Cases,
    make: Callable[[Mapping[str, bool]], FitPredict],
    switches: Sequence[str],
    loss: Loss,
    *,
    folds: int = 5,
    seed: int = 0,
    resamples: int = 1000,
) -> tuple[Ablation, ...]:
    """All switches on, then each one off in turn, on the same folds; ``make`` builds the learner of given switches.

    Raises ValueError for switches that repeat or none, E_SUBJECTS, E_LEAK.
    """
    if not switches or len(set(switches)) != len(switches):
        raise ValueError("an ablation needs switches of different names")
    drawn = folds_of(cases, folds, seed=seed)
    whole = answers(cases, make(dict.fromkeys(switches, True)), drawn)
    rows = [Ablation(WHOLE, *_scored(cases, whole, loss, seed, resamples), None, whole)]
    for off in switches:
        found = answers(cases, make({name: name != off for name in switches}), drawn)
        gap = paired_bootstrap(
            _statistic(cases, found, loss),
            _statistic(cases, whole, loss),
            cases.subjects,
            seed=seed,
            resamples=resamples,
        )
        rows.append(Ablation(off, *_scored(cases, found, loss, seed, resamples), gap, found))
    return tuple(rows)


def _fewer(cases: Cases, fold: Fold, share: float, seed: int) -> Fold:
    """A fold with the first part of its training subjects in a random order that the seed alone decides."""
    train, test = fold
    names = np.random.default_rng(seed).permutation(np.unique(cases.subjects[train]))
    count = round(share * names.size)
    if count < _FEWEST:
        raise SteatoscopeError(
            "E_SUBJECTS", cause=f"A share of {share:g} leaves {count} of {names.size} training subjects."
        )
    return train[np.isin(cases.subjects[train], names[:count])], test


def _statistic(cases: Cases, found: Answers, loss: Loss) -> Callable[[NDArray[Any]], float]:
    return lambda rows: float(loss(cases.truth[rows], found.predicted[rows]))


def _scored(
    cases: Cases, found: Answers, loss: Loss, seed: int, resamples: int
) -> tuple[float, tuple[float, float] | None]:
    of = _statistic(cases, found, loss)
    span = bootstrap_interval(of, cases.subjects, seed=seed, resamples=resamples)
    return of(found.tested), None if span is None else (span.low, span.high)
