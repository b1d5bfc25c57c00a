"""What recipe R4 learns from: simulated subjects, or the patients of a folder; no torch here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.simulated import files_are_simulated
from steatoscope.learning.inference.us_graph_view import centred
from steatoscope.learning.training.grading_data import MANIFEST
from steatoscope.learning.training.hmrs_cohort import LIMITS, VIEWS, Frames, draw_subjects, render
from steatoscope.learning.training.sets import TrainingSet
from steatoscope.learning.training.sets_audit import (
    check_labels,
    check_modality,
    check_one_label,
    check_scale,
    check_sides,
)
from steatoscope.learning.training.sets_byra2018 import load_byra2018
from steatoscope.learning.training.sets_manifest import load_manifest
from steatoscope.learning.training.splits import binned

REAL: Final = "real"
LEAST_OF_A_STRATUM: Final = 7
Told = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class HmrsStudy:
    """Frames by view with their subject's number, and by subject: name, fat percent on ``scale``, stratum.

    ``records`` are the hashes of what is learnt from; ``source`` is the training set where the images are given, None
    for the recipe's own simulated cohort of two views.
    """

    names: tuple[str, ...]
    views: dict[str, Frames]
    fat: NDArray[np.float64]
    strata: NDArray[np.intp]
    scale: str
    records: tuple[dict[str, str], ...]
    source: TrainingSet | None = None

    @property
    def cohort(self) -> bool:
        """Whether the subjects are the recipe's own, with both views."""
        return self.source is None

    @cached_property
    def simulated(self) -> bool:
        """Whether any image was simulated, by the recipe or before."""
        return self.source is None or files_are_simulated([sample.path for sample in self.source.samples])

    @property
    def frame_count(self) -> int:
        """Frames of all views together."""
        return sum(len(view.pixels) for view in self.views.values())


def simulated_study(count: int, most_frames: int, cache: Path, seed: int, told: Told | None = None) -> HmrsStudy:
    """The simulated cohort; its frames are kept in ``cache``."""
    subjects = draw_subjects(count, seed)
    views: dict[str, Frames] = {}
    for view in VIEWS:
        if told is not None:
            told(f"{count} subjects are simulated, {view}")
        views[view] = render(subjects, view, most_frames=most_frames, cache=cache / f"frames-{view}.npz")
    fat = np.array([subject.fat_percent for subject in subjects])
    return HmrsStudy(
        names=tuple(subject.name for subject in subjects),
        views=views,
        fat=fat,
        strata=np.asarray(np.digitize(fat, LIMITS, right=True), dtype=np.intp),
        scale="mrs_pdff",
        records=tuple(
            _record(subject.name, view, frames.pixels[frames.subject == number])
            for view, frames in views.items()
            for number, subject in enumerate(subjects)
        ),
    )


def _record(subject: str, view: str, pixels: NDArray[np.uint8]) -> dict[str, str]:
    sha256 = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()
    return {"path": f"simulated/{subject}/{view}", "sha256": sha256, "subject": subject}


def real_study(folder: Path, most_frames: int) -> HmrsStudy:
    """At most ``most_frames`` frames of every patient, evenly drawn, the central 360 x 360; strata are quartiles.

    The folder holds ``manifest.csv``, or is laid out as Byra 2018. Raises what the readers raise, E_LABEL for a frame
    without fat and for a patient with several labels, E_MODALITY for another than ultrasound, E_LABELSCALE where scales
    are mixed, E_SUBJECTS where patients are too few for nested folds.
    """
    own = folder / MANIFEST
    data = load_manifest(own, label="fat_percent") if own.is_file() else load_byra2018(folder)
    check_modality(data.samples, "us")
    check_sides(data.samples)
    check_labels(data.samples, "fat_percent")
    scale = check_scale(data.samples)
    check_one_label(data.samples)
    names = tuple(dict.fromkeys(data.subjects.tolist()))
    chosen = [_drawn(np.flatnonzero(data.subjects == name), most_frames) for name in names]
    kept = data.subset(np.concatenate(chosen))
    pixels = np.concatenate([centred(_grey(data, rows)) for rows in chosen])
    owners = np.repeat(np.arange(len(names), dtype=np.intp), [len(rows) for rows in chosen])
    fat = np.array([_fat(data, rows) for rows in chosen])
    strata = np.unique(binned(fat), return_inverse=True)[1]
    least = int(np.bincount(strata).min())
    if least < LEAST_OF_A_STRATUM:
        cause = f"{len(names)} patients make a stratum of {least}; nested folds need {LEAST_OF_A_STRATUM} in each."
        raise SteatoscopeError("E_SUBJECTS", path=str(folder), cause=cause)
    return HmrsStudy(
        names=names,
        views={REAL: Frames(pixels, owners)},
        fat=fat,
        strata=np.asarray(strata, dtype=np.intp),
        scale=scale,
        records=tuple(kept.records()),
        source=kept,
    )


def real_folder(data: Path) -> Path:
    """The folder with ``manifest.csv``, or with ``labels.csv`` in or under it; raises E_PATH where there is none."""
    if (data / MANIFEST).is_file():
        return data
    for place in (".", "byra2018", "us/byra2018"):
        if (data / place / "labels.csv").is_file():
            return data / place
    raise SteatoscopeError(
        "E_PATH", path=str(data / "labels.csv"), cause="The folder holds no labels.csv and no manifest.csv."
    )


def _drawn(rows: NDArray[Any], most: int) -> NDArray[np.intp]:
    return np.asarray(rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)], dtype=np.intp)


def _grey(data: TrainingSet, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Frames of one patient (n, rows, columns); raises E_SIZE where they differ in size."""
    frames = [np.asarray(data.samples[row].image(), dtype=np.uint8) for row in rows]
    if len({frame.shape for frame in frames}) > 1:
        cause = "The frames of one patient differ in size."
        raise SteatoscopeError("E_SIZE", path=str(data.samples[rows[0]].path), cause=cause)
    return np.stack(frames)


def _fat(data: TrainingSet, rows: NDArray[np.intp]) -> float:
    return float(data.samples[int(rows[0])].labels.fat_percent or 0.0)
