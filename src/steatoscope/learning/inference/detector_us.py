"""Masses on a B-mode frame: the detector on the frame's canvas, its answers in the frame's own pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Clip, Floats, Mask
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import Sector, find_sector
from steatoscope.learning.inference.detector import Detection, Detector
from steatoscope.learning.inference.prepare import network_input, prepare_us

WITHIN = 0.5


@dataclass(frozen=True, eq=False)
class Frame:
    """A B-mode image (rows, columns) with its sector and the sector without burned-in marks."""

    image: NDArray[np.uint8]
    sector: Sector
    tissue: Mask

    @classmethod
    def of(cls, image: NDArray[np.uint8]) -> Frame | None:
        """The frame of an image; None where no scan sector is found."""
        sector = find_sector(Clip(image[None]))
        return None if sector is None else cls(image, sector, tissue_mask(image[None], sector))


@dataclass(frozen=True, eq=False)
class FrameFindings:
    """Regions, best first, and probabilities of the segments (segments, rows, columns), all in the frame's pixels."""

    regions: tuple[Detection, ...]
    segments: Floats


def find_on_frame(
    detector: Detector, frame: NDArray[np.uint8], tissue: Mask, liver: Mask | None = None
) -> FrameFindings:
    """Regions on a frame (rows, columns) whose sector without marks is ``tissue``; ``liver`` limits them."""
    prepared = prepare_us(frame, tissue)
    place = prepared.placement
    allowed = None if liver is None else place.to_canvas(liver.astype(np.uint8)) > WITHIN
    found, segments = detector.read(network_input(prepared, "us"), allowed)
    regions = []
    for one in found:
        x0, y0, x1, y1 = place.box_from_canvas(np.asarray(one.box)).tolist()
        mask = place.from_canvas(one.mask[None].astype(np.float32))[0] > WITHIN
        regions.append(replace(one, box=(x0, y0, x1, y1), mask=mask))
    return FrameFindings(tuple(regions), place.from_canvas(segments))


def reported_mass(regions: Sequence[Detection], shape: tuple[int, ...], operating: float) -> tuple[Mask, float]:
    """Mask (rows, columns) and score of the best region from the operating score on; empty and 0 where none is."""
    if regions and regions[0].score >= operating:
        return regions[0].mask, regions[0].score
    return np.zeros(shape[:2], dtype=np.bool_), 0.0
