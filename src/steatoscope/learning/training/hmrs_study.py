"""What recipe R4 learns from: simulated subjects, or patients of a folder laid out as Byra 2018; no torch here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.inference.us_graph_view import centred
from steatoscope.learning.training.hmrs_cohort import LIMITS, VIEWS, Frames, draw_subjects, render
from steatoscope.learning.training.sets import TrainingSet
from steatoscope.learning.training.sets_audit import check_labels, check_scale
from steatoscope.learning.training.sets_byra2018 import load_byra2018
from steatoscope.learning.training.splits import binned

REAL: Final = "real"
LEAST_OF_A_STRATUM: Final = 7
Told = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class HmrsStudy:
    """Frames by view with their subject's number, and by subject: name, fat percent on ``scale``, stratum.

    ``records`` are the hashes of what is learnt from; ``source`` is the training set where the images are real.
    """

    names: tuple[str, ...]
    views: dict[str, Frames]
    fat: NDArray[np.float64]
    strata: NDArray[np.intp]
    scale: str
    records: tuple[dict[str, str], ...]
    source: TrainingSet | None = None

    @property
    def simulated(self) -> bool:
        """Whether the images were simulated."""
        return self.source is None

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

    Raises what ``load_byra2018`` raises, E_LABEL for a frame without fat, E_LABELSCALE where scales are mixed,
    E_SUBJECTS where patients are too few for nested folds.
    """
    data = load_byra2018(folder)
    check_labels(data.samples, "fat_percent")
    scale = check_scale(data.samples)
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
    """The folder with ``labels.csv`` in or under ``data``; raises E_PATH where there is none."""
    for place in (".", "byra2018", "us/byra2018"):
        if (data / place / "labels.csv").is_file():
            return data / place
    raise SteatoscopeError("E_PATH", path=str(data / "labels.csv"), cause="The folder holds no labels.csv.")


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
