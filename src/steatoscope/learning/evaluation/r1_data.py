"""What recipe R1 learns from: the patients of a folder, their frames, grade and fat, and the folds of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from steatoscope.core.errors import SteatoscopeError
from steatoscope.imaging.io.simulated import files_are_simulated
from steatoscope.learning.evaluation.r1_scores import Truth
from steatoscope.learning.training.grading_data import MANIFEST, find_folder
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
from steatoscope.science.clinical.grades import LABELS


@dataclass(frozen=True, slots=True)
class R1Plan:
    """Size of a run: frames of each patient, folds of patients, and how often the folds are drawn anew."""

    name: str
    frames: int
    folds: int
    repeats: int


PLANS: Final[Mapping[str, R1Plan]] = MappingProxyType(
    {"small": R1Plan("small", 1, 3, 1), "full": R1Plan("full", 10, 5, 5)}
)


@dataclass(frozen=True, eq=False)
class R1Study:
    """The chosen frames by patient, what is known of each, the folds, and the scale of fat."""

    source: TrainingSet
    chosen: Mapping[str, Sequence[Sample]]
    truth: Truth
    scale: str
    simulated: bool

    @property
    def samples(self) -> list[Sample]:
        """All chosen frames, patient by patient."""
        return [sample for own in self.chosen.values() for sample in own]

    @property
    def unit(self) -> str:
        """Fat in words."""
        return "percent of hepatocytes" if self.scale == "histology" else f"percent on the scale {self.scale}"

    def records(self) -> list[dict[str, str]]:
        """Path, SHA-256 and subject of every chosen frame."""
        return replace(self.source, samples=tuple(self.samples)).records()

    def titled(self, row: str) -> str:
        """The name of a row of results, said to be simulated where the images are."""
        return f"{row} (simulated)" if self.simulated else row


def read_study(data: Path | None, plan: R1Plan, seed: int) -> R1Study:
    """The patients of a folder with ``manifest.csv``, or laid out as Byra 2018.

    Raises what the readers raise, E_MODALITY for another than ultrasound, E_LABEL for a frame without grade or fat and
    for a patient with several, E_LABELSCALE where scales are mixed, E_SUBJECTS where patients, or healthy ones, are too
    few for the folds.
    """
    source = read_source(data)
    chosen = chosen_frames(source.samples, plan.frames)
    return R1Study(
        source=source,
        chosen=chosen,
        truth=_truth(chosen, plan, seed, source.folder),
        scale=check_scale(source.samples),
        simulated=files_are_simulated([sample.path for sample in source.samples]),
    )


def read_source(data: Path | None) -> TrainingSet:
    """The audited frames of a folder, each with grade and fat."""
    if data is not None and (data / MANIFEST).is_file():
        source = load_manifest(data / MANIFEST, label="grade")
        check_modality(source.samples, "us")
        check_sides(source.samples)
        check_labels(source.samples, "fat_percent")
        check_one_label(source.samples)
        return source
    return load_byra2018(find_folder(data))


def chosen_frames(samples: Sequence[Sample], frames: int) -> dict[str, list[Sample]]:
    """At most ``frames`` evenly spread frames of every patient."""
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.subject, []).append(sample)
    return {
        name: [own[k] for k in np.unique(np.linspace(0, len(own) - 1, min(frames, len(own))).round().astype(int))]
        for name, own in found.items()
    }


def _truth(chosen: Mapping[str, Sequence[Sample]], plan: R1Plan, seed: int, folder: Path) -> Truth:
    labels = [samples[0].labels for samples in chosen.values()]
    grade = np.array([LABELS.index(str(one.grade)) for one in labels], dtype=np.intp)
    fat = np.array([one.fat_percent for one in labels], dtype=np.float64)
    healthy = int((grade == 0).sum())
    if len(fat) < 2 * plan.folds or healthy < plan.folds:
        cause = (
            f"{len(fat)} patients, {healthy} of them healthy; {plan.folds} folds need {2 * plan.folds}, "
            f"{plan.folds} of them healthy."
        )
        raise SteatoscopeError("E_SUBJECTS", path=str(folder), cause=cause)
    return Truth.of(grade, fat, plan.folds, plan.repeats, seed)
