"""How grey falls with depth in B-mode, and the attenuation coefficient where the machine settings are known.

In homogeneous liver the level falls by ``2 f (alpha - alpha_tgc)`` dB/cm and a dB is ``255 / DR`` grey levels, so
``alpha = alpha_tgc - slope DR / (255 * 2 f)`` with the slope in grey/cm (clinical reference, 4.2). Clinical pictures
never state the time gain; without it the slope is a relative number of one machine preset.

The slope is shared by all beams, each with its own offset (uneven contact, shadows), and is fitted robustly to means
over small cells. Vessels attenuate little, so liver behind them looks brighter: dark vessels are found as what lies far
below a first fit, and the length of vessel that a beam has crossed joins the fit as a second variable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask
from steatoscope.core.measurement import Interval, Measurement
from steatoscope.imaging.preprocess.us_polar import PolarGrid, to_polar
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.science.quantify.us_depth_fit import DepthSlope, fit_depth

METHOD: Final = "robust slope of grey against depth along the beams, common to all beams"
_BEAMS: Final = 126
_NEAR_SHARE, _FAR_SHARE = 0.22, 0.72
_CAPSULE_CM, _FAR_MARGIN_CM = 1.0, 0.7
# SD over simulated people of what beams have in common (vessels, texture, haze), in dB/cm/MHz.
_MODEL_ERROR: Final = 0.012
_Z95: Final = 1.959964


@dataclass(frozen=True, slots=True)
class MachineSettings:
    """What must be known of a scanner to turn a slope into attenuation: MHz, dB, and the time gain in dB/cm/MHz."""

    frequency_mhz: float
    dynamic_range_db: float
    tgc_db_cm_mhz: float


def depth_slope(
    frame: NDArray[np.uint8], sector: Sector, tissue: Mask, pixel_mm: tuple[float, float] | None = None
) -> DepthSlope | None:
    """The slope of grey against depth of a frame (rows, columns) over the pixels of ``tissue``.

    A ``tissue`` that is (nearly) the whole sector holds body wall above and other organs below the liver: then only
    22-72 % of the depth counts. A delineated liver is trimmed by 1 cm near the probe and 0.7 cm at its far side,
    which needs the scale; without one, by 6 and 4 % of the depth. None where too little is left to fit.
    """
    polar = PolarGrid.of(sector, max(2, round(sector.outer_radius - sector.inner_radius)), _BEAMS)
    grey, _ = to_polar(frame, polar)
    cover, _ = to_polar(tissue.astype(np.float32), polar)
    whole = float((tissue & sector.mask).sum()) > 0.8 * float(sector.mask.sum())
    valid = np.asarray(cover > 0.99)
    valid = _middle(valid) if whole else _trimmed(valid, _margins(polar.depths, pixel_mm))
    return fit_depth(np.asarray(grey, dtype=np.float64), valid)


def attenuation_coefficient(slope_grey_cm: float, machine: MachineSettings) -> float:
    """Attenuation in dB/cm/MHz from a slope in grey/cm and the machine's settings."""
    per_cm = slope_grey_cm * machine.dynamic_range_db / 255.0
    return machine.tgc_db_cm_mhz - per_cm / (2.0 * machine.frequency_mhz)


def measure_attenuation(
    frames: NDArray[np.uint8],
    sector: Sector,
    tissue: Mask,
    pixel_mm: tuple[float, float] | None,
    machine: MachineSettings | None = None,
) -> Measurement:
    """Attenuation (``dB/cm/MHz``) where the machine and the scale are known, else the slope in grey/cm or grey/px.

    The median over frames (n, rows, columns), with the 95 % interval of the middle frame's fit: the spread over beams
    and, for the coefficient, the error of the model on phantoms. Value None where no frame can be fitted.
    """
    found = [depth_slope(frame, sector, tissue, pixel_mm) for frame in frames]
    slopes = sorted((slope for slope in found if slope is not None), key=lambda slope: slope.grey_per_px)
    name = "attenuation_slope" if machine is None or pixel_mm is None else "attenuation_coefficient"
    scale = 1.0 if pixel_mm is None else 10.0 / float(np.mean(pixel_mm))
    unit = "grey/px" if pixel_mm is None else "grey/cm" if machine is None else "dB/cm/MHz"
    if not slopes:
        return Measurement(name, None, unit, METHOD, None, "poor")
    typical = slopes[len(slopes) // 2]
    value = float(np.median([slope.grey_per_px for slope in slopes])) * scale
    half = typical.half_width() * scale
    if name == "attenuation_coefficient" and machine is not None:
        half *= machine.dynamic_range_db / (255.0 * 2.0 * machine.frequency_mhz)
        half = float(np.hypot(half, _Z95 * _MODEL_ERROR))
        value = attenuation_coefficient(value, machine)
    return Measurement(name, value, unit, METHOD, Interval(value - half, value + half, 0.95), typical.quality)


def _margins(depths: int, pixel_mm: tuple[float, float] | None) -> tuple[int, int]:
    if pixel_mm is None:
        return round(0.06 * depths), round(0.04 * depths)
    per_cm = 10.0 / float(np.mean(pixel_mm))
    return round(_CAPSULE_CM * per_cm), round(_FAR_MARGIN_CM * per_cm)


def _middle(valid: Mask) -> Mask:
    kept = np.zeros_like(valid)
    rows = slice(round(_NEAR_SHARE * valid.shape[0]), round(_FAR_SHARE * valid.shape[0]))
    kept[rows] = valid[rows]
    return kept


def _trimmed(valid: Mask, margins: tuple[int, int]) -> Mask:
    """Beams (depths, angles) without the first and last rows of tissue of each."""
    rows = np.arange(valid.shape[0])[:, None]
    first = np.where(valid.any(axis=0), valid.argmax(axis=0), valid.shape[0])
    last = valid.shape[0] - 1 - valid[::-1].argmax(axis=0)
    return np.asarray(valid & (rows >= first + margins[0]) & (rows <= last - margins[1]))
