"""Answers of the ultrasound recipe on Byra 2018, every patient by heads that were fitted without the patient.

The networks are those that ship: frozen features, and a localiser that was taught by boxes of these patients, though
never by their fat. ``benchmark byra2018`` leaves the patients out of the localiser too, which takes hours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.inference.byra2018_data import Patient, read_byra2018
from steatoscope.learning.inference.us_steatosis import SteatosisModel, load_us_steatosis, view_readings
from steatoscope.learning.inference.us_steatosis_judge import GRADES, grade_index, grade_set
from steatoscope.learning.inference.us_steatosis_path import PathHeads
from steatoscope.learning.training.us_steatosis_fit import Material, fit_path
from steatoscope.learning.training.us_steatosis_recipes import RECIPES
from steatoscope.learning.training.us_steatosis_tables import studied

PLACES: Final = ("us/byra2018", "byra2018", ".")
Values = NDArray[np.float64]
Told = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class LeftOut:
    """One row a patient: biopsy fat, value and bounds in percent, grade probabilities (n, 4), grade sets (n, 4).

    ``steatosis`` (n,) is the probability of fat >= 5 %, ``members`` (members, n) the value by each member alone.
    """

    fat: Values
    value: Values
    low: Values
    high: Values
    steatosis: Values
    grades: Values
    sets: NDArray[np.bool_]
    members: Values

    @property
    def grade(self) -> NDArray[np.intp]:
        """The biopsy's grade 0-3."""
        return grade_index(self.fat)


def found_folder(data: Path) -> Path | None:
    """Where the set lies within the folder of all data, or None."""
    return next((data / place for place in PLACES if (data / place / "labels.csv").is_file()), None)


def left_out(folder: Path, seed: int, told: Told | None = None) -> LeftOut:
    """Answers for all patients of a folder, each by heads fitted and calibrated on the others."""
    patients, model = read_byra2018(folder), load_us_steatosis()
    rows = []
    for number, patient in enumerate(patients):
        rows.append(_readings(patient, model))
        if told is not None:
            told("read", number + 1, len(patients))
    readings = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    fat = np.array([patient.fat for patient in patients])
    material, everyone = Material(readings, (), fat), np.arange(fat.size)
    answers = []
    for i in everyone:
        path = fit_path(material, everyone[everyone != i], RECIPES["kidney"], seed)
        answers.append(_answer(path, {name: value[int(i)] for name, value in readings.items()}))
        if told is not None:
            told("left out", int(i) + 1, fat.size)
    columns = {name: np.array([answer[name] for answer in answers]) for name in answers[0]}
    return LeftOut(fat=fat, **{**columns, "members": columns["members"].T})


def _readings(patient: Patient, model: SteatosisModel) -> dict[str, Values]:
    study = studied(patient.frames, model.lite_maps)
    return view_readings(study, model.locate(study.channels))


def _answer(path: PathHeads, readings: dict[str, Values]) -> dict[str, Any]:
    judged = path.distribution(readings)
    low, high = path.judge.interval(judged)
    grades = judged.grades()
    kept = grade_set(grades, path.judge.grade_limit)
    return {
        "value": judged.value_percent,
        "low": low,
        "high": high,
        "steatosis": judged.probability,
        "grades": [grades[name] for name in GRADES],
        "sets": [name in kept for name in GRADES],
        "members": path.member_values(readings),
    }
