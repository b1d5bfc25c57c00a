"""A reader study: how far several readers agree, and how far a model agrees with each of them and with all.

Cohen (1960, weighted 1968), Fleiss (1971). Grades are 0 ... classes - 1, in order; intervals are percentile bootstraps
over subjects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.science.metrics.classification import (
    Weights,
    accuracy,
    confusion_matrix,
    fleiss_kappa,
    weighted_kappa,
)
from steatoscope.science.uncertainty.bootstrap import Rows, bootstrap_intervals

Consensus = Literal["majority", "median"]
NONE: Final = -1
"""Stands where a reader gave no grade."""


@dataclass(frozen=True, eq=False)
class Readings:
    """Grades (cases, readers) with ``NONE`` where there is none, the subject of each case, and the readers' names."""

    grades: NDArray[np.intp]
    subjects: NDArray[np.str_]
    readers: tuple[str, ...]
    classes: int
    truth: NDArray[np.intp] | None = None

    def __post_init__(self) -> None:
        if self.grades.shape != (len(self.subjects), len(self.readers)):
            raise ValueError(f"grades of shape {self.grades.shape} do not fit the cases and readers")
        if self.grades.size and not NONE <= self.grades.min() <= self.grades.max() < self.classes:
            raise ValueError(f"grades must lie in 0 to {self.classes - 1}")

    def of(self, reader: str) -> NDArray[np.intp]:
        """The grades of one reader (cases,)."""
        return np.asarray(self.grades[:, self.readers.index(reader)])

    def without(self, reader: str) -> Readings:
        """The same cases without one reader."""
        kept = [number for number, name in enumerate(self.readers) if name != reader]
        names = tuple(self.readers[number] for number in kept)
        return Readings(self.grades[:, kept], self.subjects, names, self.classes, self.truth)


def agreement_of_two(
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    subjects: NDArray[np.str_],
    classes: int,
    *,
    seed: int = 0,
    resamples: int = 1000,
) -> dict[str, Any]:
    """Kappas and exact agreement of two sets of grades (n,) on cases graded in both, with 95 % intervals."""
    both = (first != NONE) & (second != NONE)
    one, other, names = first[both], second[both], subjects[both]

    def of(rows: Rows) -> dict[str, float]:
        counts = confusion_matrix(one[rows], other[rows], classes)
        kinds: Mapping[str, Weights] = {"kappa": "none", "kappa_linear": "linear", "kappa_quadratic": "quadratic"}
        return {"agreement": accuracy(counts)} | {name: weighted_kappa(counts, kind) for name, kind in kinds.items()}

    return {"cases": int(both.sum())} | _with_spans(of, names, seed, resamples)


def agreement_of_all(readings: Readings, *, seed: int = 0, resamples: int = 1000) -> dict[str, Any]:
    """Fleiss' kappa over the cases that every reader graded, with its interval, and how many cases those are.

    NaN becomes None: too few readers, or one class only.
    """
    whole = (readings.grades != NONE).all(axis=1)
    grades, names = readings.grades[whole], readings.subjects[whole]
    votes = np.stack([(grades == label).sum(axis=1) for label in range(readings.classes)], axis=1)
    known = len(readings.readers) > 1 and len(votes) > 0

    def of(rows: Rows) -> dict[str, float]:
        return {"fleiss_kappa": fleiss_kappa(votes[rows]) if known else math.nan}

    return {"cases": int(whole.sum()), "readers": len(readings.readers)} | _with_spans(of, names, seed, resamples)


def consensus(readings: Readings, how: Consensus = "majority") -> NDArray[np.intp]:
    """One grade for each case (cases,), ``NONE`` where nobody graded it.

    ``median`` takes the middle grade, half-way the higher one; ``majority`` the most frequent grade, and the median
    where two are equally frequent.
    """
    return np.array([_agreed(row[row != NONE], readings.classes, how) for row in readings.grades], dtype=np.intp)


def reader_study(
    readings: Readings, *, model: str | None = None, how: Consensus = "majority", seed: int = 0, resamples: int = 1000
) -> dict[str, Any]:
    """All agreements of a study, JSON-ready.

    ``pairs`` of readers, ``all`` readers together, each reader against the ``truth`` where there is one, and ``model``
    (the name of a reader that is no person) against each reader, their consensus and the truth. Raises ValueError where
    no reader has the model's name.
    """
    if model is not None and model not in readings.readers:
        raise ValueError(f"no reader is called {model!r}; there are {', '.join(readings.readers)}")
    people = readings if model is None else readings.without(model)
    agreed = consensus(people, how)

    def two(first: NDArray[np.intp], second: NDArray[np.intp]) -> dict[str, Any]:
        return agreement_of_two(first, second, people.subjects, people.classes, seed=seed, resamples=resamples)

    found: dict[str, Any] = {
        "pairs": {f"{a} and {b}": two(people.of(a), people.of(b)) for a, b in combinations(people.readers, 2)},
        "all": agreement_of_all(people, seed=seed, resamples=resamples),
        "consensus": how,
    }
    if readings.truth is not None:
        found["truth"] = {name: two(people.of(name), readings.truth) for name in people.readers}
        found["truth"]["consensus"] = two(agreed, readings.truth)
    if model is not None:
        own = readings.of(model)
        found["model"] = {f"{model} and {name}": two(own, people.of(name)) for name in people.readers}
        found["model"][f"{model} and consensus"] = two(own, agreed)
        if readings.truth is not None:
            found["model"][f"{model} and truth"] = two(own, readings.truth)
    return found


def _agreed(grades: NDArray[np.intp], classes: int, how: Consensus) -> int:
    if not grades.size:
        return NONE
    votes = np.bincount(grades, minlength=classes)
    if how == "majority" and (votes == votes.max()).sum() == 1:
        return int(votes.argmax())
    return math.floor(float(np.median(grades)) + 0.5)


def _with_spans(of: Any, subjects: NDArray[np.str_], seed: int, resamples: int) -> dict[str, Any]:
    if not subjects.size:
        return {}
    values: Mapping[str, float] = of(np.arange(subjects.size))
    spans = bootstrap_intervals(of, subjects, seed=seed, resamples=resamples)
    found: dict[str, Any] = {}
    for name, value in values.items():
        found[name] = value if math.isfinite(value) else None
        if name in spans and found[name] is not None:
            found[f"{name}_ci"] = [spans[name].low, spans[name].high]
    return found
