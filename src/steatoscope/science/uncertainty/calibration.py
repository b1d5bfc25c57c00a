"""Probabilities that mean what they say: temperature, line and isotonic regression, fitted on unseen patients.

Temperature scaling (Guo, ICML 2017) divides log-odds by one number and keeps every ranking; a line (Platt, 1999) also
moves them, as another base rate does; isotonic regression (Zadrozny and Elkan, KDD 2002) takes any rising curve, which
needs some thousand patients to be as good as the others where they fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression, minimize, minimize_scalar
from scipy.special import expit, log_expit, log_softmax, logit, softmax

Values = NDArray[np.float64]
_SMALLEST: Final = 1e-9
_TEMPERATURES: Final = (0.1, 20.0)


@dataclass(frozen=True, slots=True)
class Temperature:
    """One number that divides log-odds: above 1 for a model that is too sure, below 1 for one that is too cautious."""

    value: float

    def apply(self, probabilities: ArrayLike) -> Values:
        """Calibrated probabilities: of an event, shape (n,), or of classes, shape (n, classes), rows that add up to 1.

        Raises ValueError for probabilities outside 0-1 or rows that do not add up.
        """
        given = np.asarray(probabilities, dtype=np.float64)
        found = softmax(np.log(_rows(given)) / self.value, axis=1)
        return np.asarray(found[:, 1] if given.ndim == 1 else found, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Line:
    """Log-odds of an event as ``offset + slope *`` the given log-odds; the slope is positive."""

    offset: float
    slope: float

    def apply(self, probability: ArrayLike) -> Values:
        """Calibrated probabilities (n,)."""
        return np.asarray(expit(self.offset + self.slope * _odds(np.asarray(probability, dtype=np.float64))))


@dataclass(frozen=True, eq=False)
class Isotonic:
    """A rising curve through ``knots`` (k,) of given probability with their calibrated ``levels`` (k,), flat outside.

    The curve may reach 0 and 1, where the log-loss of a single miss is infinite.
    """

    knots: Values
    levels: Values

    def apply(self, probability: ArrayLike) -> Values:
        """Calibrated probabilities (n,)."""
        return np.asarray(np.interp(np.asarray(probability, dtype=np.float64), self.knots, self.levels))


def fit_temperature(probabilities: ArrayLike, truth: ArrayLike) -> Temperature:
    """The temperature with the highest likelihood on patients that the model has not seen.

    ``probabilities`` (n,) with events ``truth`` (n,), or (n, classes) with class numbers (n,). Where the events
    are told apart without a miss the likelihood has no maximum, and the temperature goes to 0.1, the lowest allowed.
    Raises ValueError for no patients or shapes that do not fit.
    """
    rows = _rows(np.asarray(probabilities, dtype=np.float64))
    classes = np.asarray(truth).astype(np.intp)
    if classes.shape != rows.shape[:1] or not classes.size:
        raise ValueError(f"truth needs shape ({rows.shape[0]},) and a patient, not {classes.shape}")
    if classes.min() < 0 or classes.max() >= rows.shape[1]:
        raise ValueError(f"class numbers must lie in 0 to {rows.shape[1] - 1}")
    logits, own = np.log(rows), np.arange(classes.size)

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / math.exp(log_temperature), axis=1)[own, classes].mean())

    low, high = (math.log(value) for value in _TEMPERATURES)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-8})
    return Temperature(math.exp(float(found.x)))


def fit_line(probability: ArrayLike, happened: ArrayLike) -> Line:
    """The line with the highest likelihood on events (n,), with Platt's (1999) smoothed targets.

    Raises ValueError for no patients, other shapes, or probabilities outside 0-1.
    """
    values, events = _events(probability, happened)
    odds, yes = _odds(values), float(events.sum())
    target = np.where(events > 0.5, (yes + 1.0) / (yes + 2.0), 1.0 / (events.size - yes + 2.0))

    def loss(line: Values) -> float:
        z = line[0] + math.exp(line[1]) * odds
        return -float((target * log_expit(z) + (1.0 - target) * log_expit(-z)).mean())

    found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-20.0, 20.0), (-4.0, 4.0)]).x
    return Line(float(found[0]), math.exp(float(found[1])))


def fit_isotonic(probability: ArrayLike, happened: ArrayLike) -> Isotonic:
    """The rising curve closest to events (n,) in least squares, patients of equal probability taken together.

    Raises ValueError for no patients, other shapes, or probabilities outside 0-1.
    """
    values, events = _events(probability, happened)
    knots, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    shares = np.bincount(place, weights=events) / counts
    return Isotonic(knots, np.asarray(isotonic_regression(shares, weights=counts.astype(np.float64)).x))


def _events(probability: ArrayLike, happened: ArrayLike) -> tuple[Values, Values]:
    values, events = np.asarray(probability, dtype=np.float64), np.asarray(happened, dtype=np.float64)
    if values.ndim != 1 or values.shape != events.shape or not values.size:
        raise ValueError(f"probabilities and events need one shape (n,), not {values.shape} and {events.shape}")
    _in_range(values)
    return values, events


def _odds(probability: Values) -> Values:
    return np.asarray(logit(np.clip(probability, _SMALLEST, 1.0 - _SMALLEST)))


def _rows(probabilities: Values) -> Values:
    """Probabilities as rows of at least two classes, none of them 0."""
    _in_range(probabilities)
    if probabilities.ndim == 1:
        probabilities = np.column_stack([1.0 - probabilities, probabilities])
    if probabilities.ndim != 2 or not np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-6):
        raise ValueError("probabilities need shape (n,), or (n, classes) with rows that add up to 1")
    return np.clip(probabilities, _SMALLEST, 1.0)


def _in_range(values: Values) -> None:
    if not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError("probabilities must lie in 0-1")
