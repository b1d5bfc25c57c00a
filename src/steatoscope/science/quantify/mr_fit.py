"""The fit of water, fat, R2* and field to multi-echo MR: from an echo train to maps."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import EchoTrain, Mask
from steatoscope.science.quantify.mr_bipolar import refine_turn
from steatoscope.science.quantify.mr_fieldmap import SolverSettings, VoxelMaps, solve_field
from steatoscope.science.quantify.mr_fraction import fat_fraction
from steatoscope.science.quantify.mr_guards import SWAP_DISPUTED_SHARE, echo_time_code, rounding_warning
from steatoscope.science.quantify.mr_lag import LagPlan, lag_plan
from steatoscope.science.quantify.mr_magnitude import fit_magnitude
from steatoscope.science.quantify.mr_maps import FatWaterFit, on_grid
from steatoscope.science.quantify.mr_mixed import without_first_phase
from steatoscope.science.quantify.mr_model import DEFAULT_SPECTRUM, fat_basis
from steatoscope.science.quantify.mr_noise import noise_from_background, noise_from_residual
from steatoscope.science.quantify.mr_pack import EchoPack, conjugated, foreground, pack_echoes, with_turned_echoes
from steatoscope.science.quantify.mr_readout import ReadoutFit, examine_readout, turn_of_voxels

FitMethod = Literal["complex", "mixed"]
_FEW_DECAYS = (40.0,)
_MANY_DECAYS = (40.0, 110.0, 300.0)
_MANY_ECHOES = 6
_CLEAR_SIGN = 1.1
_MIXED_ECHOES = 4
_FIT_PARAMETERS = 6
_BACKGROUND_STRIDE = 6
_RESIDUAL_STRIDE = 8


def fit_fat_water(
    train: EchoTrain,
    *,
    mask: Mask | None = None,
    spectrum: str = DEFAULT_SPECTRUM,
    method: FitMethod = "complex",
    settings: SolverSettings | None = None,
) -> FatWaterFit:
    """Water, fat, R2* and field of every voxel of ``mask`` (by default the foreground).

    Phase sign and bipolar readout are found from the data. ``method`` "mixed" leaves out the phase of the first echo
    (Hernando, MRM 2012). A train of kind "magnitude" is fitted from two starts (Triay Bagur, MRM 2019). Raises
    SteatoscopeError ``E_TE`` where echo times or field strength do not allow a fit, ``E_EMPTY`` where no voxel is left.
    """
    code = echo_time_code(train.echo_times_s, train.field_strength_t, spectrum)
    if code is not None:
        raise SteatoscopeError(code)
    if method == "mixed" and train.echo_times_s.size < _MIXED_ECHOES:
        raise SteatoscopeError("E_TE", cause="A mixed fit needs at least four echoes.")
    chosen = foreground(train) if mask is None else mask
    if train.kind == "magnitude":
        return fit_magnitude(train, _finite(train, chosen), spectrum)
    if not chosen.any():
        raise SteatoscopeError("E_EMPTY", cause="No voxel lies in the mask or above the background.")
    pack = pack_echoes(train, chosen)
    if not np.isfinite(pack.products).all():
        chosen = _finite(train, chosen)
        pack = pack_echoes(train, chosen)
    return _fit_complex(train, chosen, pack, spectrum, method, settings or SolverSettings())


def _finite(train: EchoTrain, mask: Mask) -> Mask:
    result = np.asarray(mask & np.isfinite(train.data).all(axis=0), dtype=np.bool_)
    if not result.any():
        raise SteatoscopeError("E_EMPTY", cause="No voxel with a finite signal lies in the mask.")
    return result


def _fit_complex(
    train: EchoTrain, mask: Mask, pack: EchoPack, spectrum: str, method: FitMethod, settings: SolverSettings
) -> FatWaterFit:
    times = train.echo_times_s
    basis = fat_basis(times, train.field_strength_t, spectrum)
    decays = _MANY_DECAYS if times.size >= _MANY_ECHOES else _FEW_DECAYS
    plan = lag_plan(basis, times, train.field_strength_t, decays)
    options = _readouts(pack, plan, times)
    tried = [(sign, found, _solve(data, found, plan, basis, times, settings)) for sign, data, found in options]
    sign, found, (data, maps) = min(tried, key=lambda item: item[2][1].relative)
    if method == "mixed":
        maps = without_first_phase(data, maps, basis, times, settings)
    return _assemble(train, mask, data, maps, sign, found, f"{method} {spectrum}", spectrum)


def _readouts(
    pack: EchoPack, plan: LagPlan, times: NDArray[np.float64]
) -> list[tuple[Literal[-1, 1], EchoPack, ReadoutFit]]:
    """The readings of the data worth a full fit: one where the sign is clear at the scale of cells, else both."""
    turned = conjugated(pack)
    one, other = examine_readout(pack, plan, times), examine_readout(turned, plan, times)
    as_is: tuple[Literal[-1, 1], EchoPack, ReadoutFit] = (1, pack, one)
    flipped: tuple[Literal[-1, 1], EchoPack, ReadoutFit] = (-1, turned, other)
    if other.best > _CLEAR_SIGN * one.best:
        return [as_is]
    return [flipped] if one.best > _CLEAR_SIGN * other.best else [as_is, flipped]


def _solve(
    pack: EchoPack,
    found: ReadoutFit,
    plan: LagPlan,
    basis: NDArray[np.complex128],
    times: NDArray[np.float64],
    settings: SolverSettings,
) -> tuple[EchoPack, VoxelMaps]:
    if not found.bipolar:
        return pack, solve_field(pack, plan, basis, times, settings)
    turned = with_turned_echoes(pack, turn_of_voxels(pack, found.turn_rad))
    maps = solve_field(turned, plan, basis, times, settings)
    return refine_turn(turned, maps, basis, times, settings)


def _noise_sd(train: EchoTrain, mask: Mask, residual: NDArray[np.float32]) -> float | None:
    """The lower of the estimates from the residual, which misfit raises, and from the background, if it is there."""
    thin = (slice(None), slice(None, None, _BACKGROUND_STRIDE))
    inside = mask[thin]
    last = np.abs(train.data[-1][thin])
    dark = ~inside & (last < 0.5 * np.median(last[inside])) if inside.any() else ~inside
    estimates = (
        noise_from_residual(residual[::_RESIDUAL_STRIDE], train.echo_times_s.size, _FIT_PARAMETERS, 2),
        noise_from_background(last[dark]),
    )
    return min((value for value in estimates if value is not None), default=None)


def _notes(times: NDArray[np.float64], sign: int, bipolar: bool, maps: VoxelMaps) -> tuple[QualityCode, ...]:
    """Remarks on the fit; disputed voxels count by their signal, as noise at the edges disputes easily."""
    power = float(maps.power.sum(dtype=np.float64))
    disputed = float(maps.power[maps.disputed].sum(dtype=np.float64)) / max(power, 1e-30)
    notes = [
        warning("W_SIGN") if sign < 0 else None,
        warning("W_BIPOLAR") if bipolar else None,
        warning("W_SWAP") if disputed > SWAP_DISPUTED_SHARE else None,
        rounding_warning(times),
    ]
    return tuple(note for note in notes if note is not None)


def _assemble(
    train: EchoTrain,
    mask: Mask,
    pack: EchoPack,
    maps: VoxelMaps,
    sign: Literal[-1, 1],
    found: ReadoutFit,
    method: str,
    spectrum: str,
) -> FatWaterFit:
    fraction, phase, discriminated = fat_fraction(maps.water, maps.fat)
    place = partial(on_grid, mask=mask, index=pack.index)
    misfit = np.sqrt(maps.residual / np.maximum(maps.power, np.float32(1e-30))).astype(np.float32)
    how = "magnitude discrimination" if discriminated else "magnitudes"
    return FatWaterFit(
        water=place(maps.water),
        fat=place(maps.fat),
        r2star=place(maps.r2star),
        field_hz=place(maps.field_hz * np.float32(sign)),
        residual=place(misfit),
        pdff=place(fraction, outside=np.nan),
        mask=mask,
        phase_sign=sign,
        bipolar=found.bipolar,
        bipolar_turn_rad=found.mean_turn_rad if found.bipolar else 0.0,
        method=f"{method}, {how}",
        spectrum=spectrum,
        w_f_phase_deg=phase,
        relative_residual=maps.relative,
        strength=maps.strength,
        disputed=place(maps.disputed),
        noise_sd=_noise_sd(train, mask, maps.residual),
        echo_times_s=train.echo_times_s,
        field_strength_t=train.field_strength_t,
        notes=_notes(train.echo_times_s, sign, found.bipolar, maps),
    )
