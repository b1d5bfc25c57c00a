"""Simulated patients for the benchmark of uncertainty: fat, what a model reads of it, and probabilities that err.

Fat is drawn on the histology scale with the four grades in the shares of a hepatology clinic. Readings are noisy views
of its square root, the noisier the more fat there is, so that intervals of one width are wrong for some patients.
Nothing here resembles an image: these cohorts judge the statistics, not a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from steatoscope.science.clinical.grades import LABELS, PROFILES

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
Grades = NDArray[np.intp]

EDGES: Final = (0.0, 5.0, 33.0, 66.0, 95.0)
SHARES: Final = (0.3, 0.35, 0.2, 0.15)
LIMITS: Final = PROFILES["histology_nash"].limits
CLASSES: Final = len(LABELS)
_READINGS: Final = 5
_NOISE: Final = 1.1
_TOO_SURE: Final = 0.7


@dataclass(frozen=True, eq=False)
class Cohort:
    """Readings (n, 5), fat in percent of hepatocytes (n,), and its grade 0-3 (n,)."""

    readings: Values
    fat: Values
    grade: Grades

    @property
    def root(self) -> Values:
        """The square root of fat, 0-10, which the model fits."""
        return np.sqrt(self.fat)


def draw_patients(rng: np.random.Generator, n: int) -> Cohort:
    """``n`` patients, independent of each other."""
    grade = rng.choice(CLASSES, n, p=SHARES).astype(np.intp)
    low, high = np.asarray(EDGES)[grade], np.asarray(EDGES)[grade + 1]
    fat = rng.uniform(low, high)
    root = np.sqrt(fat)
    noise = rng.normal(0.0, _NOISE, (n, _READINGS)) * (0.6 + 0.12 * root)[:, None]
    slopes = np.array([1.0, 0.8, -0.6, 0.4, 0.0])
    return Cohort(root[:, None] * slopes + noise, fat, grade)


def fitted(known: Cohort, penalty: float = 1.0) -> tuple[Values, float]:
    """Weights (5,) and intercept of a ridge fit of the root of fat."""
    centre, middle = known.readings.mean(axis=0), float(known.root.mean())
    x = known.readings - centre
    weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (known.root - middle))
    return weights, middle - float(centre @ weights)


def part(cohort: Cohort, rows: NDArray[np.intp] | Flags) -> Cohort:
    """Some of the patients."""
    return Cohort(cohort.readings[rows], cohort.fat[rows], cohort.grade[rows])


def predicted(fit: tuple[Values, float], cohort: Cohort) -> Values:
    """The root of fat (n,) as a fit reads it."""
    return np.asarray(cohort.readings @ fit[0] + fit[1])


def grade_shares(root: Values, sd: float) -> Values:
    """Probabilities (n, 4) of grades from a Normal error about the root, made too sure on purpose."""
    limits = np.sqrt(np.asarray(LIMITS))
    below = norm.cdf((limits - root[:, None]) / (_TOO_SURE * sd))
    edges = np.column_stack([np.zeros(root.size), below, np.ones(root.size)])
    return np.asarray(np.diff(edges, axis=1))


@dataclass(frozen=True, slots=True)
class Fault:
    """How given log-odds differ from the true ones: ``factor * odds + offset``."""

    name: str
    factor: float
    offset: float


FAULTS: Final = (
    Fault("calibrated", 1.0, 0.0),
    Fault("too sure", 2.5, 0.0),
    Fault("too cautious", 0.5, 0.0),
    Fault("base rate moved", 1.0, 1.5),
    Fault("too sure and moved", 2.0, -1.5),
)


def draw_events(rng: np.random.Generator, n: int, fault: Fault) -> tuple[Values, Values, Flags]:
    """True probabilities (n,), the given ones of a faulty model, and the events drawn from the true ones.

    The log-odds are those of a score with an AUC of about 0.96.
    """
    odds = rng.normal(0.8, 4.0, n)
    true = expit(odds)
    return true, expit(fault.factor * odds + fault.offset), rng.random(n) < true
