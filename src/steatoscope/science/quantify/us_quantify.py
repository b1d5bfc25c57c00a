"""The ultrasound measurements of a report: depth slope, speckle, texture and brightness, median over frames."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from steatoscope.core.image import Mask
from steatoscope.core.measurement import Measurement, Quality
from steatoscope.imaging.preprocess.us_sector import Sector
from steatoscope.science.quantify.us_attenuation import MachineSettings, measure_attenuation
from steatoscope.science.quantify.us_speckle import ASSUMED_DYNAMIC_RANGE_DB, speckle_statistics
from steatoscope.science.quantify.us_texture import CooccurrenceFeatures, local_entropy, patch_texture

_BAND: Final = (0.2, 0.75)
_SIDE_SHARE: Final = 0.1
_LEAST_SIDE: Final = 16
_MOST_FRAMES: Final = 6
_COOCCURRENCE: Final = (
    "co-occurrence at 32 levels, 1, 2 and 4 px, four angles; median over patches in 20-75 % of the depth"
)


def measure_us(
    frames: NDArray[np.uint8],
    sector: Sector,
    tissue: Mask,
    pixel_mm: tuple[float, float] | None,
    machine: MachineSettings | None = None,
) -> tuple[Measurement, ...]:
    """Measurements of B-mode frames (n, rows, columns) over the pixels of ``tissue`` (rows, columns).

    Each is a median over at most six frames spread over the clip; values are None where the tissue is too small.
    Grey levels, speckle and texture depend on the machine's preset. The same pixels always give the same values.
    """
    count = frames.shape[0]
    chosen = frames[np.unique(np.linspace(0, count - 1, min(count, _MOST_FRAMES)).round().astype(int))]
    middle = tissue & _band(sector)
    side = max(_LEAST_SIDE, round(_SIDE_SHARE * (sector.outer_radius - sector.inner_radius)))
    return (
        measure_attenuation(chosen, sector, tissue, pixel_mm, machine),
        _brightness(chosen, middle),
        *_speckle(chosen, middle, side),
        *_texture(chosen, middle, side),
    )


def _band(sector: Sector) -> Mask:
    """Depths without the body wall and the far end."""
    radius, _ = sector.polar()
    share = (radius - sector.inner_radius) / max(sector.outer_radius - sector.inner_radius, 1.0)
    return np.asarray((share >= _BAND[0]) & (share <= _BAND[1]))


def _brightness(frames: NDArray[np.uint8], mask: Mask) -> Measurement:
    values = [float(frame[mask].mean()) for frame in frames] if mask.any() else []
    return _one("mean_grey", values, "grey", "mean grey of tissue in 20-75 % of the depth")


def _speckle(frames: NDArray[np.uint8], mask: Mask, side: int) -> tuple[Measurement, ...]:
    found = [one for frame in frames if (one := speckle_statistics(frame, mask, side)) is not None]
    method = f"windows of {side} px, dynamic range taken as {ASSUMED_DYNAMIC_RANGE_DB:g} dB"
    return (
        _one("speckle_snr", [one.snr for one in found], "1", f"mean over SD of the envelope, {method}"),
        _one("nakagami_m", [one.nakagami_m for one in found], "1", f"moments of the envelope, {method}"),
    )


def _texture(frames: NDArray[np.uint8], mask: Mask, side: int) -> tuple[Measurement, ...]:
    found = [one for frame in frames if (one := patch_texture(frame, mask, side)) is not None]
    values = {name: [float(getattr(one, name)) for one in found] for name in CooccurrenceFeatures.__slots__}
    glcm = tuple(
        _one(f"glcm_{name}", values[name], "bit" if name == "entropy" else "1", _COOCCURRENCE) for name in values
    )
    inner = np.asarray(ndimage.binary_erosion(mask, iterations=2))
    entropies = [bits for frame in frames if (bits := local_entropy(frame, inner)) is not None]
    return (*glcm, _one("local_entropy", entropies, "bit", "entropy of 32 levels within a disk of 5 px, median"))


def _one(name: str, values: list[float], unit: str, method: str) -> Measurement:
    quality: Quality = "ok" if values else "poor"
    return Measurement(name, float(np.median(values)) if values else None, unit, method, quality=quality)
