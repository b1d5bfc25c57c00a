"""Frames, grades and fat of the grading recipes (R2, R3), audited, prepared and varied; nothing of torch here.

Varied copies imitate other examinations: turned and zoomed a little, grey curve, gain, contrast, speckle and shadows
changed, and half of them mirrored left to right, as if the probe were held the other way round. Never upside down:
attenuation runs downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip, Floats, Mask
from steatoscope.imaging.io.simulated import files_are_simulated
from steatoscope.imaging.preprocess.us_sector import Sector, find_sector
from steatoscope.learning.inference.us_graph_frames import frame_quality
from steatoscope.learning.inference.us_graph_view import Preparation, placed, toned
from steatoscope.learning.training.augment import Warp, random_matrix, vary_us, warped
from steatoscope.learning.training.sets import TrainingSet
from steatoscope.learning.training.sets_audit import check_labels, check_scale
from steatoscope.learning.training.sets_byra2018 import load_byra2018
from steatoscope.learning.training.sets_manifest import load_manifest
from steatoscope.science.clinical.grades import HISTOLOGY_PROFILE, LABELS, profile_named

MANIFEST: Final = "manifest.csv"
PLACES: Final = (".", "byra2018", "us/byra2018")
WARP: Final = Warp(rotation=0.15, zoom=0.15, aspect=0.05, shift=8.0, mirror=True)
LIMITS: Final = profile_named(HISTOLOGY_PROFILE).limits
Rows = NDArray[np.intp]
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GradingSet:
    """Frames on 224 x 224 (n, 224, 224) with their tissue, patient by frame, and what is known of each patient.

    ``patient`` (n,) numbers the patients in the order of ``names``; ``grade`` (0-3) and ``fat`` (percent on ``scale``)
    are theirs. ``quality`` (n,) ranks the frames of a patient.
    """

    source: TrainingSet
    grey: NDArray[np.uint8]
    inside: NDArray[np.bool_]
    patient: Rows
    quality: Values
    names: tuple[str, ...]
    grade: Rows
    fat: Values
    scale: str
    preparation: Preparation

    def __len__(self) -> int:
        return len(self.patient)

    @cached_property
    def simulated(self) -> bool:
        """Whether any of the images is simulated: then nothing learnt from them is of patients."""
        return files_are_simulated([sample.path for sample in self.source.samples])

    @property
    def words(self) -> str:
        """What was learnt from and on which scale, in a sentence that begins with "simulated" where it is."""
        label = "simulated, " if self.simulated else ""
        if self.source.name == "byra2018":
            return f"{label}byra2018: biopsy fat in percent of hepatocytes, grades at {LIMITS}"
        return f"{label}{self.source.name}: fat on the scale {self.scale}, grades as labelled"

    def frames_of(self, patients: Rows) -> Rows:
        """Row numbers of the frames of some patients."""
        return np.flatnonzero(np.isin(self.patient, patients))

    def picture(self, row: int, variant: int = 0) -> Floats:
        """A frame as the encoder takes it; variant 0 is the frame itself, others are its varied copies."""
        grey, inside = self.grey[row], self.inside[row]
        if variant == 0:
            return toned(grey, inside)
        return varied(grey, inside, np.random.default_rng([variant, row]))


def varied(grey: NDArray[np.uint8], inside: Mask, rng: np.random.Generator) -> Floats:
    """A frame as another examination might have shown it, in the encoder's range."""
    matrix = random_matrix(rng, (grey.shape[0], grey.shape[1]), WARP)
    moved = warped(np.stack([grey, inside.astype(np.uint8) * np.uint8(255)]), matrix)
    tissue = np.asarray(moved[1] > 127)
    return toned(np.clip(vary_us(moved[0], rng), 0.0, 255.0), tissue if tissue.any() else inside)


def find_folder(data: Path | None) -> Path:
    """The folder with ``labels.csv`` in or under ``data``; raises E_PATH where there is none."""
    base = Path() if data is None else data
    for place in PLACES:
        if data is not None and (base / place / "labels.csv").is_file():
            return base / place
    raise SteatoscopeError("E_PATH", path=str(base / "labels.csv"), cause="The folder holds no labels.csv.")


def read_grading(data: Path | None, preparation: Preparation = "sector-224") -> GradingSet:
    """The patients of a folder with ``manifest.csv``, or laid out as Byra 2018; raises what the readers raise."""
    if data is not None and (data / MANIFEST).is_file():
        return grading_set(load_manifest(data / MANIFEST, label="grade"), preparation)
    return grading_set(load_byra2018(find_folder(data)), preparation)


def grading_set(source: TrainingSet, preparation: Preparation = "sector-224") -> GradingSet:
    """A training set with grades and fat on one scale, ready to be learnt from.

    Raises E_LABEL for a frame without grade or fat, E_LABELSCALE where scales are mixed, E_SUBJECTS for a grade with
    one patient, E_NOLIVER for a patient without a scan sector.
    """
    check_labels(source.samples, "grade", LABELS)
    check_labels(source.samples, "fat_percent")
    scale = check_scale(source.samples)
    names = tuple(dict.fromkeys(source.subjects.tolist()))
    parts = [_patient(source, name, preparation) for name in names]
    order = np.concatenate([np.flatnonzero(source.subjects == name) for name in names])
    first = [source.samples[int(np.flatnonzero(source.subjects == name)[0])].labels for name in names]
    return GradingSet(
        source=source.subset(order),
        grey=np.concatenate([part[0] for part in parts]),
        inside=np.concatenate([part[1] for part in parts]),
        patient=np.concatenate([np.full(len(part[0]), number) for number, part in enumerate(parts)]).astype(np.intp),
        quality=np.concatenate([part[2] for part in parts]),
        names=names,
        grade=np.array([LABELS.index(str(labels.grade)) for labels in first], dtype=np.intp),
        fat=np.array([labels.fat_percent for labels in first], dtype=np.float64),
        scale=scale,
        preparation=preparation,
    )


def _patient(source: TrainingSet, name: str, preparation: Preparation) -> tuple[Any, Any, Values]:
    samples = [sample for sample in source.samples if sample.subject == name]
    frames = np.stack([np.asarray(sample.image(), dtype=np.uint8) for sample in samples])
    sector: Sector | None = find_sector(Clip(frames))
    if sector is None:
        raise SteatoscopeError("E_NOLIVER", path=str(samples[0].path), cause="No scan sector was found in the frames.")
    grey, inside = placed(frames, sector, preparation)
    return grey, np.repeat(inside[None], len(grey), axis=0), frame_quality(frames, sector.mask)
