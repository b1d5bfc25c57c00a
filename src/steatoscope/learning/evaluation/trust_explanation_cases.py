"""Whose maps are tested: the patients of Byra 2018, and simulated scans with exact masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from steatoscope.core.image import Clip, Mask
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import Sector, find_sector
from steatoscope.learning.catalogue import open_model
from steatoscope.learning.inference.byra2018_data import read_byra2018
from steatoscope.learning.inference.slices import SliceSegmenter

SIMULATED_FAT: Final = (2.0, 35.0)
_SURE: Final = 0.5
_WORDS: Final = "LIVER RT 12:34"
_TEXT_DEPTH, _TEXT_SCALE = 0.35, 0.5


@dataclass(frozen=True, eq=False)
class Case:
    """One view of a patient: a frame to explain and another of the same place, the sector, and its organs.

    ``organs`` are liver and renal cortex (rows, columns): outlines of the segmenter on patients, the truth on
    simulated scans.
    """

    name: str
    simulated: bool
    frame: NDArray[np.uint8]
    again: NDArray[np.uint8]
    sector: Sector
    organs: Mask

    def with_text(self) -> tuple[NDArray[np.uint8], Mask]:
        """The frame with words burned into the sector, and the pixels that carry them."""
        rows, columns = np.nonzero(self.sector.mask)
        middle = int(rows.min() + _TEXT_DEPTH * (rows.max() - rows.min()))
        start = int(np.median(columns[rows == middle])) - 50
        ink = np.zeros_like(self.frame)
        cv2.putText(ink, _WORDS, (start, middle), cv2.FONT_HERSHEY_SIMPLEX, _TEXT_SCALE, 255, 1, cv2.LINE_8)
        written = np.asarray((ink > 0) & self.sector.mask)
        return np.where(written, 255, self.frame).astype(np.uint8), written

    def blank(self) -> NDArray[np.uint8]:
        """The frame with the sector at its own mean grey; all else as it is."""
        grey = np.uint8(round(float(self.frame[self.sector.mask].mean())))
        return np.where(self.sector.mask, grey, self.frame).astype(np.uint8)


def real_cases(data: Path, most: int | None = None) -> Iterator[Case]:
    """The patients of ``us/byra2018`` in a folder of all sets, evenly chosen where there are more than ``most``."""
    folder = data / "us" / "byra2018"
    patients = read_byra2018(folder if folder.is_dir() else data)
    count = len(patients) if most is None else min(most, len(patients))
    segmenter = SliceSegmenter.open(open_model("us-segmenter"))
    for place in np.linspace(0, len(patients) - 1, count).round().astype(int):
        patient = patients[place]
        sector = find_sector(Clip(patient.frames))
        if sector is None:
            continue
        frame = patient.frames[0]
        tissue = tissue_mask(patient.frames, sector)
        organs = (segmenter.of_frames(frame[None], tissue)[0] > _SURE).any(axis=0)
        yield Case(patient.name, False, frame, patient.frames[-1], sector, np.asarray(organs & tissue))


def simulated_cases(count: int, seed: int) -> Iterator[Case]:
    """Simulated scans of liver and kidney by the training scanner's kind of probe, fat evenly spread (PDFF 2-35 %)."""
    for number, fat in enumerate(np.linspace(*SIMULATED_FAT, count)):
        own = 1000 * seed + number
        scan, again = (simulate_us(float(fat), own, probe="sector", repeat=repeat) for repeat in (None, 1))
        sector = find_sector(scan.clip)
        if sector is None:
            continue
        organs = scan.liver if scan.kidney is None else scan.liver | scan.kidney
        frames = scan.clip.frames[0], again.clip.frames[0]
        yield Case(f"simulated {own}", True, *frames, sector, np.asarray(organs & sector.mask))
