"""Ports: what the analysis asks of segmenters, localisers, graders and explainers.

Learned and classical adapters stand behind them; the composition root chooses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import QualityCode, SteatoscopeError
from steatoscope.core.image import Mask, Modality, Volume
from steatoscope.core.measurement import Measurement
from steatoscope.core.report import BaselineItem, Contribution, LesionPart, ModelPart, RegionPart, StartPart
from steatoscope.pipeline.findings import FatEstimate
from steatoscope.science.clinical.repeatability import Repeatability

if TYPE_CHECKING:
    from steatoscope.imaging.preprocess.us_sector import Sector

SECTOR_METHOD: Final = "scan sector, no liver outline"


@dataclass(frozen=True, eq=False)
class Organs:
    """Organs found in one scan: masks in the scan's own grid (None: not found) and how they were found.

    ``hu`` holds median attenuations of organs in view (aorta, spleen, kidney, portal, liver) for the contrast gate;
    ``confidence`` lies in 0-1. ``method`` and ``model`` are the liver's; ``neighbours`` says how spleen and kidney were
    found where that was another way.
    """

    liver: Mask | None
    method: str
    spleen: Mask | None = None
    kidney: Mask | None = None
    hu: Mapping[str, float | None] = field(default_factory=dict)
    confidence: float = 1.0
    notes: tuple[QualityCode, ...] = ()
    model: ModelPart | None = None
    neighbours: str | None = None


@dataclass(frozen=True, eq=False)
class PreparedView:
    """One ultrasound view ready to be read: chosen frames (frames, rows, columns) uint8 and the tissue sector.

    ``tissue`` is the sector without burned-in marks; ``chosen`` are the frame numbers in the original clip. A grader
    must read the view without a kidney where ``without_kidney`` is set. ``number`` is the view's place in the scan.
    """

    name: str | None
    frames: NDArray[np.uint8]
    sector: Sector
    tissue: Mask
    pixel_mm: tuple[float, float] | None
    chosen: tuple[int, ...]
    without_kidney: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class Site:
    """Where a value was read: its name, box (x0, y0, x1, y1) in pixels, and place of the frame in the view's frames."""

    name: str
    box: tuple[int, int, int, int]
    frame: int


@dataclass(frozen=True, eq=False)
class ViewReading:
    """What a grader says of one view: its map (rows, columns; NaN where undefined), values, and where they were read.

    ``heat_title`` says what the map holds. ``kidney`` says whether a kidney is in view; None where the grader does not
    look for one.
    """

    heat: NDArray[np.float32] | None = None
    measurements: tuple[Measurement, ...] = ()
    sites: tuple[Site, ...] = ()
    kidney: bool | None = None
    heat_title: str = ""


@dataclass(frozen=True, eq=False)
class UltrasoundReading:
    """A grader's answer for one patient: the estimate, why, and how far the images lie from its training data.

    ``views`` has one reading for each view, in order. ``baseline_z`` compares with the patients that
    ``baseline_reference`` names (None: biopsy-normal ones of an obese surgical cohort). ``start`` and the contributions
    add up to the estimate. ``baseline_items`` are single readings beside those patients; ``repeatability`` is what the
    model's values differ by in repeats. ``refusal`` says in numbers why all views are out of the distribution.
    """

    estimate: FatEstimate
    contributions: tuple[Contribution, ...]
    views: tuple[ViewReading, ...]
    out_of_distribution: bool
    notes: tuple[QualityCode, ...]
    model: ModelPart
    baseline_z: float | None = None
    baseline_reference: str | None = None
    start: StartPart | None = None
    baseline_items: tuple[BaselineItem, ...] = ()
    repeatability: Repeatability | None = None
    refusal: SteatoscopeError | None = None


@dataclass(frozen=True, eq=False)
class FocalFindings:
    """Focal regions of one view or volume; ``masks`` (rows, columns) by slice or by frame of the clip.

    ``lesion`` is a class, None where no claim is made. ``heat`` (slices, rows, columns) says how sure the model is of
    a focal region at each place, 0-1, NaN where it does not look; ``heat_title`` says so in words.
    """

    regions: tuple[RegionPart, ...] = ()
    masks: Mapping[int, Mask] = field(default_factory=dict)
    lesion: LesionPart | None = None
    model: ModelPart | None = None
    heat: NDArray[np.float32] | None = None
    heat_title: str = ""


class CTSegmenter(Protocol):
    """Finds organs on a CT volume in HU."""

    def __call__(self, volume: Volume) -> Organs:
        """Organs of a volume (slices, rows, columns)."""


class MRSegmenter(Protocol):
    """Finds the liver on an MR magnitude volume, with the fat map (percent) where there is one."""

    def __call__(self, anatomy: Volume, pdff: Volume | None) -> Organs:
        """Organs of a volume (slices, rows, columns)."""


class UltrasoundSegmenter(Protocol):
    """Finds the liver on a B-mode view."""

    def __call__(self, view: PreparedView) -> Organs:
        """Organs as masks of shape (1, rows, columns)."""


class Localiser(Protocol):
    """Finds fatty, spared and focal regions on the liver of a local fat map in percent."""

    def __call__(self, fat_map: Volume, liver: Mask, threshold_percent: float) -> Sequence[RegionPart]:
        """Regions as boxes in pixels with a score."""


class UltrasoundFocal(Protocol):
    """Finds focal regions on a B-mode view."""

    def __call__(self, view: PreparedView, organs: Organs) -> FocalFindings:
        """Regions within the liver; frames are numbered as in the clip."""


class CTFocal(Protocol):
    """Finds focal regions on a CT volume."""

    def __call__(self, volume: Volume, organs: Organs) -> FocalFindings:
        """Regions within the liver; their box names the slice where they are largest."""


class UltrasoundGrader(Protocol):
    """Reads the fat content of one patient from prepared views."""

    def __call__(self, views: Sequence[PreparedView], level: float) -> UltrasoundReading:
        """The reading with an interval at ``level``."""


@dataclass(frozen=True, eq=False)
class GateVerdict:
    """Whether a view is an ultrasound picture of a liver at all: above a ``score`` of 1 it is not; None: not scored.

    ``refusal`` says why it must not be read; ``notes`` are remarks on a view that may.
    """

    score: float | None = None
    refusal: SteatoscopeError | None = None
    notes: tuple[QualityCode, ...] = ()
    model: ModelPart | None = None


class UltrasoundGate(Protocol):
    """Tells pictures of livers from pictures of anything else, before anything is measured on them."""

    def __call__(self, view: PreparedView) -> GateVerdict:
        """The verdict on one view."""


class TrainedOn(Protocol):
    """Tells whether a model learnt from one of some files."""

    def __call__(self, model: ModelPart, files: Collection[str]) -> bool:
        """``files`` are SHA-256 hashes of whole files."""


@dataclass(frozen=True, eq=False)
class Ports:
    """The adapters of one analysis, wired by the composition root.

    ``modality`` is that of a model which the caller chose by name: studies of another modality are wrong usage.
    ``eight_bit`` says that it takes slices without HU. Without a ``us_gate`` every view is let in,
    without ``trained_on`` nothing is known of the models' training images.
    """

    ct_segmenter: CTSegmenter
    mr_segmenter: MRSegmenter
    us_segmenter: UltrasoundSegmenter
    localiser: Localiser
    us_grader: UltrasoundGrader
    us_focal: UltrasoundFocal
    ct_focal: CTFocal
    modality: Modality | None = None
    eight_bit: bool = False
    us_gate: UltrasoundGate | None = None
    trained_on: TrainedOn | None = None
