"""One quantity of a healthy cohort as a reference: a robust fit with bootstrap intervals of its percentiles.

Normal or log-normal with median and interquartile range where either fits by the Lilliefors test (J Am Stat Assoc
1967), else the sample's own quantiles. Twenty people are the fewest; below 120 the percentiles are coarse (CLSI EP28).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Family = Literal["normal", "lognormal", "quantile"]
PERCENTILES: Final = (2.5, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5)
FEWEST: Final = 20
RECOMMENDED: Final = 120
_LILLIEFORS: Final = 0.886
_IQR_OF_NORMAL: Final = 1.3489795
_FLOOR: Final = 0.1
_LEVEL: Final = 0.95
_RESAMPLES: Final = 1000

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fit:
    """The distribution of one quantity in ``n`` people.

    ``location`` and ``spread`` are median and robust SD (of the logarithm for ``lognormal``); ``sample`` the sorted
    values, which ``quantile`` reads. ``quantiles`` are (percentile, value, low, high) with 95 % bootstrap bounds.
    """

    family: Family
    n: int
    location: float
    spread: float
    sample: tuple[float, ...]
    quantiles: tuple[tuple[float, float, float, float], ...]

    def percentile(self, value: float) -> float:
        """Percent of the reference with a lower value, within (0, 100)."""
        if self.family == "quantile":
            return float(100.0 * _rank(np.asarray(self.sample), value))
        return 100.0 * NormalDist().cdf(self._standard(value))

    def z(self, value: float) -> float:
        """Standard score; for ``quantile`` the Normal score of the percentile."""
        if self.family == "quantile":
            return NormalDist().inv_cdf(self.percentile(value) / 100.0)
        return self._standard(value)

    def at(self, percentile: float) -> float:
        """The value below which ``percentile`` (0-100, exclusive) of the reference lies."""
        return _at(self.family, self.location, self.spread, np.asarray(self.sample), percentile)

    def _standard(self, value: float) -> float:
        shown = math.log(max(value, _FLOOR)) if self.family == "lognormal" else value
        return (shown - self.location) / self.spread

    def document(self) -> dict[str, Any]:
        """The fit as JSON."""
        rows = [[p, round(v, 4), round(low, 4), round(high, 4)] for p, v, low, high in self.quantiles]
        return {
            "family": self.family,
            "n": self.n,
            "location": round(self.location, 6),
            "spread": round(self.spread, 6),
            "sample": [round(value, 4) for value in self.sample],
            "quantiles": rows,
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Fit:
        """The fit from its JSON; raises KeyError, TypeError or ValueError where it is none."""
        family, spread = document["family"], float(document["spread"])
        sample = tuple(sorted(float(value) for value in document["sample"]))
        if family not in ("normal", "lognormal", "quantile") or not spread > 0.0 or len(sample) < 1:
            raise ValueError("the fit has no family, spread or sample that can be read")
        rows = tuple((float(p), float(v), float(low), float(high)) for p, v, low, high in document["quantiles"])
        return cls(family, int(document["n"]), float(document["location"]), spread, sample, rows)


def fit_reference(values: Sequence[float] | Values, *, seed: int = 0, resamples: int = _RESAMPLES) -> Fit:
    """Fit a reference to the values (n,) of healthy people; the same seed gives the same intervals.

    Raises ValueError for fewer than 20 values, values that are not finite, or all alike.
    """
    data = np.sort(np.asarray(values, dtype=np.float64))
    if data.ndim != 1 or data.size < FEWEST or not np.isfinite(data).all():
        raise ValueError(f"a reference needs at least {FEWEST} finite values, not {data.size}")
    if _robust_sd(data) <= 0.0:
        raise ValueError("more than half of the values are alike")
    family = chosen_family(data)
    location, spread = _parameters(family, data)
    low, high = _bounds(family, data, resamples, seed)
    rows = tuple(
        (percentile, _at(family, location, spread, data, percentile), float(low[k]), float(high[k]))
        for k, percentile in enumerate(PERCENTILES)
    )
    return Fit(family, int(data.size), location, spread, tuple(data.tolist()), rows)


def chosen_family(values: Values) -> Family:
    """The better of Normal and log-normal by Kolmogorov distance where Lilliefors' test keeps it, else ``quantile``."""
    found: list[tuple[float, Family]] = [(_distance(values), "normal")]
    if float(values.min()) >= _FLOOR:
        found.append((_distance(np.log(values)), "lognormal"))
    best, family = min(found)
    return family if best <= _LILLIEFORS / math.sqrt(values.size) else "quantile"


def _distance(values: Values) -> float:
    """Kolmogorov distance from a Normal with the sample's median and robust SD."""
    data, spread = np.sort(values), _robust_sd(values)
    if spread <= 0.0:
        return math.inf
    normal = NormalDist(float(np.median(data)), spread)
    model = np.array([normal.cdf(float(value)) for value in data])
    steps = np.arange(data.size + 1) / data.size
    return float(max(np.max(steps[1:] - model), np.max(model - steps[:-1])))


def _robust_sd(values: Values) -> float:
    low, high = np.percentile(values, [25.0, 75.0])
    return float((high - low) / _IQR_OF_NORMAL)


def _parameters(family: Family, values: Values) -> tuple[float, float]:
    shown = np.log(np.maximum(values, _FLOOR)) if family == "lognormal" else values
    return float(np.median(shown)), _robust_sd(shown)


def _bounds(family: Family, data: Values, resamples: int, seed: int) -> tuple[Values, Values]:
    """Percentile bootstrap bounds (percentiles,) of the reference percentiles over people drawn with replacement."""
    drawn = data[np.random.default_rng(seed).integers(data.size, size=(resamples, data.size))]
    if family == "quantile":
        found = np.percentile(drawn, PERCENTILES, axis=1, method="weibull")
    else:
        shown = np.log(np.maximum(drawn, _FLOOR)) if family == "lognormal" else drawn
        low, middle, high = np.percentile(shown, [25.0, 50.0, 75.0], axis=1)
        scores = np.array([NormalDist().inv_cdf(p / 100.0) for p in PERCENTILES])
        found = middle + np.outer(scores, (high - low) / _IQR_OF_NORMAL)
        found = np.exp(found) if family == "lognormal" else found
    tail = 50.0 * (1.0 - _LEVEL)
    low, high = np.percentile(found, [tail, 100.0 - tail], axis=1)
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def _at(family: Family, location: float, spread: float, sample: Values, percentile: float) -> float:
    if family == "quantile":
        return float(np.percentile(sample, percentile, method="weibull"))
    score = location + spread * NormalDist().inv_cdf(percentile / 100.0)
    return math.exp(score) if family == "lognormal" else score


def _rank(sample: Values, value: float) -> float:
    """Share of the sample below ``value`` with ties halved, kept off 0 and 1: the inverse of Weibull's quantile."""
    below, upto = np.searchsorted(sample, value, side="left"), np.searchsorted(sample, value, side="right")
    return float(((below + upto) / 2.0 + 0.5) / (sample.size + 1.0))
