"""Frames, grades and fat of the grading recipes (R2, R3), audited, prepared and varied; nothing of torch here.

Varied copies imitate other examinations: turned and zoomed a little, grey curve, gain, contrast, speckle and shadows
changed, and half of them mirrored left to right, as if the probe were held the other way round. Never upside down:
attenuation runs downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip, Floats, Mask
from steatoscope.imaging.io.simulated import files_are_simulated
from steatoscope.imaging.preprocess.us_sector import Sector, find_sector
from steatoscope.learning.inference.us_graph_frames import frame_quality
from steatoscope.learning.inference.us_graph_view import SIDE, Preparation, placed, toned
from steatoscope.learning.training.augment import Warp, random_matrix, vary_us, warped
from steatoscope.learning.training.sets import Sample, TrainingSet
from steatoscope.learning.training.sets_audit import (
    check_labels,
    check_modality,
    check_one_label,
    check_scale,
    check_sides,
)
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
    are theirs. ``quality`` (n,) ranks the frames of a clip. ``views`` are the named views, none where there are fewer
    than two, and ``view`` (n,) the number of each frame's own in it (-1 without).
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
    views: tuple[str, ...]
    view: Rows

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

    Raises E_MODALITY for another than ultrasound, E_LABEL for a frame without grade or fat and for a patient with
    several, E_LABELSCALE where scales are mixed, E_SUBJECTS for a grade with one patient, E_VIEW where some frames name
    their view and others do not, E_NOLIVER for a clip without a scan sector.
    """
    check_modality(source.samples, "us")
    check_sides(source.samples)
    check_labels(source.samples, "grade", LABELS)
    check_labels(source.samples, "fat_percent")
    scale = check_scale(source.samples)
    check_one_label(source.samples)
    names = tuple(dict.fromkeys(source.subjects.tolist()))
    order = np.concatenate([np.flatnonzero(source.subjects == name) for name in names])
    own = source.subset(order)
    patient = np.array([names.index(sample.subject) for sample in own.samples], dtype=np.intp)
    views, view = _views(own.samples)
    labels = [own.samples[int(np.flatnonzero(own.subjects == name)[0])].labels for name in names]
    frames = _Frames(own.samples, preparation)
    return GradingSet(
        source=own,
        grey=frames.grey,
        inside=frames.inside,
        patient=patient,
        quality=frames.quality,
        names=names,
        grade=np.array([LABELS.index(str(one.grade)) for one in labels], dtype=np.intp),
        fat=np.array([one.fat_percent for one in labels], dtype=np.float64),
        scale=scale,
        preparation=preparation,
        views=views,
        view=view,
    )


def check_grades(data: GradingSet) -> None:
    """At least two grades, or there is nothing to tell apart; else E_SUBJECTS."""
    if len(np.unique(data.grade)) < 2:
        cause = f"All {len(data.names)} subjects are graded '{LABELS[int(data.grade[0])]}': nothing to tell apart."
        remedy = "Add subjects of another grade."
        raise SteatoscopeError("E_SUBJECTS", path=str(data.source.folder), cause=cause, remedy=remedy)


def clips_of(samples: Sequence[Sample]) -> list[Rows]:
    """Row numbers of the frames that one sector fits: of one patient, one view and one size, in order of appearance."""
    groups: dict[tuple[str, str | None, tuple[int, int]], list[int]] = {}
    for row, sample in enumerate(samples):
        groups.setdefault((sample.subject, sample.view, sample.shape), []).append(row)
    return [np.array(rows, dtype=np.intp) for rows in groups.values()]


def read_clip(samples: Sequence[Sample], rows: Rows) -> tuple[NDArray[np.uint8], Sector]:
    """Frames (n, rows, columns) of a clip and their sector; raises E_NOLIVER where there is none."""
    frames = np.stack([np.asarray(samples[int(row)].image(), dtype=np.uint8) for row in rows])
    sector = find_sector(Clip(frames))
    if sector is None:
        path = str(samples[int(rows[0])].path)
        raise SteatoscopeError("E_NOLIVER", path=path, cause="No scan sector was found in the frames.")
    return frames, sector


class _Frames:
    """Prepared frames of all samples, clip by clip."""

    def __init__(self, samples: Sequence[Sample], preparation: Preparation) -> None:
        self.grey = np.zeros((len(samples), SIDE, SIDE), dtype=np.uint8)
        self.inside = np.zeros((len(samples), SIDE, SIDE), dtype=np.bool_)
        self.quality = np.zeros(len(samples))
        for rows in clips_of(samples):
            frames, sector = read_clip(samples, rows)
            self.grey[rows], self.inside[rows] = placed(frames, sector, preparation)
            self.quality[rows] = frame_quality(frames, sector.mask)


def _views(samples: Sequence[Sample]) -> tuple[tuple[str, ...], Rows]:
    """Names of the views and the number of each frame's; raises E_VIEW where only some are named."""
    given = [sample.view for sample in samples]
    names = tuple(dict.fromkeys(name for name in given if name is not None))
    if names and None in given:
        path = str(samples[given.index(None)].path)
        raise SteatoscopeError("E_VIEW", path=path, cause=f"It names no view, others are of {', '.join(names)}.")
    if len(names) < 2:
        return (), np.full(len(samples), -1, dtype=np.intp)
    return names, np.array([names.index(str(name)) for name in given], dtype=np.intp)
