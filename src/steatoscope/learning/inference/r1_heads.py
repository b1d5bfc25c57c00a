"""What recipe R1 learns on the R-CNN's features, as plain numbers: grade, root of fat, and what healthy livers show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from steatoscope.science.clinical.grades import LABELS

DIGITS: Final = 9
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A linear model of features (n, k): missing ones take ``median``, then (x - mean) / scale; m outputs.

    ``weights`` is (m, k), ``offset`` (m,).
    """

    median: Values
    mean: Values
    scale: Values
    weights: Values
    offset: Values

    def __call__(self, features: Values) -> Values:
        """Outputs (n, m) of features (n, k)."""
        filled = np.where(np.isfinite(features), features, self.median)
        return np.asarray(((filled - self.mean) / self.scale) @ self.weights.T + self.offset)


@dataclass(frozen=True, eq=False)
class RegionHeads:
    """The learnt part of R1.

    Features of regions are cut to ``low`` and ``high`` (k,), between which nearly all regions of the training patients
    lie: some features hardly vary there, and a region that differs in one must not decide alone.
    ``grade`` gives logits of ``classes`` (of the four grades), divided by ``temperature``; ``root`` the square root of
    fat in percent. ``quantile`` is the conformal half-width of the root at level 0.9, None where patients were too few
    for one. ``healthy`` are median and scaled absolute deviation of the root of healthy patients, ``local`` (n,) roots
    of single regions on healthy livers, sorted; both from patients that were left out. ``usual`` is the largest share
    of cut features among left-out patients.
    """

    low: Values
    high: Values
    classes: tuple[str, ...]
    grade: LinearHead
    root: LinearHead
    temperature: float
    quantile: float | None
    healthy: tuple[float, float]
    local: Values
    usual: float

    def within(self, regions: NDArray[np.floating]) -> Values:
        """Features of regions (n, k), cut."""
        return np.clip(np.asarray(regions, dtype=np.float64), self.low, self.high)

    def outside(self, regions: NDArray[np.floating]) -> float:
        """The share of features of regions (n, k) that are cut; 0 without regions."""
        return share_outside(regions, self.low, self.high)

    def grades(self, features: Values) -> dict[str, float]:
        """Calibrated probabilities of the four grades from mean cut features (k,); 0 for one that was not learnt."""
        shares = softmax(self.grade(features[None])[0] / self.temperature)
        found = dict(zip(self.classes, shares.tolist(), strict=True))
        return {label: float(found.get(label, 0.0)) for label in LABELS}

    def score(self, features: Values) -> float:
        """The estimated square root of fat from mean cut features (k,)."""
        return float(self.root(features[None])[0, 0])

    def scores(self, regions: NDArray[np.floating]) -> Values:
        """The root (n,) that each region (n, k) would give alone: their mean is the score of their mean."""
        return np.asarray(self.root(self.within(regions))[:, 0]) if len(regions) else np.zeros(0)

    def abnormality(self, roots: Values) -> Values:
        """Share of regions on healthy livers that lie below each root (n,): conformal, never quite 1."""
        above = len(self.local) - np.searchsorted(self.local, roots, side="left")
        return np.asarray(1.0 - (above + 1.0) / (len(self.local) + 1.0))

    def healthy_z(self, score: float) -> float:
        """How many robust standard deviations a root lies above that of healthy patients."""
        return (score - self.healthy[0]) / self.healthy[1]

    def document(self) -> dict[str, Any]:
        """JSON-ready; the inverse of :meth:`read`."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: _plain(value) for name, value in values.items()}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> RegionHeads:
        """The heads from their JSON."""
        grade, root = (_head(document[name]) for name in ("grade", "root"))
        local, low, high = (np.asarray(document[name], dtype=np.float64) for name in ("local", "low", "high"))
        middle, reach = (float(value) for value in document["healthy"])
        quantile = document["quantile"]
        return cls(
            low=low,
            high=high,
            classes=tuple(document["classes"]),
            grade=grade,
            root=root,
            temperature=float(document["temperature"]),
            quantile=None if quantile is None else float(quantile),
            healthy=(middle, reach),
            local=local,
            usual=float(document["usual"]),
        )


def share_outside(regions: NDArray[np.floating], low: Values, high: Values) -> float:
    """The share of features of regions (n, k) below ``low`` or above ``high`` (k,); 0 without regions."""
    return float(((regions < low) | (regions > high)).mean()) if len(regions) else 0.0


def _head(document: Mapping[str, Any]) -> LinearHead:
    return LinearHead(**{name: np.asarray(value, dtype=np.float64) for name, value in document.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, LinearHead):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, np.ndarray):
        return (
            np.vectorize(lambda one: float(f"{one:.{DIGITS}g}"), otypes=[float])(value).tolist() if value.size else []
        )
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
