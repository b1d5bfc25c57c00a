"""Quality of a CT for fat quantification: remarks, why no volume is given, and the refusal of noisy scans.

Limits after the practice of automated liver attenuation (Graffy, Radiology 2019) and the project's own rules.
"""

from __future__ import annotations

import re
from typing import Final

from steatoscope.core.errors import QualityCode, SteatoscopeError, warning
from steatoscope.core.image import CTFacts, Mask, Volume
from steatoscope.imaging.preprocess.ct import calibration
from steatoscope.science.quantify.coverage import in_view
from steatoscope.science.quantify.ct_region import RegionHU

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
_SHARP_WORDS: Final = re.compile(r"LUNG|BONE|EDGE|SHARP", re.IGNORECASE)
_SIEMENS_KERNEL: Final = re.compile(r"\b[A-Z][a-z]?(\d\d)[a-z]?", re.IGNORECASE)
_TOSHIBA_KERNEL: Final = re.compile(r"\bFC(\d\d)", re.IGNORECASE)


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


def no_volume_reason(volume: Volume, liver: Mask, region: RegionHU, facts: CTFacts) -> str:
    """Why there is no liver volume, in words; empty where there is one."""
    areas = liver.sum(axis=(1, 2))
    if volume.data.shape[0] < FEWEST_SLICES:
        return f"Only {volume.data.shape[0]} slice(s). {in_view(liver, volume.geometry)}".strip()
    if not volume.geometry.known:
        return "The spacing is unknown."
    if region.eroded_ml < FULL_VOLUME_ML:
        return f"{region.eroded_ml:.0f} ml of liver after erosion. {in_view(liver, volume.geometry)}".strip()
    if max(areas[0], areas[-1]) > _CUT_SHARE * areas.max():
        return f"The liver reaches the first or last slice. {in_view(liver, volume.geometry)}".strip()
    if _thickness(volume, facts) > THICKEST_SLICE_MM:
        return "Slices thicker than 10 mm."
    return ""


def _thickness(volume: Volume, facts: CTFacts) -> float:
    return max(facts.slice_thickness_mm or 0.0, volume.geometry.spacing[0] if volume.geometry.known else 0.0)


def region_notes(liver: RegionHU, partial: str) -> list[QualityCode]:
    """Remarks on coverage (``partial``, in words) and on noise."""
    notes = []
    if partial:
        notes.append(warning("W_PARTIAL", partial))
    if liver.noise > NOISE_WARN_HU:
        notes.append(warning("W_NOISE", f"{liver.noise:.0f} HU in the liver."))
    return notes


def organ_notes(liver: RegionHU, spleen: RegionHU | None, unenhanced: bool) -> list[QualityCode]:
    """Remarks on an unusual spleen or a dense liver; none on an enhanced scan, where both are usual."""
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


def acquisition_notes(volume: Volume, facts: CTFacts) -> list[QualityCode]:
    """Remarks on the HU scale, the reconstruction kernel and the slice thickness."""
    notes = []
    if faults := calibration(volume).faults:
        notes.append(warning("W_CALIBRATION", "; ".join(faults) + "."))
    if sharp_kernel(facts.kernel):
        notes.append(warning("W_KERNEL", f"{facts.kernel}."))
    thickness = _thickness(volume, facts)
    if volume.data.shape[0] >= FEWEST_SLICES and THICK_SLICE_MM < thickness <= THICKEST_SLICE_MM:
        notes.append(warning("W_THICK", f"{thickness:g} mm."))
    return notes


def noise_refusal(liver: RegionHU) -> SteatoscopeError | None:
    """``E_NOISE`` where 1.4826 MAD in the liver exceeds 40 HU."""
    if liver.noise <= NOISE_REFUSE_HU:
        return None
    return SteatoscopeError("E_NOISE", cause=f"The noise in the liver is {liver.noise:.0f} HU (limit 40).")
