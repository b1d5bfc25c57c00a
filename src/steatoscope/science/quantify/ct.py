"""CT: liver and spleen attenuation, L-S, L/S, the PDFF-equivalent fat fraction, and the checks on it.

Gates (contrast phase, tube voltage) are separate: what is measured here stays valid as HU where a gate refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from steatoscope.core.errors import QualityCode, SteatoscopeError
from steatoscope.core.image import CTFacts, Floats, Mask, Volume
from steatoscope.core.measurement import Interval, Measurement, Quality
from steatoscope.science.quantify.ct_equations import DEFAULT_EQUATION, EQUATIONS, FatEquivalent, fat_equivalent
from steatoscope.science.quantify.ct_quality import (
    acquisition_notes,
    no_volume_reason,
    noise_refusal,
    organ_notes,
    region_notes,
)
from steatoscope.science.quantify.ct_region import RegionHU, measure_region

_MAP_SIGMA_MM: Final = 4.0


@dataclass(frozen=True, eq=False)
class CTMeasurement:
    """What one CT gives: organ attenuations in HU, fat in percent, remarks, and a refusal for noise where due.

    ``liver_volume_ml`` is None where the liver is only partly covered or the slices are too few or too thick.
    """

    liver: RegionHU
    spleen: RegionHU | None
    fat: FatEquivalent
    liver_volume_ml: float | None
    notes: tuple[QualityCode, ...]
    refusal: SteatoscopeError | None

    @property
    def liver_minus_spleen(self) -> float | None:
        """L-S in HU."""
        return None if self.spleen is None else self.liver.median - self.spleen.median

    @property
    def liver_spleen_ratio(self) -> float | None:
        """L/S; None where the spleen is not clearly above 0 HU."""
        return None if self.spleen is None or self.spleen.median < 1.0 else self.liver.median / self.spleen.median


def measure_ct(
    volume: Volume,
    liver: Mask,
    spleen: Mask | None = None,
    *,
    facts: CTFacts | None = None,
    lesions: Mask | None = None,
    equation: str = DEFAULT_EQUATION,
    unenhanced: bool = True,
    kvp_known: bool = True,
    level: float = 0.9,
) -> CTMeasurement:
    """Measure a CT volume in HU with masks of its shape (slices, rows, columns).

    ``kvp_known`` False widens the interval by 3 points. ``unenhanced`` False leaves out the remarks on a dense liver or
    an unusual spleen, which mean something without contrast only; ``fat`` must not be reported then. Raises
    ``E_NOLIVER`` where the mask leaves too few voxels.
    """
    facts = facts or CTFacts()
    region = measure_region(volume, liver, lesions)
    if region is None:
        raise SteatoscopeError("E_NOLIVER", cause="The liver mask leaves too few voxels of plausible attenuation.")
    beside = None if spleen is None else measure_region(volume, spleen)
    partial = no_volume_reason(volume, liver, region, facts)
    return CTMeasurement(
        liver=region,
        spleen=beside,
        fat=fat_equivalent(region.median, region.se, equation=equation, level=level, kvp_known=kvp_known),
        liver_volume_ml=None if partial else float(liver.sum()) * volume.geometry.voxel_ml,
        notes=(
            *region_notes(region, partial),
            *organ_notes(region, beside, unenhanced),
            *acquisition_notes(volume, facts),
        ),
        refusal=noise_refusal(region),
    )


def measurements(result: CTMeasurement) -> tuple[Measurement, ...]:
    """The further values of a CT for the report, in HU, millilitres and ratios."""
    liver, spleen = result.liver, result.spleen
    quality: Quality = "poor" if result.refusal else "warn" if result.notes else "ok"
    margin = 1.645 * liver.se
    interval = Interval(liver.median - margin, liver.median + margin, 0.9)
    how = f"median after {liver.eroded_mm:g} mm erosion, vessels out"
    spleen_hu = None if spleen is None else spleen.median
    return (
        Measurement("liver_hu", liver.median, "HU", how, interval, quality),
        Measurement("liver_hu_mad", liver.mad, "HU", "median absolute deviation", None, quality),
        Measurement("liver_hu_q25", liver.iqr[0], "HU", "lower quartile", None, quality),
        Measurement("liver_hu_q75", liver.iqr[1], "HU", "upper quartile", None, quality),
        Measurement("noise", liver.noise, "HU", "1.4826 MAD in the eroded liver", None, quality),
        Measurement("spleen_hu", spleen_hu, "HU", "as liver", None, quality),
        Measurement("liver_minus_spleen_hu", result.liver_minus_spleen, "HU", "difference of medians", None, quality),
        Measurement("liver_spleen_ratio", result.liver_spleen_ratio, "1", "ratio of medians", None, quality),
        Measurement("heterogeneity", liver.heterogeneity, "HU", "range of octant medians", None, quality),
        Measurement("liver_volume", result.liver_volume_ml, "mL", "voxels of the whole mask", None, quality),
        Measurement("measured_volume", liver.used_ml, "mL", "voxels used", None, quality),
    )


def fat_map(volume: Volume, liver: Mask, *, equation: str = DEFAULT_EQUATION) -> Volume:
    """Local fat in percent: liver HU smoothed within the mask (Gaussian, SD 4 mm), by a named equation.

    Clamped to 0-100, NaN outside the mask. Voxels of vessels and clefts outside [-120, 150] HU do not contribute.
    """
    found = ndimage.find_objects(liver.astype(np.int8))
    fat = np.full(volume.data.shape, np.nan, dtype=np.float32)
    if found and found[0] is not None:
        box = found[0]
        fat[box] = _smooth_fat(volume.data[box], liver[box], volume.geometry.spacing, equation)
    return Volume(fat, volume.geometry, "percent")


def _smooth_fat(hu: Floats, liver: Mask, spacing: tuple[float, float, float], equation: str) -> Floats:
    sigma = [_MAP_SIGMA_MM / step for step in spacing]
    weight = (liver & (hu >= -120.0) & (hu <= 150.0)).astype(np.float32)
    total = ndimage.gaussian_filter(weight, sigma, mode="constant")
    mean = ndimage.gaussian_filter(np.where(weight > 0, hu, 0.0).astype(np.float32), sigma, mode="constant")
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = mean / total
    fat = np.clip(EQUATIONS[equation].slope * mean + EQUATIONS[equation].intercept, 0.0, 100.0)
    return np.where(liver & (total > 1e-3), fat, np.nan).astype(np.float32)
