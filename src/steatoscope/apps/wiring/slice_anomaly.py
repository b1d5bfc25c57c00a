"""Recipe R5 behind the CT ports: regions of its mask on slices of eight bits or in HU, a class only if claimed.

Eight-bit slices are taken as HU clipped to 0-255; what was clipped away is put back for the liver's outline alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from steatoscope.core.image import Floats, Mask, Volume
from steatoscope.core.report import LesionPart, RegionPart
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.pipeline.ports import CTSegmenter, FocalFindings, Organs

if TYPE_CHECKING:
    from steatoscope.learning.inference.slice_anomaly import SliceAnomaly, SliceReading

LEAST_LIVER, LEAST_REGION = 300, 16
MOST_REGIONS = 20


@dataclass(frozen=True, eq=False)
class GreyLiver:
    """A CT segmenter that also takes slices without HU."""

    inner: CTSegmenter

    def __call__(self, volume: Volume) -> Organs:
        """Organs of a volume in HU, or of eight-bit slices (unit "au")."""
        if volume.unit != "au":
            return self.inner(volume)
        from steatoscope.learning.inference.prepare import hu_of_clipped

        data = np.stack([hu_of_clipped(one) for one in volume.data])
        return self.inner(replace(volume, data=data, unit="HU"))


@dataclass(frozen=True, eq=False)
class SliceAnomalyFocal:
    """The port for focal regions on CT with a network of R5 behind it."""

    model: ModelFolder

    def __call__(self, volume: Volume, organs: Organs) -> FocalFindings:
        """Regions of every slice with liver, surest first, at most twenty, and the map that they were cut from.

        ``lesion`` is told only where it is claimed.
        """
        if organs.liver is None:
            return FocalFindings(model=self.model.part())
        network, readings = _network(self.model), {}
        for place, (grey, liver) in enumerate(zip(volume.data, organs.liver, strict=True)):
            if int(liver.sum()) >= LEAST_LIVER:
                readings[place] = network.read(np.clip(grey, 0.0, 255.0), liver)
        found = sorted(
            (one for place, reading in readings.items() for one in self._regions(volume, place, reading)),
            key=lambda pair: -pair[0].score,
        )[:MOST_REGIONS]
        masks: dict[int, Mask] = {}
        for part, mask in found:
            masks[part.box[4]] = mask | masks.get(part.box[4], np.zeros_like(mask))
        return FocalFindings(
            regions=tuple(part for part, _ in found),
            masks=masks,
            lesion=_lesion(list(readings.values())) if network.claim else None,
            model=self.model.part(),
            heat=_heat(volume, organs.liver, readings) if readings else None,
            heat_title=f"How sure the model is of a focal region, 0 to 1 ({self._truth} truth)",
        )

    @property
    def _truth(self) -> str:
        return str(self.model.settings.get("truth", "unknown"))

    def _regions(self, volume: Volume, place: int, reading: SliceReading) -> Iterator[tuple[RegionPart, Mask]]:
        words = f"{self.model.name} {self.model.version} ({self._truth} truth)"
        count, labels, stats, _ = cv2.connectedComponentsWithStats(reading.mask.astype(np.uint8))
        _, dy, dx = volume.geometry.spacing
        for number in range(1, count):
            x, y, width, height, pixels = (int(value) for value in stats[number])
            if pixels >= LEAST_REGION:
                mask = np.asarray(labels == number)
                yield _part(reading.heat, mask, (x, y, x + width, y + height, place), words,
                            round(pixels * dy * dx, 1) if volume.geometry.known else None), mask  # fmt: skip


def _heat(volume: Volume, liver: Mask, readings: Mapping[int, SliceReading]) -> Floats:
    """The map of every slice that was read (slices, rows, columns), NaN outside of the liver and where none was."""
    heat = np.full(volume.data.shape, np.nan, dtype=np.float32)
    for place, reading in readings.items():
        heat[place] = np.where(liver[place], reading.heat, np.nan)
    return heat


def _part(
    heat: Floats, mask: Mask, box: tuple[int, int, int, int, int], words: str, size_mm2: float | None
) -> RegionPart:
    score = round(float(heat[mask].max()), 4)
    return RegionPart(
        kind="lesion", box=box, score=score, size_px=int(mask.sum()), size_mm2=size_mm2, detector=words
    )  # fmt: skip


def _lesion(readings: list[SliceReading]) -> LesionPart | None:
    """The class of the slice that looks least normal."""
    if not readings:
        return None
    worst = min(readings, key=lambda one: one.probabilities["normal"]).probabilities
    return LesionPart(label=max(worst, key=lambda name: worst[name]), probabilities=dict(worst))  # type: ignore[arg-type]


@lru_cache(maxsize=2)
def _network(model: ModelFolder) -> SliceAnomaly:
    from steatoscope.learning.inference.slice_anomaly import SliceAnomaly

    return SliceAnomaly.open(model)
