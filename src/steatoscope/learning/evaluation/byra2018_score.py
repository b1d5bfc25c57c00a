"""Benchmark ``byra2018`` of a shipped model on a folder it has not seen, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.image import Clip
from steatoscope.imaging.preprocess.us_frames import select_frames
from steatoscope.imaging.preprocess.us_sector import Sector, find_sector
from steatoscope.learning.evaluation.byra2018_figures import RESAMPLES, Answers, scored, stacked_answers
from steatoscope.learning.inference.byra2018_data import BOX_SIDE, Patient, read_byra2018
from steatoscope.learning.inference.us_first import USFatPrediction
from steatoscope.learning.inference.us_steatosis import SteatosisPrediction

Values = NDArray[np.float64]


class Model(Protocol):
    """A model that reads one view and knows the hashes of its training images."""

    @property
    def version(self) -> str:
        """Version of the weights."""

    @property
    def training_sha256(self) -> frozenset[str]:
        """Hashes of the training images."""

    def predict(self, frames: NDArray[np.uint8], sector: Sector) -> USFatPrediction:
        """The fat of one view."""


@dataclass(frozen=True, eq=False)
class Reading:
    """One patient as the model reads it: all frames, and the first alone."""

    patient: Patient
    whole: USFatPrediction
    first: USFatPrediction


def score_byra2018(
    data: Path, model: Model, *, name: str = "us-steatosis", seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Score a shipped model on every patient of a folder that it was not trained on.

    Images whose sha256 is in the model's training manifest are left out and counted; where none is left, raises
    SteatoscopeError ``E_LEAK``. Raises what :func:`read_byra2018` raises for a bad folder.
    """
    everyone = read_byra2018(data)
    kept = [part for patient in everyone if (part := without(patient, model.training_sha256)) is not None]
    total, used = (sum(len(patient.sha256) for patient in group) for group in (everyone, kept))
    if not kept:
        raise SteatoscopeError("E_LEAK", path=str(data))
    readings = [found for patient in kept if (found := read_patient(patient, model)) is not None]
    if not readings:
        raise SteatoscopeError("E_NOLIVER", path=str(data), cause="No scan sector was found in any patient's frames.")
    fat = np.array([reading.patient.fat for reading in readings])
    return {
        "name": "byra2018",
        "data": f"{data.name}: {len(readings)} patients unseen by {name} {model.version}",
        "n_subjects": len(readings),
        "n_images": used,
        "left_out": total - used,
        "no_sector": len(kept) - len(readings),
        "results": {row: scored(answers, fat, seed, resamples) for row, answers in _rows(readings, name).items()},
        "cases": [_case(reading) for reading in readings],
    }


def without(patient: Patient, known: frozenset[str]) -> Patient | None:
    """A patient without the frames whose hash is known; None where none is left."""
    kept = [i for i, sha256 in enumerate(patient.sha256) if sha256 not in known]
    if not kept:
        return None
    return replace(
        patient,
        frames=patient.frames[kept],
        numbers=tuple(patient.numbers[i] for i in kept),
        sha256=tuple(patient.sha256[i] for i in kept),
    )


def read_patient(patient: Patient, model: Model) -> Reading | None:
    """The model's answers for one patient by the same steps as in an analysis; None where no sector is found."""
    answers = []
    for frames in (patient.frames, patient.frames[:1]):
        clip = Clip(frames)
        sector = find_sector(clip)
        if sector is None:
            return None
        answers.append(model.predict(select_frames(clip, sector).frames(clip), sector))
    return Reading(patient, *answers)


def _rows(readings: list[Reading], name: str) -> dict[str, Answers]:
    rows = {name: _answers([r.whole for r in readings]), f"{name}, first frame": _answers([r.first for r in readings])}
    automatic = np.array([_index(reading.whole) for reading in readings])
    if np.isfinite(automatic).all():
        rows["hepatorenal index, automatic"] = Answers.ranking(automatic)
    by_hand = np.array([hand_index(reading.patient) for reading in readings])
    if np.isfinite(by_hand).all():
        rows["hepatorenal index, hand boxes (reference)"] = Answers.ranking(by_hand)
    return rows


def _answers(found: list[USFatPrediction]) -> Answers:
    return stacked_answers([_row(one) for one in found])


def _row(found: USFatPrediction) -> Mapping[str, Any]:
    chosen = found.grade_set if isinstance(found, SteatosisPrediction) else tuple(found.grade_probabilities)
    return {
        "detection": found.probability,
        "value": found.value_percent,
        "probability": found.probability,
        "low": found.interval.low,
        "high": found.interval.high,
        "set": chosen,
    }


def _index(found: USFatPrediction) -> float:
    index = found.hepatorenal_index if isinstance(found, SteatosisPrediction) else None
    return float("nan") if index is None else index


def hand_index(patient: Patient) -> float:
    """Mean over frames of the ratio of mean grey in the hand-placed boxes; NaN without boxes."""
    found = []
    for frame, number in zip(patient.frames, patient.numbers, strict=True):
        if number in patient.boxes:
            liver, kidney = (_box_mean(frame, corner) for corner in patient.boxes[number])
            found.append(liver / max(kidney, 1.0))
    return float(np.mean(found)) if found else float("nan")


def _box_mean(frame: NDArray[np.uint8], corner: tuple[float, float]) -> float:
    x, y = (round(value) for value in corner)
    return float(frame[y : y + BOX_SIDE, x : x + BOX_SIDE].mean())


def _case(reading: Reading) -> dict[str, Any]:
    found, index = reading.whole, _index(reading.whole)
    return {
        "case": reading.patient.name,
        "fat_percent": reading.patient.fat,
        "value_percent": round(found.value_percent, 3),
        "interval": [round(found.interval.low, 3), round(found.interval.high, 3)],
        "probability": round(found.probability, 4),
        "hepatorenal_index": round(index, 4) if np.isfinite(index) else None,
        "refused": found.out_of_distribution,
        "unusual": found.unusual,
    }
