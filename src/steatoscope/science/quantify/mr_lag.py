"""The variable-projection residual in lag form: projectors, lags and the grid of field values.

For a fixed R2* the model is linear in water and fat, so the residual after projection is
``J(psi) = sum_n P_nn |s_n|^2 + 2 Re sum_{n>m} P_nm conj(s_n) s_m exp(i 2 pi psi (t_n - t_m))`` with one projector ``P``
for all voxels (Golub & Pereyra 1973; Hernando, MRM 2008). Pairs of equal lag share their exponential, and with evenly
spaced echoes ``J`` is a trigonometric polynomial of degree echoes - 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SAME_LAG_S = 1e-7
_NEARLY_EVEN = 0.12
_WIDE_WINDOW_HZ_PER_T = 400.0


@dataclass(frozen=True, eq=False)
class LagPlan:
    """What the kernels need to evaluate ``J`` on a grid of field values.

    ``weights`` (decays, echoes + 2 pairs) float32; ``lag`` (pairs,) int32; ``lags_s`` (lags,); ``table``
    (points, 1 + 2 lags) float32. Field values are counted in ``unit_hz`` (one period for even echoes); the searched
    window is ``width`` units wide and centred on zero.
    """

    decays: tuple[float, ...]
    weights: NDArray[np.float32]
    lag: NDArray[np.int32]
    lags_s: NDArray[np.float64]
    table: NDArray[np.float32]
    unit_hz: float
    width: float

    def cell_table(self, *, conjugate: bool = False) -> NDArray[np.float32]:
        """Linear map from pair products to ``J``: (decays, echoes + 2 pairs, points).

        With ``conjugate`` it serves the conjugated data without new products.
        """
        cosine, minus_sine = self.table[:, 1::2][:, self.lag], self.table[:, 2::2][:, self.lag]
        pairs = self.lag.size
        echoes = self.weights.shape[1] - 2 * pairs
        u, v = self.weights[:, echoes::2, None], self.weights[:, echoes + 1 :: 2, None]
        result = np.empty((*self.weights.shape, self.table.shape[0]), dtype=np.float32)
        result[:, :echoes] = self.weights[:, :echoes, None]
        result[:, echoes::2] = u * cosine.T + v * minus_sine.T
        result[:, echoes + 1 :: 2] = u * minus_sine.T - v * cosine.T
        if conjugate:
            result[:, echoes + 1 :: 2] *= -1.0
        return result


def echo_spacing(echo_times_s: NDArray[np.float64]) -> tuple[float, bool]:
    """Mean echo spacing in seconds, and whether the echoes are even within an eighth of it."""
    gaps = np.diff(echo_times_s)
    mean = float(gaps.mean())
    grid = echo_times_s[0] + mean * np.arange(echo_times_s.size)
    return mean, bool(np.abs(echo_times_s - grid).max() <= _NEARLY_EVEN * mean)


def _window(echo_times_s: NDArray[np.float64], field_t: float) -> tuple[float, float]:
    mean, even = echo_spacing(echo_times_s)
    if even:
        return 1.0 / mean, 1.0
    unit = 1.0 / float(np.diff(echo_times_s).min())
    return unit, max(1.0, _WIDE_WINDOW_HZ_PER_T * field_t / unit)


def projector(basis: NDArray[np.complex128], echo_times_s: NDArray[np.float64], decay: float) -> NDArray[np.complex128]:
    """The projector (echoes, echoes) onto what ``[1, c(t)] exp(-R2* t)`` cannot explain."""
    columns = np.stack([np.ones_like(basis), basis], axis=1) * np.exp(-decay * echo_times_s)[:, None]
    return np.asarray(np.eye(basis.size) - columns @ np.linalg.pinv(columns), dtype=np.complex128)


def _distinct(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    order = np.argsort(values, kind="stable")
    group = np.concatenate([[0], np.cumsum(np.diff(values[order]) > _SAME_LAG_S)])
    which = np.empty(values.size, dtype=np.int32)
    which[order] = group
    means = np.bincount(which, weights=values) / np.bincount(which)
    return means, which


def lag_plan(
    basis: NDArray[np.complex128], echo_times_s: NDArray[np.float64], field_t: float, decays: tuple[float, ...]
) -> LagPlan:
    """Plan the grid for a fat basis (echoes,) at the given echo times (s) and R2* candidates (1/s)."""
    n, m = np.tril_indices(basis.size, -1)
    lags, which = _distinct(echo_times_s[n] - echo_times_s[m])
    unit, width = _window(echo_times_s, field_t)
    points = max(32, int(16 * np.ceil(4.0 * lags.max() * unit * width / 16)))
    weights = np.empty((len(decays), basis.size + 2 * n.size), dtype=np.float32)
    for row, decay in zip(weights, decays, strict=True):
        p = projector(basis, echo_times_s, decay)
        row[: basis.size] = p.diagonal().real
        row[basis.size :: 2], row[basis.size + 1 :: 2] = p[n, m].real, p[n, m].imag
    psi = (np.arange(points) / points - 0.5) * width * unit
    angle = 2 * np.pi * np.multiply.outer(psi, lags)
    table = np.ones((points, 1 + 2 * lags.size), dtype=np.float32)
    table[:, 1::2], table[:, 2::2] = 2 * np.cos(angle), -2 * np.sin(angle)
    return LagPlan(decays, weights, which, lags, table, unit, width)
