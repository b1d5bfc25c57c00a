"""A multinomial logistic model as plain numbers: what the base install needs of a fitted scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Class probabilities of named features: missing ones take ``median``, then (x - mean) / scale, then softmax.

    ``coefficients`` is (classes, features), ``intercept`` (classes,).
    """

    classes: tuple[str, ...]
    names: tuple[str, ...]
    median: Values
    mean: Values
    scale: Values
    coefficients: Values
    intercept: Values

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> LinearModel:
        """From JSON; the inverse of :meth:`document`."""
        arrays = {k: np.asarray(document[k], dtype=np.float64) for k in _ARRAYS}
        return cls(classes=tuple(document["classes"]), names=tuple(document["names"]), **arrays)

    def document(self) -> dict[str, Any]:
        """JSON-ready, seven significant digits."""
        arrays = {k: np.vectorize(lambda v: float(f"{v:.7g}"))(getattr(self, k)).tolist() for k in _ARRAYS}
        return {"classes": list(self.classes), "names": list(self.names), **arrays}

    def probabilities(self, features: Mapping[str, float]) -> dict[str, float]:
        """Probability of each class; raises KeyError where a feature is absent (NaN means unknown)."""
        x = np.array([features[name] for name in self.names], dtype=np.float64)
        x = (np.where(np.isfinite(x), x, self.median) - self.mean) / self.scale
        logits = self.coefficients @ x + self.intercept
        shares = np.exp(logits - logits.max())
        return dict(zip(self.classes, (shares / shares.sum()).tolist(), strict=True))


_ARRAYS = ("median", "mean", "scale", "coefficients", "intercept")
