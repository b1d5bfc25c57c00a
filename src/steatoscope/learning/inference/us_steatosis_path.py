"""One fitted path of the steatosis model: both stacks, the judge, and what each reading adds to the value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.inference.us_steatosis_heads import Stack
from steatoscope.learning.inference.us_steatosis_judge import Distribution, Judge, percent

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Account:
    """What the value rests on: by reading its value and the points of fat it adds to the training mean's value.

    ``weights`` are those of single readings (size,) in points of fat, ``means`` their training means; readings in
    ``missing`` had no value, so that their training mean stood in.
    """

    effects: dict[str, tuple[float, float]]
    weights: Mapping[str, Values]
    means: Mapping[str, Values]
    missing: frozenset[str]

    def weights_of(self, reading: str) -> tuple[Values, Values] | None:
        """Weights (size,) of a reading in points of fat and its training mean; None where either is not known."""
        found, mean = self.weights.get(reading), self.means.get(reading)
        return None if found is None or mean is None else (found, mean)

    def mean_of(self, reading: str) -> Values | None:
        """The training mean (size,) of a reading; None where no head reads it by itself."""
        return self.means.get(reading)


@dataclass(frozen=True, eq=False)
class PathHeads:
    """The stacks that say whether (detection) and how much (severity), and the judge that makes one answer of both.

    ``centres`` holds training means (size,) of the readings that a heat map shows.
    """

    detection: Stack
    severity: Stack
    judge: Judge
    centres: Mapping[str, Values]

    def distribution(self, readings: Mapping[str, Values], widening: float = 1.0) -> Distribution:
        """The predictive distribution of a view's readings; ``widening`` scales its spread."""
        scores = float(self.detection.score(readings)), float(self.severity.score(readings))
        return self.judge.distribution(*scores, widening)

    def account(self, readings: Mapping[str, Values]) -> Account:
        """Effects that add up to the value minus that of the training mean.

        The two scores share the difference as Shapley values of two players, readings share a score's part linearly.
        """
        scores = float(self.detection.score(readings)), float(self.severity.score(readings))
        base = self.detection.base, self.severity.base
        value = {(i, j): self.judge.value((base, scores)[i][0], (base, scores)[j][1]) for i in (0, 1) for j in (0, 1)}
        by_detection = (value[1, 0] - value[0, 0] + value[1, 1] - value[0, 1]) / 2.0
        by_severity = (value[0, 1] - value[0, 0] + value[1, 1] - value[1, 0]) / 2.0
        points = _ratio(by_detection, scores[0] - base[0]), _ratio(by_severity, scores[1] - base[1])
        effects: dict[str, tuple[float, float]] = {}
        weights: dict[str, Values] = {}
        for stack, factor in zip((self.detection, self.severity), points, strict=True):
            for name, (shown, share) in stack.parts(readings).items():
                effects[name] = (shown, effects.get(name, (0.0, 0.0))[1] + factor * share)
            for name in stack.readings:
                own = factor * stack.weights_of(name)
                weights[name] = weights.get(name, np.zeros(own.shape)) + own
        missing = frozenset(name for name in weights if not np.isfinite(readings[name]).all())
        return Account(effects, weights, self.means, missing)

    def member_values(self, readings: Mapping[str, Values]) -> Values:
        """Fat in percent (members,) by each member of the severity stack alone, stretched as the stack is.

        Members read different things (brightness, free parenchyma, network features): how far they are apart says how
        far these contradict each other.
        """
        stack = self.severity
        scores = [float(member.score(readings)) for member in stack.members]
        return np.array([percent(stack.middle + stack.stretch * (score - stack.middle)) for score in scores])

    @property
    def means(self) -> dict[str, Values]:
        """Training means (size,) of all readings; where only a difference is read, the first mean is of ``centres``."""
        found: dict[str, Values] = {}
        for block, mean in (pair for stack in (self.detection, self.severity) for pair in stack.means):
            if len(block) == 1:
                found[block[0]] = mean
            elif block[0] in self.centres:
                first = found.setdefault(block[0], self.centres[block[0]])
                found[block[1]] = first - mean
        return found

    def document(self) -> dict[str, Any]:
        """The path as JSON."""
        return {
            "detection": self.detection.document(),
            "severity": self.severity.document(),
            "judge": self.judge.document(),
            "centres": {name: value.round(5).tolist() for name, value in self.centres.items()},
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> PathHeads:
        """The path from its JSON."""
        centres = {name: np.asarray(value, dtype=np.float64) for name, value in document["centres"].items()}
        stacks = Stack.read(document["detection"]), Stack.read(document["severity"])
        return cls(*stacks, Judge.read(document["judge"]), centres)


def _ratio(part: float, whole: float) -> float:
    return part / whole if abs(whole) > 1e-9 else 0.0
