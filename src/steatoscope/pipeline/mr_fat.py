"""Where an MR study's fat comes from: a multi-echo fit, a vendor's map, or a two-point Dixon estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import EchoTrain, Floats, Mask, MRFacts, MRScan, Volume
from steatoscope.core.measurement import Interval, Measurement
from steatoscope.core.report import FatScale
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.science.clinical.scales import pdff_equivalent_of
from steatoscope.science.quantify.mr_dixon import dixon_echoes, three_point_fraction, two_point_fraction
from steatoscope.science.quantify.mr_fit import fit_fat_water
from steatoscope.science.quantify.mr_maps import FatWaterFit
from steatoscope.science.quantify.mr_roi import (
    REPEATABILITY,
    REPEATABILITY_POINTS,
    SLOPE_ERROR,
    SPECTROSCOPY,
    LiverFat,
    liver_fat_fraction,
)
from steatoscope.science.quantify.mr_t1 import corrected_fraction, t1_bias
from steatoscope.science.uncertainty.budget import ErrorBudget, ErrorSource

STATISTICS: Final = "sum against median of voxels"
T1_CORRECTION: Final = "half of the T1 correction"
DIXON: Final = "two-point Dixon against PDFF"
DIXON_SD_POINTS: Final = 2.4
DIXON_BUDGET: Final = ErrorBudget((ErrorSource(DIXON, DIXON_SD_POINTS),))
T1_WARN: Final = 1.10
T1_STRONG: Final = 1.30
_FEWEST_FOR_FIT: Final = {"complex": 3, "magnitude": 4}


@dataclass(frozen=True, eq=False)
class FatSource:
    """A fat map in percent (NaN where undefined) in the grid of the scan, with what made it.

    ``fit`` is set for multi-echo fits; ``r2star`` (1/s) where the source knows it.
    """

    percent: Floats
    scale: FatScale
    method: str
    fit: FatWaterFit | None = None
    r2star: Floats | None = None
    notes: tuple[QualityCode, ...] = ()


@dataclass(frozen=True, slots=True)
class LiverReading:
    """The liver's fat estimate, further values, remarks, and the refusal where there is one.

    Where T1 bias was corrected, ``uncorrected_percent`` is the value before and ``t1_factor`` the bias.
    """

    estimate: FatEstimate
    measurements: tuple[Measurement, ...]
    notes: tuple[QualityCode, ...]
    refusal: SteatoscopeError | None
    uncorrected_percent: float | None = None
    t1_factor: float = 1.0


def fat_source(scan: MRScan, spectrum: str) -> FatSource:
    """The fat map of a scan; raises ``E_TE`` where its echoes allow none."""
    if scan.pdff is not None:
        r2star = None if scan.r2star is None else scan.r2star.data
        return FatSource(scan.pdff.data, "pdff", "vendor PDFF map", r2star=r2star)
    if scan.echoes is None:
        raise SteatoscopeError("E_TE", cause="The series has one echo or none that can be told apart.")
    if scan.echoes.echo_times_s.size < _FEWEST_FOR_FIT[scan.echoes.kind]:
        return _dixon(scan.echoes)
    fit = fit_fat_water(scan.echoes, spectrum=spectrum)
    shown = np.clip(fit.pdff, 0.0, 100.0).astype(np.float32)
    return FatSource(shown, "pdff", fit.method, fit=fit, r2star=_inside(fit.r2star, fit.mask), notes=fit.notes)


def _inside(values: Floats, mask: Mask) -> Floats:
    return np.where(mask, values, np.nan).astype(np.float32)


def _dixon(train: EchoTrain) -> FatSource:
    """Signal fat fraction of two echoes (three where a second in-phase echo exists)."""
    pair = dixon_echoes(train.echo_times_s, train.field_strength_t)
    if pair is None:
        raise SteatoscopeError("E_TE", cause="Too few echoes for a fit, and none in phase and opposed phase.")
    size = np.abs(train.data)
    if pair.second_in_phase is None:
        percent, r2star = two_point_fraction(size[pair.in_phase], size[pair.opposed]), None
    else:
        times = tuple(float(train.echo_times_s[k]) for k in (pair.in_phase, pair.opposed, pair.second_in_phase))
        percent, r2star = three_point_fraction(
            size[pair.in_phase], size[pair.opposed], size[pair.second_in_phase], (times[0], times[1], times[2])
        )
    decay = None if r2star is None else r2star.astype(np.float32)
    return FatSource(
        percent.astype(np.float32), "dixon_sff", "Dixon signal fat fraction", r2star=decay, notes=(warning("W_DIXON"),)
    )


def read_liver(source: FatSource, liver: Mask, facts: MRFacts, level: float, seed: int) -> LiverReading:
    """The fat of the eroded liver mask with its interval at ``level``.

    Raises ``E_NOLIVER`` where no voxel of the mask has a fat value.
    """
    if not (liver & np.isfinite(source.percent)).any():
        raise SteatoscopeError("E_NOLIVER", cause="No voxel of the liver mask has a fat value.")
    if source.fit is not None:
        return _from_fit(source.fit, liver, facts, level, seed)
    return _from_map(source, liver, level)


def _from_fit(fit: FatWaterFit, liver: Mask, facts: MRFacts, level: float, seed: int) -> LiverReading:
    try:
        read = liver_fat_fraction(fit, liver, seed=seed)
    except ValueError as fault:
        raise SteatoscopeError("E_NOLIVER", cause="No fitted voxel lies in the liver mask.") from fault
    factor, t1_notes = _t1_factor(facts, fit.field_strength_t)
    value = corrected_fraction(read.value_percent, factor) if t1_notes else read.value_percent
    budget = read.budget.with_sources(
        [
            ErrorSource(STATISTICS, 0.5 * abs(read.value_percent - read.median_percent)),
            ErrorSource(T1_CORRECTION, 0.5 * abs(value - read.value_percent)),
        ]
    )
    notes = tuple(warning(code) for code in read.codes if code.startswith("W_"))
    refusal = SteatoscopeError(read.refusal) if read.refusal else None
    estimate = _estimate(
        value, budget, "pdff", f"{fit.method}{', T1-corrected' if t1_notes else ''}", read.statistic, level
    )
    before = read.value_percent if t1_notes else None
    return LiverReading(estimate, _fit_values(read), (*notes, *t1_notes), refusal, before, factor)


def _t1_factor(facts: MRFacts, field_t: float) -> tuple[float, tuple[QualityCode, ...]]:
    """The T1 bias and its remark where repetition time and flip angle are known and it exceeds 10 %; else 1."""
    if facts.repetition_time_ms is None or facts.flip_angle_deg is None:
        return 1.0, ()
    if facts.repetition_time_ms <= 0.0 or not 0.0 < facts.flip_angle_deg <= 90.0:
        return 1.0, ()
    factor = t1_bias(facts.repetition_time_ms, facts.flip_angle_deg, field_t).factor
    if factor <= T1_WARN:
        return 1.0, ()
    strong = " Strong bias: normal and mild cannot be told apart." if factor > T1_STRONG else ""
    detail = f"TR {facts.repetition_time_ms:g} ms, flip {facts.flip_angle_deg:g} deg, factor {factor:.2f}.{strong}"
    return factor, (warning("W_T1", detail),)


def _fit_values(read: LiverFat) -> tuple[Measurement, ...]:
    quality = "poor" if read.refusal else ("warn" if read.codes else "ok")
    low, high = read.iqr_percent
    values = (
        ("liver_pdff_median", None if read.refusal else read.median_percent, "%", "median of voxels"),
        ("heterogeneity", None if read.refusal else high - low, "%", "interquartile range of voxels"),
        ("r2star", read.r2star, "1/s", "median of the eroded liver"),
        ("liver_iron", read.iron_mg_g, "mg/g", f"from R2* (Hernando 2023); class {read.iron}"),
        ("first_echo_snr", read.first_echo_snr, "1", "first echo in the liver"),
        ("disputed_share", read.disputed_share, "1", "voxels that a nearly as good solution exchanges"),
        ("measured_voxels", float(read.voxels), "1", "voxels used"),
    )
    return tuple(Measurement(name, value, unit, how, None, quality) for name, value, unit, how in values)  # type: ignore[arg-type]


def _from_map(source: FatSource, liver: Mask, level: float) -> LiverReading:
    values = source.percent[liver]
    values = values[np.isfinite(values)].astype(np.float64)
    value = float(np.median(values))
    low, high = (float(q) for q in np.percentile(values, [25, 75]))
    dixon = source.scale == "dixon_sff"
    budget = DIXON_BUDGET if dixon else _map_budget(value)
    refusal = None
    if dixon and value < -2.0 * DIXON_SD_POINTS:
        refusal = SteatoscopeError("E_IRON", cause="The two-point estimate is negative: R2* outweighs the fat.")
    measurements = [Measurement("heterogeneity", high - low, "%", "interquartile range of voxels")]
    if source.r2star is not None:
        rate = source.r2star[liver]
        rate = rate[np.isfinite(rate)]
        measurements.append(Measurement("r2star", float(np.median(rate)) if rate.size else None, "1/s", "median"))
    estimate = _estimate(value, budget, source.scale, source.method, "median over the eroded liver", level)
    return LiverReading(estimate, tuple(measurements), (), refusal)


def _map_budget(value: float) -> ErrorBudget:
    """Errors of a vendor's PDFF map, whose fit and noise are not known."""
    return ErrorBudget(
        (ErrorSource(REPEATABILITY, REPEATABILITY_POINTS), ErrorSource(SPECTROSCOPY, SLOPE_ERROR * abs(value)))
    )


def _estimate(
    value: float, budget: ErrorBudget, scale: FatScale, method: str, statistic: str, level: float
) -> FatEstimate:
    half = budget.half_width(level)
    shown = min(max(value, 0.0), 100.0)
    low, high = min(max(value - half, 0.0), shown), max(min(value + half, 100.0), shown)
    return FatEstimate(
        value_percent=shown,
        scale=scale,
        low=low,
        high=high,
        level=level,
        sd=budget.sd,
        method=method,
        statistic=statistic,
        budget=budget,
        pdff_equivalent=pdff_equivalent_of(scale, shown, Interval(low, high, level)),
    )


def percent_volume(source: FatSource, scan: MRScan) -> Volume:
    """The fat map as a volume in percent."""
    return Volume(source.percent, scan.anatomy.geometry, "percent")
