"""How far a liver's features lie from those of healthy people, as a share of healthy people who lie further.

Mahalanobis distance under a covariance shrunk towards a multiple of the identity (Ledoit and Wolf, J Multivar Anal
2004), which stays well-conditioned where people are fewer than features. Distances of the healthy are leave-one-out:
each under the fit of the others, as a new person's is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FEWEST: Final = 8
_LEAST_SPREAD: Final = 1e-9

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Normality:
    """A healthy set: feature names, centre and spread (k,), the precision of standardised features (k, k), and the
    leave-one-out distances (n,) of its people, sorted."""

    features: tuple[str, ...]
    centre: Values
    spread: Values
    precision: Values
    healthy: Values

    def distance(self, found: Mapping[str, float]) -> float | None:
        """Distance per square root of the number of features; None where a feature is missing or not finite."""
        values = np.array([found.get(name, np.nan) for name in self.features], dtype=np.float64)
        return float(self.distances(values[None])[0]) if np.isfinite(values).all() else None

    def distances(self, values: Values) -> Values:
        """Distances (m,) of rows (m, k)."""
        scores = (values - self.centre) / self.spread
        squares = np.einsum("ij,jk,ik->i", scores, self.precision, scores)
        return np.asarray(np.sqrt(np.maximum(squares, 0.0) / len(self.features)))

    def share_further(self, distance: float) -> float:
        """Share (0-1) of healthy people at least as far away, the person asked about counted with them.

        Among healthy people it is at most ``x`` in no more than about ``x`` of cases (conformal p-value, Vovk 2005).
        """
        return float((1 + np.sum(self.healthy >= distance)) / (self.healthy.size + 1))

    def document(self) -> dict[str, Any]:
        """The set as JSON."""
        return {
            "features": list(self.features),
            "centre": self.centre.round(6).tolist(),
            "spread": self.spread.round(6).tolist(),
            "precision": self.precision.round(6).tolist(),
            "healthy": self.healthy.round(6).tolist(),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Normality:
        """The set from its JSON; raises KeyError, TypeError or ValueError where it is none."""
        names = tuple(str(name) for name in document["features"])
        arrays = [np.asarray(document[key], dtype=np.float64) for key in ("centre", "spread", "precision", "healthy")]
        k = len(names)
        if [part.shape for part in arrays[:3]] != [(k,), (k,), (k, k)] or arrays[3].ndim != 1 or not arrays[3].size:
            raise ValueError("the healthy set's arrays do not fit together")
        return cls(names, *arrays)


def fit_normality(features: Sequence[str], values: Values) -> Normality:
    """The healthy set of rows (n, k); raises ValueError for fewer than 8 people or values that are not finite."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(features) or not np.isfinite(table).all():
        raise ValueError(f"features need finite values of shape (n, {len(features)}), not {table.shape}")
    if table.shape[0] < FEWEST:
        raise ValueError(f"a healthy set needs at least {FEWEST} people, not {table.shape[0]}")
    apart = np.array([_fitted(features, np.delete(table, i, axis=0)).distances(table[i : i + 1])[0]
                      for i in range(table.shape[0])])  # fmt: skip
    whole = _fitted(features, table)
    return Normality(whole.features, whole.centre, whole.spread, whole.precision, np.sort(apart))


def _fitted(features: Sequence[str], table: Values) -> Normality:
    centre = table.mean(axis=0)
    spread = np.maximum(table.std(axis=0), _LEAST_SPREAD)
    covariance, _ = ledoit_wolf((table - centre) / spread)
    return Normality(
        tuple(features), centre, spread, np.asarray(np.linalg.inv(covariance), dtype=np.float64), np.zeros(1)
    )


def ledoit_wolf(values: Values) -> tuple[Values, float]:
    """Shrunk covariance (k, k) of centred rows (n, k), and the shrinkage in 0-1 (Ledoit and Wolf, 2004, section 3).

    A small ridge keeps the result invertible where the rows are all alike.
    """
    n, k = values.shape
    sample = values.T @ values / n
    middle = float(np.trace(sample)) / k
    gap = float(np.sum((sample - middle * np.eye(k)) ** 2)) / k
    noise = sum(float(np.sum((np.outer(row, row) - sample) ** 2)) for row in values) / (k * n**2)
    shrinkage = 0.0 if gap <= 0.0 else min(noise, gap) / gap
    shrunk = (1.0 - shrinkage) * sample + shrinkage * middle * np.eye(k)
    return np.asarray(shrunk + 1e-9 * max(middle, 1.0) * np.eye(k)), float(shrinkage)
