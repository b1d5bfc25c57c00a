"""Hepatorenal index: liver against renal cortex at equal depth.

The index is the ratio of mean grey levels; the difference in dB, ``(liver - cortex) DR / 255``, needs the dynamic
range. The index depends on gain and dynamic range and must not be compared across machines. Regions should lie at the
same depth within 1 cm and near each other across, measure 1 cm2 or more, and avoid vessels and the sinus.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Mask
from steatoscope.core.measurement import Measurement, Quality
from steatoscope.imaging.preprocess.us_sector import Sector

METHOD: Final = "ratio of mean grey of liver and renal cortex"
_DEPTH_GAP_CM: Final = 1.0
_LATERAL_GAP_CM: Final = 4.0
_LEAST_AREA_CM2: Final = 1.0
_MOST_CLIPPED: Final = 0.1
# Where the scale is unknown, a depth of 16 cm stands in for the distance between the arcs.
_USUAL_DEPTH_CM: Final = 16.0


@dataclass(frozen=True, slots=True)
class HepatorenalIndex:
    """Liver against cortex: mean grey levels, their ratio (None for a black cortex) and difference in dB.

    ``depth_gap_cm`` is liver minus cortex along the beam; ``lateral_gap_cm`` across. ``score`` (0-1) falls with unequal
    depth, distance across, small regions, and black or white pixels. ``scaled`` says whether the scale was known.
    """

    liver_grey: float
    cortex_grey: float
    ratio: float | None
    difference_db: float | None
    depth_gap_cm: float
    lateral_gap_cm: float
    score: float
    scaled: bool

    @property
    def quality(self) -> Quality:
        """``ok`` from a score of 0.7, ``warn`` from 0.4, else ``poor``."""
        return "ok" if self.score >= 0.7 else "warn" if self.score >= 0.4 else "poor"


def box_mask(shape: tuple[int, int], box: tuple[int, int, int, int]) -> Mask:
    """Mask (rows, columns) of a box (x0, y0, x1, y1) in pixels, its end exclusive."""
    mask = np.zeros(shape, dtype=bool)
    mask[max(box[1], 0) : max(box[3], 0), max(box[0], 0) : max(box[2], 0)] = True
    return mask


def hepatorenal_index(
    frame: NDArray[np.uint8],
    liver: Mask,
    cortex: Mask,
    sector: Sector,
    *,
    pixel_mm: tuple[float, float] | None = None,
    dynamic_range_db: float | None = None,
) -> HepatorenalIndex:
    """Liver against cortex in one frame (rows, columns) within two masks of its shape.

    Raises :class:`ValueError` for an empty mask.
    """
    if not liver.any() or not cortex.any():
        raise ValueError("liver and cortex must each hold pixels")
    mean_liver, mean_cortex = float(frame[liver].mean()), float(frame[cortex].mean())
    per_cm = _px_per_cm(sector, pixel_mm)
    depth, lateral = _gaps(sector, liver, cortex)
    difference = None if dynamic_range_db is None else (mean_liver - mean_cortex) * dynamic_range_db / 255.0
    area = min(int(liver.sum()), int(cortex.sum())) / per_cm**2
    clipped = max(_clipped(frame[liver]), _clipped(frame[cortex]))
    return HepatorenalIndex(
        liver_grey=mean_liver,
        cortex_grey=mean_cortex,
        ratio=mean_liver / mean_cortex if mean_cortex > 0.0 else None,
        difference_db=difference,
        depth_gap_cm=depth / per_cm,
        lateral_gap_cm=lateral / per_cm,
        score=_score(depth / per_cm, lateral / per_cm, area, clipped),
        scaled=pixel_mm is not None,
    )


def measure_hepatorenal(found: list[HepatorenalIndex]) -> tuple[Measurement, ...]:
    """Report values from the frames of one patient: medians of the index and, where known, of the dB difference."""
    ratios = [one.ratio for one in found if one.ratio is not None]
    decibels = [one.difference_db for one in found if one.difference_db is not None]
    order: dict[Quality, float] = {"ok": 0.7, "warn": 0.4, "poor": 0.0}
    score = float(np.median([one.score for one in found])) if found else 0.0
    quality = next(name for name, limit in order.items() if score >= limit)
    index = Measurement("hepatorenal_index", _median(ratios), "1", METHOD, quality=quality)
    if not decibels:
        return (index,)
    words = "difference of mean grey of liver and renal cortex in dB"
    return index, Measurement("hepatorenal_difference", _median(decibels), "dB", words, quality=quality)


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def _px_per_cm(sector: Sector, pixel_mm: tuple[float, float] | None) -> float:
    if pixel_mm is not None:
        return 10.0 / float(np.mean(pixel_mm))
    return (sector.outer_radius - sector.inner_radius) / _USUAL_DEPTH_CM


def _gaps(sector: Sector, liver: Mask, cortex: Mask) -> tuple[float, float]:
    """Distance along the beam (liver minus cortex) and across it at the mean depth, in pixels."""
    radius, angle = sector.polar()
    mean = (float(radius[liver].mean()) + float(radius[cortex].mean())) / 2.0
    across = abs(float(angle[liver].mean()) - float(angle[cortex].mean())) * mean
    return float(radius[liver].mean()) - float(radius[cortex].mean()), across


def _clipped(grey: NDArray[np.uint8]) -> float:
    return float(((grey <= 1) | (grey >= 254)).mean())


def _score(depth_cm: float, lateral_cm: float, area_cm2: float, clipped: float) -> float:
    """1 where every condition holds, halved by each that fails by a factor of two."""
    excess = max(abs(depth_cm) / _DEPTH_GAP_CM, 1.0) * max(lateral_cm / _LATERAL_GAP_CM, 1.0)
    excess *= max(_LEAST_AREA_CM2 / area_cm2, 1.0) * max(clipped / _MOST_CLIPPED, 1.0)
    return 1.0 / excess
