"""Benchmark ``uncertainty``: do intervals and grade sets hold the truth as often as they say, are probabilities honest?

Simulated cohorts judge the statistics by Monte Carlo, simulated CT and MR the error budgets; where the folder of real
data is given, the ultrasound recipe is judged on Byra 2018 with every patient left out. Rows say which is which.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from steatoscope.learning.evaluation.report_evidence import Evidence
from steatoscope.learning.evaluation.trust_uncertainty_byra2018 import (
    byra2018_cases,
    byra2018_pictures,
    byra2018_rows,
)
from steatoscope.learning.evaluation.trust_uncertainty_calibration import GOAL, calibration_pictures, calibration_rows
from steatoscope.learning.evaluation.trust_uncertainty_coverage import LEVEL, TESTED, coverage_rows
from steatoscope.learning.evaluation.trust_uncertainty_left_out import LeftOut, found_folder, left_out
from steatoscope.learning.evaluation.trust_uncertainty_phantoms import phantom_rows

_LOG: Final = logging.getLogger(__name__)
_OFTEN: Final = 10


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is drawn: splits of a Monte Carlo row, cohorts of a calibration row, phantoms, bootstrap resamples."""

    splits: int
    cohorts: int
    phantoms: int
    resamples: int


FULL: Final = Sizes(splits=400, cohorts=200, phantoms=30, resamples=2000)
QUICK: Final = Sizes(splits=20, cohorts=5, phantoms=2, resamples=200)


def run_uncertainty(data: Path | None, *, seed: int, out: Path | None = None, quick: bool = False) -> dict[str, Any]:
    """The benchmark's document; ``data`` is the folder of all real sets, in which ``us/byra2018`` is read where it is.

    ``quick`` draws little and reads no real patient. Raises what the reader of the set raises for a bad folder.
    """
    del out
    sizes = QUICK if quick else FULL
    folder = None if data is None or quick else found_folder(data)
    rows = coverage_rows(sizes.splits, seed) | calibration_rows(sizes.cohorts, seed)
    _LOG.info("simulated cohorts done")
    phantoms, refused = phantom_rows(sizes.phantoms, seed, _tell)
    real = None if folder is None else left_out(folder, seed, _tell)
    if real is not None:
        rows = byra2018_rows(real, seed, sizes.resamples) | rows
    return {
        "name": "uncertainty",
        "data": _words(sizes, seed, real),
        "n_subjects": sizes.phantoms + (0 if real is None else int(real.fat.size)),
        "n_images": 2 * sizes.phantoms,
        "left_out": refused,
        "results": rows | phantoms,
        "cases": [] if real is None else byra2018_cases(real),
        "configuration": {
            "quick": quick,
            "seed": seed,
            "level": LEVEL,
            "splits": sizes.splits,
            "cohorts": sizes.cohorts,
        },
        "evidence": Evidence(reliabilities=_pictures(real, seed), notes=_notes(real)),
    }


def _pictures(real: LeftOut | None, seed: int) -> tuple[Any, ...]:
    return (*(() if real is None else byra2018_pictures(real)), *calibration_pictures(seed))


def _words(sizes: Sizes, seed: int, real: LeftOut | None) -> str:
    simulated = (
        f"simulated cohorts (seed {seed}), {sizes.splits} splits a row with {TESTED} tested patients each, "
        f"{sizes.cohorts} cohorts a calibration row; {sizes.phantoms} simulated livers by CT and MR"
    )
    return simulated if real is None else f"byra2018, {real.fat.size} patients (real); {simulated}"


def _notes(real: LeftOut | None) -> tuple[str, ...]:
    notes = [
        "Simulated cohorts judge the statistics, not a model: they validate no interval of the ultrasound model.",
        "Coverage by grade is conditional on the truth. A limit for all patients promises coverage of patients as a "
        "whole, and gives less in the grades that are harder to read.",
        "An interval after a conformal coverage is that of the mean over splits; after calibration figures it holds "
        "95 % of single cohorts; after phantoms and real patients it is the exact binomial one.",
        f"ece_if_calibrated is what a perfectly calibrated model would average at that size. The goal of {GOAL:g} is "
        "compared with the error after the line (grades: after the temperature).",
        "Phantoms follow one CT equation and one fat spectrum unless others are drawn, and are never scanned twice: "
        "that their whole interval covers more than its level is expected, and says nothing about patients.",
    ]
    if real is not None:
        notes.append(
            "byra2018 (real): heads, calibration and limits never see the patient; the shipped localiser has seen the "
            "patient's boxes, not its fat. 40 patients, one scanner: intervals are wide."
        )
    return tuple(notes)


def _tell(what: str, done: int, of: int) -> None:
    if done == of or done % _OFTEN == 0:
        _LOG.info("%s: %d of %d", what, done, of)
