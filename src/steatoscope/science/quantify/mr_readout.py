"""Phase sign and readout polarity, found from the data at the scale of small cells.

Sign: the fat spectrum is not symmetric, so conjugated data fit worse. Polarity: a bipolar readout turns every second
echo by an unknown angle, which the residual ``a(psi) - 2 |b(psi)|`` (pairs of like and of unlike parity) eliminates in
closed form; the angle, known up to pi, is smoothed over cells as a doubled phasor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.science.quantify.mr_lag import LagPlan
from steatoscope.science.quantify.mr_pack import CELL_SIDE, EchoPack

F32 = NDArray[np.float32]
BIPOLAR_MIN_ECHOES = 6
_BIPOLAR_RESIDUAL_RATIO = 0.93
_BIPOLAR_MIN_TURN_RAD = 0.1
_SMOOTH_CELLS = 2.0
_SAMPLE_CELLS = 800


@dataclass(frozen=True, eq=False)
class ReadoutFit:
    """How well one sign explains the cells: relative residuals without and with turned echoes, and that turn.

    ``turn_rad`` (cells,) is zero, and ``turned`` equal to ``plain``, where polarity was not examined.
    """

    plain: float
    turned: float
    turn_rad: F32
    mean_turn_rad: float

    @property
    def bipolar(self) -> bool:
        """Whether turning every second echo explains clearly more, by more than a small angle."""
        return self.turned < _BIPOLAR_RESIDUAL_RATIO * self.plain and self.mean_turn_rad > _BIPOLAR_MIN_TURN_RAD

    @property
    def best(self) -> float:
        """The relative residual of the chosen polarity."""
        return self.turned if self.bipolar else self.plain


def examine_readout(pack: EchoPack, plan: LagPlan, echo_times_s: NDArray[np.float64]) -> ReadoutFit:
    """Fit cells freely over the field, without and (given enough echoes) with turned even echoes.

    Uses the first R2* candidate of ``plan``. A sample of cells settles the usual case; all of them are used only where
    a turn free for each cell explains enough more.
    """
    thin = max(1, pack.cells.size // _SAMPLE_CELLS)
    sample = pack.products[::thin]
    table = plan.cell_table()[0]
    plain = _relative((sample @ table).min(axis=1), sample, pack.echoes)
    none = ReadoutFit(plain, plain, np.zeros(pack.cells.size, dtype=np.float32), 0.0)
    if pack.echoes < BIPOLAR_MIN_ECHOES:
        return none
    free = _free_turn(sample, plan, echo_times_s)[2]
    if _relative(free, sample, pack.echoes) > _BIPOLAR_RESIDUAL_RATIO * plain:
        return none
    doubled, strength = _best_turn(pack.products, plan, echo_times_s)
    turn = _smooth_turn(pack, doubled)
    products = turn_products(sample, pack.echoes, turn[::thin])
    turned = _relative((products @ table).min(axis=1), sample, pack.echoes)
    mean = float(np.sum(np.abs(turn) * strength) / max(float(strength.sum()), 1e-30))
    return ReadoutFit(plain, turned, turn, mean)


def _relative(residual: F32, products: F32, echoes: int) -> float:
    power = max(float(products[:, :echoes].sum(dtype=np.float64)), 1e-30)
    return float(np.sqrt(max(float(residual.sum(dtype=np.float64)), 0.0) / power))


def _parities(echoes: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    later, earlier = np.tril_indices(echoes, -1)
    unlike = (later - earlier) % 2 == 1
    return unlike & (later % 2 == 1), unlike & (later % 2 == 0)


def turn_products(products: F32, echoes: int, turn_rad: F32) -> F32:
    """Pair products of cells after multiplying every second echo by ``exp(-i turn)``; ``turn_rad`` (cells,)."""
    later_turned, earlier_turned = _parities(echoes)
    result = products.copy()
    pairs = products[:, echoes::2] + 1j * products[:, echoes + 1 :: 2]
    swing = np.exp(1j * turn_rad)[:, None]
    pairs[:, later_turned] *= swing
    pairs[:, earlier_turned] *= np.conj(swing)
    result[:, echoes::2], result[:, echoes + 1 :: 2] = pairs.real, pairs.imag
    return result


def _free_turn(
    products: F32, plan: LagPlan, echo_times_s: NDArray[np.float64], decay: int = 0
) -> tuple[NDArray[np.complex64], F32, F32]:
    """The doubled phasor of each cell's own best turn, weighted by its strength; that strength; and the residual."""
    echoes, points = echo_times_s.size, plan.table.shape[0]
    later_turned, earlier_turned = _parities(echoes)
    like_pairs = np.flatnonzero(~(later_turned | earlier_turned))
    columns = np.concatenate([np.arange(echoes), echoes + 2 * like_pairs, echoes + 2 * like_pairs + 1])
    like = products[:, columns] @ plan.cell_table()[decay][columns]
    later, earlier = np.tril_indices(echoes, -1)
    lags = echo_times_s[later] - echo_times_s[earlier]
    weights = plan.weights[decay, echoes::2] + 1j * plan.weights[decay, echoes + 1 :: 2]
    pairs = (products[:, echoes::2] + 1j * products[:, echoes + 1 :: 2]) * weights
    pairs[:, earlier_turned] = np.conj(pairs[:, earlier_turned])
    signed = np.where(earlier_turned, -lags, lags)
    unlike = later_turned | earlier_turned
    psi = (np.arange(points) / points - 0.5) * plan.width * plan.unit_hz
    swing = np.exp(2j * np.pi * np.multiply.outer(signed[unlike], psi)).astype(np.complex64)
    pairs = pairs[:, unlike].astype(np.complex64)
    residual = like - 2 * np.abs(pairs @ swing)
    lowest = np.argmin(residual, axis=1)
    place = psi[lowest] + _parabola_shift(residual, lowest) * (psi[1] - psi[0])
    chosen = np.sum(pairs * np.exp(2j * np.pi * np.multiply.outer(place, signed[unlike])), axis=1)
    strength = np.abs(chosen)
    doubled = np.conj(chosen) ** 2 / np.maximum(strength, 1e-30)
    least = residual[np.arange(lowest.size), lowest]
    return doubled.astype(np.complex64), strength.astype(np.float32), np.asarray(least, dtype=np.float32)


def _best_turn(products: F32, plan: LagPlan, echo_times_s: NDArray[np.float64]) -> tuple[NDArray[np.complex64], F32]:
    """The doubled phasor and strength of each cell with the R2* candidate that fits it best."""
    found = [_free_turn(products, plan, echo_times_s, decay) for decay in range(len(plan.decays))]
    best = np.argmin([residual for _, _, residual in found], axis=0)
    rows = np.arange(best.size)
    return np.stack([item[0] for item in found])[best, rows], np.stack([item[1] for item in found])[best, rows]


def _parabola_shift(values: F32, lowest: NDArray[np.intp]) -> NDArray[np.float64]:
    """Where between grid points (-0.5 to 0.5) the minimum of each periodic row lies."""
    rows, points = np.arange(lowest.size), values.shape[1]
    before, here, after = (values[rows, (lowest + k) % points].astype(np.float64) for k in (-1, 0, 1))
    return np.asarray(0.5 * (before - after) / np.maximum(before - 2 * here + after, 1e-30))


def _smooth_turn(pack: EchoPack, doubled: NDArray[np.complex64]) -> F32:
    """The turn of each cell (cells,) from the smoothed doubled phasor, within a quarter turn of the overall one."""
    grid = np.zeros(int(np.prod(pack.cell_shape)), dtype=np.complex64)
    grid[pack.cells] = doubled
    grid = grid.reshape(pack.cell_shape)
    sigma = (0.0, _SMOOTH_CELLS, _SMOOTH_CELLS)
    smooth = ndimage.gaussian_filter(grid.real, sigma) + 1j * ndimage.gaussian_filter(grid.imag, sigma)
    centre = np.angle(doubled.sum())
    around = np.angle(smooth.ravel()[pack.cells] * np.exp(-1j * centre))
    return np.asarray((around + centre) / 2, dtype=np.float32)


def turn_of_voxels(pack: EchoPack, turn_rad: F32) -> F32:
    """The turn of each masked voxel (voxels,), interpolated linearly between the centres of cells."""
    rows, columns = pack.shape[1:]
    total = np.zeros(int(np.prod(pack.cell_shape)), dtype=np.float32)
    present = np.zeros_like(total)
    total[pack.cells], present[pack.cells] = turn_rad, 1.0
    flat = pack.index.astype(np.int64)
    places = np.stack(
        [
            flat // (rows * columns),
            ((flat // columns) % rows - (CELL_SIDE - 1) / 2) / CELL_SIDE,
            (flat % columns - (CELL_SIDE - 1) / 2) / CELL_SIDE,
        ]
    )
    value, weight = (
        ndimage.map_coordinates(item.reshape(pack.cell_shape), places, order=1, mode="nearest")
        for item in (total, present)
    )
    return np.asarray(value / np.maximum(weight, 1e-6), dtype=np.float32)
