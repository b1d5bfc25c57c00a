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
    """Fit every cell freely over the field, without and (given enough echoes) with turned even echoes.

    Uses the first R2* candidate of ``plan``.
    """
    echoes, power = pack.echoes, max(pack.power(), 1e-30)
    table = plan.cell_table()[0]
    plain = _relative((pack.products @ table).min(axis=1), power)
    if echoes < BIPOLAR_MIN_ECHOES:
        return ReadoutFit(plain, plain, np.zeros(pack.cells.size, dtype=np.float32), 0.0)
    turn, weight = _smooth_turn(pack, *_free_turn(pack, plan, echo_times_s))
    products = turn_products(pack.products, echoes, turn)
    turned = _relative((products @ table).min(axis=1), power)
    mean = float(np.sum(np.abs(turn) * weight) / max(float(weight.sum()), 1e-30))
    return ReadoutFit(plain, turned, turn.astype(np.float32), mean)


def _relative(residual: F32, power: float) -> float:
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
    pack: EchoPack, plan: LagPlan, echo_times_s: NDArray[np.float64]
) -> tuple[NDArray[np.complex64], NDArray[np.float64]]:
    """The doubled phasor of each cell's own best turn, weighted by its strength, and that strength."""
    echoes = pack.echoes
    later_turned, earlier_turned = _parities(echoes)
    unlike = later_turned | earlier_turned
    columns = np.concatenate(
        [np.arange(echoes), echoes + 2 * np.flatnonzero(~unlike), echoes + 2 * np.flatnonzero(~unlike) + 1]
    )
    like = pack.products[:, columns] @ plan.cell_table()[0][columns]
    later, earlier = np.tril_indices(echoes, -1)
    points = plan.table.shape[0]
    psi = (np.arange(points) / points - 0.5) * plan.width * plan.unit_hz
    weights = plan.weights[0, echoes::2] + 1j * plan.weights[0, echoes + 1 :: 2]
    swing = np.exp(2j * np.pi * np.multiply.outer(echo_times_s[later] - echo_times_s[earlier], psi))
    swing = (swing * weights[:, None]).astype(np.complex64)
    pairs = (pack.products[:, echoes::2] + 1j * pack.products[:, echoes + 1 :: 2]).astype(np.complex64)
    cross = pairs[:, later_turned] @ swing[later_turned]
    cross += np.conj(pairs[:, earlier_turned] @ swing[earlier_turned])
    lowest = np.argmin(like - 2 * np.abs(cross), axis=1)
    chosen = cross[np.arange(lowest.size), lowest]
    strength = np.abs(chosen)
    doubled = np.conj(chosen) ** 2 / np.maximum(strength, 1e-30)
    return doubled.astype(np.complex64), strength.astype(np.float64)


def _smooth_turn(
    pack: EchoPack, doubled: NDArray[np.complex64], strength: NDArray[np.float64]
) -> tuple[F32, NDArray[np.float64]]:
    grid = np.zeros(int(np.prod(pack.cell_shape)), dtype=np.complex64)
    grid[pack.cells] = doubled
    grid = grid.reshape(pack.cell_shape)
    sigma = (0.0, _SMOOTH_CELLS, _SMOOTH_CELLS)
    smooth = ndimage.gaussian_filter(grid.real, sigma) + 1j * ndimage.gaussian_filter(grid.imag, sigma)
    centre = np.angle(doubled.sum())
    around = np.angle(smooth.ravel()[pack.cells] * np.exp(-1j * centre))
    return ((around + centre) / 2).astype(np.float32), strength


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
