"""Nested leave-one-patient-out answers of the steatosis model's recipe, from cached readings; no torch needed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.byra2018_figures import Answers, stacked_answers
from steatoscope.learning.inference.us_steatosis_judge import grade_set
from steatoscope.learning.inference.us_steatosis_path import PathHeads
from steatoscope.learning.training.us_steatosis_fit import (
    Material,
    MemberSpec,
    Recipe,
    fit_member,
    fit_path,
    fit_path_and_error,
)
from steatoscope.learning.training.us_steatosis_tables import FOLDS, Table

CLEAN, FIRST = "none", "first frame only"

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Study:
    """Tables by scanner setting, each patient's fold, and the biopsies' fat in percent."""

    tables: Mapping[str, Table]
    folds: list[int]
    fat: Values

    def readings(self, setting: str, localiser: int) -> dict[str, Values]:
        """Readings (patients, size) of a setting by the localisers that leave out a fold; the first frame's too."""
        table = self.tables[CLEAN if setting == FIRST else setting]
        values = (table.first if setting == FIRST else table.values)[:, localiser]
        return {name: values[:, cut] for name, cut in table.columns.items()}

    def copies(self) -> list[str]:
        """Names of the random copies that take part in a fit."""
        return [name for name in self.tables if name.startswith("copy ")]

    def settings(self) -> list[str]:
        """Names of the settings a fit is tested under."""
        return [name for name in self.tables if not name.startswith("copy ")] + [FIRST]


def nested(study: Study, recipe: Recipe, *, seed: int = 0, copies: bool = True) -> dict[str, Answers]:
    """Answers under every setting, every patient by a fit that has not seen it.

    A patient of fold f is left out of a fit on readings by the localisers that left out fold f as well as the training
    patient's own fold; calibration comes from inner folds of the training patients. So nothing that leads to a
    patient's answer has seen the patient.
    """
    ready = {fold: _material(study, fold, copies=copies) for fold in range(FOLDS)}
    tests = {(s, f): study.readings(s, f) for s in study.settings() for f in range(FOLDS)}
    rows: dict[str, list[Mapping[str, Any]]] = {setting: [] for setting in study.settings()}
    everyone = np.arange(study.fat.size)
    for i in everyone:
        fold = study.folds[int(i)]
        path = fit_path(ready[fold], everyone[everyone != i], recipe, seed)
        for setting, found in rows.items():
            found.append(_answer(path, {name: v[int(i)] for name, v in tests[setting, fold].items()}))
    return {setting: stacked_answers(found) for setting, found in rows.items()}


def nested_choice(study: Study, recipes: Mapping[str, Recipe], *, seed: int = 0) -> tuple[Answers, dict[str, int]]:
    """Answers on clean frames where the recipe, too, is chosen without the patient; and how often each was chosen.

    For every patient left out, the recipe with the least mean absolute error over the inner folds of the others.
    """
    ready = {fold: _material(study, fold, copies=True) for fold in range(FOLDS)}
    rows: list[Mapping[str, Any]] = []
    chosen = dict.fromkeys(recipes, 0)
    everyone = np.arange(study.fat.size)
    for i in everyone:
        fold, others = study.folds[int(i)], everyone[everyone != i]
        fits = {name: fit_path_and_error(ready[fold], others, recipe, seed) for name, recipe in recipes.items()}
        best = min(fits, key=lambda name: fits[name][1])
        chosen[best] += 1
        rows.append(_answer(fits[best][0], {name: v[int(i)] for name, v in ready[fold].clean.items()}))
    return stacked_answers(rows), chosen


def left_out_ridge(study: Study, specs: tuple[MemberSpec, ...]) -> Values:
    """The mean of ridge members on clean frames, each patient left out: the square root of fat."""
    ready = {fold: _material(study, fold, copies=False) for fold in range(FOLDS)}
    everyone, found = np.arange(study.fat.size), np.empty(study.fat.size)
    for i in everyone:
        part = ready[study.folds[int(i)]]
        members = [fit_member(spec, part, everyone[everyone != i], 1.0, "ridge") for spec in specs]
        readings = {name: v[int(i)] for name, v in part.clean.items()}
        found[i] = np.mean([float(member.score(readings)) for member in members])
    return found


def _material(study: Study, fold: int, *, copies: bool) -> Material:
    names = study.copies() if copies else []
    return Material(study.readings(CLEAN, fold), tuple(study.readings(name, fold) for name in names), study.fat)


def _answer(path: PathHeads, readings: Mapping[str, Values]) -> dict[str, Any]:
    found = path.distribution(readings)
    low, high = path.judge.interval(found)
    return {
        "detection": float(path.detection.score(readings)),
        "value": found.value_percent,
        "probability": found.probability,
        "low": low,
        "high": high,
        "set": grade_set(found.grades(), path.judge.grade_limit),
    }
