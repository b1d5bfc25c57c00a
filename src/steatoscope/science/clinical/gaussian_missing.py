"""A multivariate Normal distribution from rows with missing values, and its exact conditionals.

Fit by expectation-maximisation (Dempster, J R Stat Soc B 1977; Little and Rubin, Statistical Analysis with Missing
Data): maximum likelihood where values are missing at random. Conditioning on what is observed marginalises what is
missing exactly, in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
_FEWEST: Final = 3


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean (d,) and covariance (d, d) fitted on ``n`` rows."""

    mean: Floats
    covariance: Floats
    n: int

    def conditional(self, target: int, rows: ArrayLike) -> tuple[Floats, Floats]:
        """Mean and variance (m,) of the target coordinate given the finite ones of each of ``rows`` (m, d).

        The target's own column is not looked at. The variance carries the uncertainty of a regression on k coordinates
        from n rows: n / (n - k - 1) times 1 + (k + 1) / n.
        """
        x = np.array(rows, dtype=np.float64, ndmin=2)
        x[:, target] = np.nan
        filled, left = _expected(x, self.mean, self.covariance)
        k = np.isfinite(x).sum(axis=1)
        widening = self.n / np.maximum(self.n - k - 1, 1) * (1.0 + (k + 1) / self.n)
        return filled[:, target], np.maximum(left[:, target, target], 1e-12) * widening


def fit_gaussian(rows: ArrayLike, *, pseudo_rows: float = 2.0, steps: int = 500, tolerance: float = 1e-4) -> Gaussian:
    """Fit rows (n, d) in which NaN is a missing value, until no correlation changes by more than ``tolerance``.

    ``pseudo_rows`` adds that many rows' worth of the coordinates' own variances without correlation, which keeps the
    covariance invertible. Raises ValueError for fewer than three rows or three values of a coordinate.
    """
    x = np.asarray(rows, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] < _FEWEST or int(np.isfinite(x).sum(axis=0).min()) < _FEWEST:
        raise ValueError(f"at least {_FEWEST} rows with each coordinate are needed")
    mean, own = np.nanmean(x, axis=0), np.maximum(np.nanvar(x, axis=0), 1e-9)
    covariance, scale = np.diag(own), np.sqrt(np.outer(own, own))
    for _ in range(1 if np.isfinite(x).all() else steps):
        filled, left = _expected(x, mean, covariance)
        mean = filled.mean(axis=0)
        gaps, before = filled - mean, covariance
        covariance = (gaps.T @ gaps + left.sum(axis=0) + pseudo_rows * np.diag(own)) / (x.shape[0] + pseudo_rows)
        if float(np.max(np.abs(covariance - before) / scale)) < tolerance:
            break
    return Gaussian(mean, covariance, int(x.shape[0]))


def _expected(x: Floats, mean: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Rows (n, d) with missing values at their expectation, and the covariances (n, d, d) left in them.

    With the missing coordinates cut out of the covariance and 1 in their place on the diagonal, all rows are solved at
    once.
    """
    seen = np.isfinite(x).astype(np.float64)
    held = covariance * seen[:, :, None]
    cut = held * seen[:, None, :] + np.eye(x.shape[1]) * (1.0 - seen)[:, None, :]
    weights = np.linalg.solve(cut, held)
    gaps = np.where(seen > 0.0, x - mean, 0.0)
    filled = np.where(seen > 0.0, x, mean + np.einsum("ni,nij->nj", gaps, weights))
    left = covariance - np.einsum("nki,nkj->nij", held, weights)
    return filled, left * (1.0 - seen)[:, :, None] * (1.0 - seen)[:, None, :]
