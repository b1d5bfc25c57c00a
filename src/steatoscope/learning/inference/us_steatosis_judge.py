"""From two scores, whether there is steatosis and how much, to one predictive distribution of fat.

Fat is below 5 % with the probability ``1 - p`` of the first score, else distributed about the second (a hurdle model,
Mullahy, J Econometrics 1986). The value is the median of the whole: it is 5 % or more exactly where ``p`` >= 0.5, and
it is not pulled to the middle as a mean would be. All on the square root of fat (0-10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

LIMITS = (5.0, 33.0, 66.0)
GRADES = ("normal", "mild", "moderate", "severe")
HURDLE = sqrt(LIMITS[0])
TOP, STEPS = 10.0, 501
LEAST_REACH = 0.05
UNSURE_LOGIT = log(4.0)

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judge:
    """Fitted parts: the logistic line (offset, slope) of the first score, and left-out residuals of the second.

    ``residuals`` (n,) are those of patients with steatosis; ``adjustment`` stretches the 5-95 % range about the
    median to make it conformal (after Romano, NeurIPS 2019); ``grade_limit`` is the conformal limit of grade sets.
    """

    line: tuple[float, float]
    residuals: Values
    adjustment: float = 1.0
    grade_limit: float = 1.0

    def probability(self, detection: float) -> float:
        """Probability of fat >= 5 %."""
        return float(expit(self.line[0] + self.line[1] * detection))

    def distribution(self, detection: float, severity: float, widening: float = 1.0) -> Distribution:
        """The predictive distribution; ``widening`` scales the residuals.

        Where it is widened, on pictures unlike the training data, the probability of steatosis stays within 0.2-0.8:
        the detection score is not to be trusted there as at home. A cautious choice, not fitted on data.
        """
        logit = self.line[0] + self.line[1] * detection
        if widening > 1.0:
            logit = float(np.clip(logit / widening, -UNSURE_LOGIT, UNSURE_LOGIT))
        return Distribution(float(expit(logit)), _severity_shares(severity, self.residuals * widening))

    def value(self, detection: float, severity: float) -> float:
        """The median, in percent of fat."""
        return self.distribution(detection, severity).value_percent

    def interval(self, found: Distribution) -> tuple[float, float]:
        """The 90 % interval in percent of fat: the 5-95 % range, stretched about the median until it is conformal."""
        low, middle, high = reach(found)
        return percent(middle - self.adjustment * (middle - low)), percent(middle + self.adjustment * (high - middle))

    def document(self) -> dict[str, Any]:
        """The parts as JSON."""
        return {
            "line": [round(value, 7) for value in self.line],
            "residuals": np.sort(self.residuals).round(6).tolist(),
            "adjustment": round(self.adjustment, 7),
            "grade_limit": round(self.grade_limit, 7),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Judge:
        """The parts from their JSON."""
        return cls(
            (float(document["line"][0]), float(document["line"][1])),
            np.asarray(document["residuals"], dtype=np.float64),
            float(document["adjustment"]),
            float(document["grade_limit"]),
        )


def reach(found: Distribution) -> tuple[float, float, float]:
    """The 5 %, 50 % and 95 % quantile of the root, the outer ones at least 0.05 away from the median."""
    middle = found.root(0.5)
    return min(found.root(0.05), middle - LEAST_REACH), middle, max(found.root(0.95), middle + LEAST_REACH)


@dataclass(frozen=True, eq=False)
class Distribution:
    """Probability of steatosis, and the distribution function (501,) of the root on 0-10 if there is steatosis."""

    probability: float
    shares: Values

    def below(self, root: float) -> float:
        """Probability that the square root of fat is below ``root``; even on 0 to the hurdle."""
        without = min(max(root / HURDLE, 0.0), 1.0)
        return (1.0 - self.probability) * without + self.probability * float(np.interp(root, _roots(), self.shares))

    def root(self, share: float) -> float:
        """The quantile of the square root of fat."""
        roots = _roots()
        whole = (1.0 - self.probability) * np.clip(roots / HURDLE, 0.0, 1.0) + self.probability * self.shares
        return float(np.interp(share, whole, roots))

    def grades(self) -> dict[str, float]:
        """Probabilities of the four grades (limits 5, 33, 66 %)."""
        below = [self.below(sqrt(limit)) for limit in LIMITS]
        found = np.clip(np.diff([0.0, *below, 1.0]), 0.0, 1.0)
        return dict(zip(GRADES, (float(share) for share in found), strict=True))

    @property
    def value_percent(self) -> float:
        """The median, in percent of fat."""
        return percent(self.root(0.5))


def percent(root: float) -> float:
    """Fat in percent from its square root, cut to 0-100."""
    return float(np.clip(root, 0.0, TOP) ** 2)


def grade_set(probabilities: Mapping[str, float], limit: float) -> tuple[str, ...]:
    """Grades whose probability is at least ``1 - limit``; the likeliest is always in it (Sadinle, JASA 2019)."""
    best = max(probabilities, key=lambda label: probabilities[label])
    return tuple(label for label, p in probabilities.items() if p >= 1.0 - limit or label == best)


def grade_index(fat: float | Values) -> NDArray[np.intp]:
    """Grade 0-3 of fat in percent: below 5, to 33, to 66, above."""
    values = np.asarray(fat)
    return np.asarray((values >= LIMITS[0]).astype(int) + (values > LIMITS[1]) + (values > LIMITS[2]), dtype=np.intp)


@lru_cache(maxsize=1)
def _roots() -> Values:
    """Places of the distribution function, even on both sides of the hurdle, which is one of them."""
    below = round(STEPS * HURDLE / TOP)
    return np.concatenate([np.linspace(0.0, HURDLE, below, endpoint=False), np.linspace(HURDLE, TOP, STEPS - below)])


def _severity_shares(severity: float, residuals: Sequence[float] | Values) -> Values:
    """Distribution function about ``severity``: both signs of every residual under a Normal kernel, cut at 5-100 %."""
    sizes = np.abs(np.asarray(residuals, dtype=np.float64))
    both = np.concatenate([sizes, -sizes])
    width = max(1.06 * float(np.sqrt(np.mean(sizes**2))) * sizes.size**-0.2, 1e-3)
    centre = float(np.clip(severity, HURDLE, TOP))
    roots = _roots()
    whole = ndtr((roots[:, None] - centre - both[None]) / width).mean(axis=1)
    low, high = np.interp([HURDLE, TOP], roots, whole)
    return np.asarray(np.clip((whole - low) / max(high - low, 1e-9), 0.0, 1.0))
