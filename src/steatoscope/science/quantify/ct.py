"""CT: liver and spleen attenuation, L-S, L/S, the PDFF-equivalent fat fraction, and the checks on it.

Gates (contrast phase, tube voltage) are separate: what is measured here stays valid as HU where a gate refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import CTFacts, Floats, Mask, Volume
from steatoscope.core.measurement import Interval, Measurement, Quality
from steatoscope.imaging.preprocess.ct import calibration
from steatoscope.science.quantify.ct_equations import DEFAULT_EQUATION, EQUATIONS, FatEquivalent, fat_equivalent
from steatoscope.science.quantify.ct_region import RegionHU, measure_region

NOISE_WARN_HU: Final = 25.0
NOISE_REFUSE_HU: Final = 40.0
FULL_VOLUME_ML: Final = 200.0
SPLEEN_LIMITS_HU: Final = (35.0, 60.0)
ZERO_FAT_ABOVE_HU: Final = 70.0
DENSE_LIVER_HU: Final = 75.0
THICK_SLICE_MM: Final = 5.0
THICKEST_SLICE_MM: Final = 10.0
FEWEST_SLICES: Final = 5
_CUT_SHARE: Final = 0.05
_MAP_SIGMA_MM: Final = 4.0
_SHARP_WORDS: Final = re.compile(r"LUNG|BONE|EDGE|SHARP", re.IGNORECASE)
_SIEMENS_KERNEL: Final = re.compile(r"\b[A-Z][a-z]?(\d\d)[a-z]?", re.IGNORECASE)
_TOSHIBA_KERNEL: Final = re.compile(r"\bFC(\d\d)", re.IGNORECASE)


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
    partial = _partial(volume, liver, region, facts)
    return CTMeasurement(
        liver=region,
        spleen=beside,
        fat=fat_equivalent(region.median, region.se, equation=equation, level=level, kvp_known=kvp_known),
        liver_volume_ml=None if partial else float(liver.sum()) * volume.geometry.voxel_ml,
        notes=(*_notes(region, partial), *_organ_notes(region, beside, unenhanced), *_acquisition_notes(volume, facts)),
        refusal=_noise_refusal(region),
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


def sharp_kernel(kernel: str | None) -> bool:
    """Whether a kernel's name means lung, bone or edges (Siemens from 60, Canon FC30 to FC35 and from FC50)."""
    if not kernel:
        return False
    if match := _TOSHIBA_KERNEL.search(kernel):
        number = int(match.group(1))
        return number >= 50 or 30 <= number < 36
    if _SHARP_WORDS.search(kernel):
        return True
    match = _SIEMENS_KERNEL.search(kernel)
    return match is not None and int(match.group(1)) >= 60


def _partial(volume: Volume, liver: Mask, region: RegionHU, facts: CTFacts) -> str:
    """Why there is no liver volume, in words; empty where there is one."""
    areas = liver.sum(axis=(1, 2))
    if volume.data.shape[0] < FEWEST_SLICES:
        return f"Only {volume.data.shape[0]} slice(s)."
    if not volume.geometry.known:
        return "The spacing is unknown."
    if region.eroded_ml < FULL_VOLUME_ML:
        return f"{region.eroded_ml:.0f} ml of liver after erosion."
    if max(areas[0], areas[-1]) > _CUT_SHARE * areas.max():
        return "The liver reaches the first or last slice."
    if _thickness(volume, facts) > THICKEST_SLICE_MM:
        return "Slices thicker than 10 mm."
    return ""


def _thickness(volume: Volume, facts: CTFacts) -> float:
    return max(facts.slice_thickness_mm or 0.0, volume.geometry.spacing[0] if volume.geometry.known else 0.0)


def _notes(liver: RegionHU, partial: str) -> list[QualityCode]:
    notes = []
    if partial:
        notes.append(warning("W_PARTIAL", partial))
    if liver.noise > NOISE_WARN_HU:
        notes.append(warning("W_NOISE", f"{liver.noise:.0f} HU in the liver."))
    return notes


def _organ_notes(liver: RegionHU, spleen: RegionHU | None, unenhanced: bool) -> list[QualityCode]:
    if not unenhanced:
        return []
    notes = []
    if spleen is None:
        notes.append(warning("W_SPLEEN", "Not found or too small."))
    elif not SPLEEN_LIMITS_HU[0] <= spleen.median <= SPLEEN_LIMITS_HU[1]:
        notes.append(warning("W_SPLEEN", f"{spleen.median:.0f} HU (unenhanced 35 to 60)."))
    if liver.median > ZERO_FAT_ABOVE_HU:
        notes.append(warning("W_CONFOUNDER", _dense_words(liver.median)))
    return notes


def _dense_words(hu: float) -> str:
    if hu > DENSE_LIVER_HU:
        return f"High attenuation ({hu:.0f} HU): iron, amiodarone, glycogen or copper may hide fat."
    return f"High attenuation ({hu:.0f} HU): 0 % is the least that the equation can say."


def _acquisition_notes(volume: Volume, facts: CTFacts) -> list[QualityCode]:
    notes = []
    if faults := calibration(volume).faults:
        notes.append(warning("W_CALIBRATION", "; ".join(faults) + "."))
    if sharp_kernel(facts.kernel):
        notes.append(warning("W_KERNEL", f"{facts.kernel}."))
    thickness = _thickness(volume, facts)
    if volume.data.shape[0] >= FEWEST_SLICES and THICK_SLICE_MM < thickness <= THICKEST_SLICE_MM:
        notes.append(warning("W_THICK", f"{thickness:g} mm."))
    return notes


def _noise_refusal(liver: RegionHU) -> SteatoscopeError | None:
    if liver.noise <= NOISE_REFUSE_HU:
        return None
    return SteatoscopeError("E_NOISE", cause=f"The noise in the liver is {liver.noise:.0f} HU (limit 40).")
