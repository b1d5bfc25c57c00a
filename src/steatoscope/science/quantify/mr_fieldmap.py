"""The field map: candidates voxel by voxel, a coarse and a fine smoothness solution, refined, in several strengths.

Coarse cells of 4 x 4 voxels are solved first, since their summed residual is exact in lag form; the fine solution is
pulled towards them. The best strength of the smoothness term depends on the scene, so several are tried and the one
with the lowest residual is kept; where another, nearly as good, exchanges water and fat, the voxel is disputed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.science.quantify.mr_lag import LagPlan
from steatoscope.science.quantify.mr_pack import EchoPack

F32 = NDArray[np.float32]
STRENGTHS = (0.1, 0.03, 0.3)
_LONGEST_STEP = 0.1
_EXCHANGED = 0.5
_SAME_FIELD = 0.02


@dataclass(frozen=True, slots=True)
class SolverSettings:
    """Settings of the field-map solution; strengths and limits count the period of the field as one."""

    strengths: tuple[float, ...] = STRENGTHS
    cap: float = 0.05
    coarse_pull: float = 0.1
    coarse_passes: int = 12
    fine_passes: int = 1
    refine_steps: int = 3
    r2star_limits: tuple[float, float] = (0.0, 1000.0)
    near_residual: float = 1.1


@dataclass(frozen=True, eq=False)
class VoxelMaps:
    """Fitted values of the masked voxels, each (voxels,) float32 or complex64, and how they were chosen.

    ``residual`` is the sum of squares and ``power`` that of the signal; ``disputed`` (voxels,) marks voxels in which a
    nearly as good setting exchanges water and fat; ``relative`` is the relative residual of all voxels together.
    """

    water: NDArray[np.complex64]
    fat: NDArray[np.complex64]
    r2star: F32
    field_hz: F32
    residual: F32
    power: F32
    relative: float
    strength: float
    disputed: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Options:
    """The candidates of each voxel: place, value, curvature (voxels, 3), and their R2* (voxels,)."""

    place: F32
    value: F32
    bend: F32
    decay: F32


def solve_field(
    pack: EchoPack,
    plan: LagPlan,
    basis: NDArray[np.complex128],
    echo_times_s: NDArray[np.float64],
    settings: SolverSettings,
) -> VoxelMaps:
    """The fit of all masked voxels of ``pack`` for one fat basis (echoes,)."""
    options = _options(pack, plan)
    coarse = _coarse(pack, plan, settings)
    everywhere = np.ones(pack.voxels, dtype=np.bool_)
    fits = [_refit(pack, plan, basis, echo_times_s, options, coarse[0], settings.strengths[0], everywhere, settings)]
    for strength, other in zip(settings.strengths[1:], coarse[1:], strict=True):
        where = _affected(pack, coarse[0], other, plan.width)
        fits.append(_refit(pack, plan, basis, echo_times_s, options, other, strength, where, settings, fits[0]))
    relative = [_relative(fit, pack) for fit in fits]
    best = int(np.argmin(relative))
    disputed = np.zeros(pack.voxels, dtype=np.bool_)
    for k, fit in enumerate(fits):
        if k != best and relative[k] <= settings.near_residual * relative[best]:
            disputed |= _exchanged(fits[best], fit)
    return _voxel_maps(pack, fits[best], settings.strengths[best], disputed)


def refit(
    pack: EchoPack,
    maps: VoxelMaps,
    basis: NDArray[np.complex128],
    echo_times_s: NDArray[np.float64],
    settings: SolverSettings,
) -> VoxelMaps:
    """Refine the fit ``maps`` against other data of the same voxels, such as corrected echoes."""
    start = np.stack([maps.field_hz, maps.r2star])
    fit = refine_starts(pack, basis, echo_times_s, start, settings)
    return _voxel_maps(pack, fit, maps.strength, maps.disputed)


def _voxel_maps(pack: EchoPack, fit: F32, strength: float, disputed: NDArray[np.bool_]) -> VoxelMaps:
    w_re, w_im, f_re, f_im, residual, field_hz, r2star = fit
    return VoxelMaps(
        water=w_re + np.complex64(1j) * w_im,
        fat=f_re + np.complex64(1j) * f_im,
        r2star=r2star,
        field_hz=field_hz,
        residual=residual,
        power=pack.voxel_power(),
        relative=_relative(fit, pack),
        strength=strength,
        disputed=disputed,
    )


def _relative(fit: F32, pack: EchoPack) -> float:
    return float(np.sqrt(fit[4].sum(dtype=np.float64) / max(pack.power(), 1e-30)))


def _affected(pack: EchoPack, one: F32, other: F32, width: float) -> NDArray[np.bool_]:
    """Voxels (voxels,) in or beside cells on whose field two coarse solutions disagree."""
    gap = np.abs(one - other)
    differ = np.minimum(gap, width - gap) > _SAME_FIELD
    if not differ.any():
        return np.zeros(pack.voxels, dtype=np.bool_)
    grid = np.zeros(int(np.prod(pack.cell_shape)), dtype=np.bool_)
    grid[pack.cells] = differ
    wide = ndimage.binary_dilation(grid.reshape(pack.cell_shape), np.ones((1, 3, 3)))
    return np.asarray(wide.ravel()[pack.cells][pack.cell], dtype=np.bool_)


def _refit(
    pack: EchoPack,
    plan: LagPlan,
    basis: NDArray[np.complex128],
    echo_times_s: NDArray[np.float64],
    options: _Options,
    coarse: F32,
    strength: float,
    where: NDArray[np.bool_],
    settings: SolverSettings,
    base: F32 | None = None,
) -> F32:
    """Fit the voxels ``where`` with one coarse solution; the others are taken from ``base`` (7, voxels)."""
    from steatoscope.science.quantify import mr_kernels_field as field

    if base is not None and not where.any():
        return base
    some = np.flatnonzero(where)
    place, value, bend = (item if base is None else item[some] for item in (options.place, options.value, options.bend))
    links = field.neighbours(pack.index[some], *pack.shape)
    unary = field.attract(place, value, bend, coarse[pack.cell[some]], settings.coarse_pull, plan.width)
    label = field.choose(place, unary, bend, *links, _scale(strength, plan, settings), settings.fine_passes)
    psi = place[np.arange(label.size), label] * np.float32(plan.unit_hz)
    if base is None:
        return refine_starts(pack, basis, echo_times_s, np.stack([psi, options.decay]), settings)
    start = base[5:7].copy()
    start[0, some], start[1, some] = psi, options.decay[some]
    fresh = refine_starts(pack, basis, echo_times_s, start, settings, np.unique(some // pack.real.shape[2]))
    result = base.copy()
    result[:, some] = fresh[:, some]
    return result


def refine_starts(
    pack: EchoPack,
    basis: NDArray[np.complex128],
    echo_times_s: NDArray[np.float64],
    start: F32,
    settings: SolverSettings,
    blocks: NDArray[np.intp] | None = None,
) -> F32:
    """Refine from ``start`` (2, voxels), field in Hz and R2* in 1/s, all blocks of voxels or those named.

    Returns (7, voxels): real and imaginary water, real and imaginary fat, residual, field, R2*; zero elsewhere.
    """
    from steatoscope.science.quantify import mr_kernels_refine as kernel

    count, _, lanes = pack.real.shape
    padded = np.zeros((2, count * lanes), dtype=np.float32)
    padded[:, : pack.voxels] = start
    parts = np.stack([basis.real, basis.imag]).astype(np.float32)
    times = echo_times_s.astype(np.float32)
    longest = _LONGEST_STEP / float(np.diff(echo_times_s).min())
    limits = np.asarray([longest, *settings.r2star_limits], dtype=np.float32)
    begin = padded.reshape(2, count, lanes)
    if blocks is None:
        maps = kernel.refine(pack.real, pack.imag, times, parts, begin, limits, settings.refine_steps)
    else:
        maps = np.zeros((count, 7, lanes), dtype=np.float32)
        real, imag, begin = pack.real[blocks], pack.imag[blocks], begin[:, blocks]
        maps[blocks] = kernel.refine(real, imag, times, parts, begin, limits, settings.refine_steps)
    return np.asarray(maps.transpose(1, 0, 2).reshape(7, -1)[:, : pack.voxels])


def _fraction(maps: F32) -> F32:
    water, fat = np.hypot(maps[0], maps[1]), np.hypot(maps[2], maps[3])
    return np.asarray(fat / np.maximum(water + fat, np.float32(1e-30)))


def _exchanged(one: F32, other: F32) -> NDArray[np.bool_]:
    """Voxels whose fat fractions differ by more than 50 points; only those with different fields are looked at."""
    result = np.zeros(one.shape[1], dtype=np.bool_)
    apart = np.flatnonzero(one[5] != other[5])
    result[apart] = np.abs(_fraction(one[:, apart]) - _fraction(other[:, apart])) > _EXCHANGED
    return result


def _scale(strength: float, plan: LagPlan, settings: SolverSettings) -> F32:
    return np.asarray([strength, settings.cap, plan.width, 1.0 / plan.width], dtype=np.float32)


def _options(pack: EchoPack, plan: LagPlan) -> _Options:
    from steatoscope.science.quantify import mr_kernels_grid as grid

    decays = np.asarray(plan.decays, dtype=np.float32)
    found = grid.candidates(pack.real, pack.imag, decays, plan.weights, plan.lag, plan.table, plan.width)
    place, value, bend, decay = (item[: pack.voxels] for item in found)
    return _Options(place, value, bend, decay)


def _coarse(pack: EchoPack, plan: LagPlan, settings: SolverSettings) -> list[F32]:
    """The field of each cell (cells,) in units of the plan, for each strength."""
    from steatoscope.science.quantify import mr_kernels_field as field
    from steatoscope.science.quantify import mr_kernels_grid as grid

    found = [grid.minima(pack.products @ table, plan.width) for table in plan.cell_table()]
    lowest = np.argmin([value[:, 0] for _, value, _ in found], axis=0)
    rows = np.arange(lowest.size)
    place, value, bend = (np.ascontiguousarray(np.stack([item[k] for item in found])[lowest, rows]) for k in range(3))
    links = field.neighbours(pack.cells, *pack.cell_shape)
    labels = [
        field.choose(place, value, bend, *links, _scale(strength, plan, settings), settings.coarse_passes)
        for strength in settings.strengths
    ]
    return [place[rows, label] for label in labels]
