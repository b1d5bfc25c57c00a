"""Documents of recipe R4's benchmark: rows of networks, baselines and published figures, with what is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.learning.evaluation.baselines import Fold
from steatoscope.learning.evaluation.hmrs_baselines import real_baselines, simulated_baselines
from steatoscope.learning.evaluation.hmrs_scores import (
    MRS,
    Grading,
    by_frame,
    by_subject,
    counts_of,
    figures,
    grading_for,
)
from steatoscope.learning.evaluation.report_evidence import Agreement, Confusion, Evidence
from steatoscope.learning.recipes import recipe_named
from steatoscope.learning.training.hmrs_folds import HmrsReading
from steatoscope.learning.training.hmrs_study import HmrsStudy

NAME: Final = "r4-hmrs-regression"
NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AR": "one view, AR (simulated)",
        "HR": "one view, HR (simulated)",
        "both": "two branches (simulated)",
        "real": "one branch, real frames",
    }
)
_OPEN: Final = (
    "Left open by the publication and chosen here: 3x3 kernels, 'same' padding, a dense layer of 64, a fifth of the "
    "training subjects watching for the end, branches taken from the same fold so that no test subject was seen."
)
_PUBLISHED: Final = (
    "Published figures are of 10 hand-picked patients with frames counted as samples (their own fold mean is an RMSE "
    "of 1.52), on real clips of one scanner: not comparable with ours."
)
_SIMULATED: Final = (
    "All images are simulated: these figures show that the recipe runs and learns, not what it would do on patients."
)
_REAL: Final = (
    "Fat is by biopsy in percent of hepatocytes (0-80), not MRS fat fraction, and the frames show liver and kidney in "
    "one view of another scanner: the published errors are on another scale."
)
_START: Final = "The networks start from random weights."
Values = NDArray[np.float64]


def document(
    plan: str,
    study: HmrsStudy,
    folds: Sequence[Fold],
    readings: Sequence[HmrsReading],
    *,
    seed: int,
    weights: Mapping[str, Any],
) -> dict[str, Any]:
    """The benchmark's document with evidence, without its manifest."""
    grading = grading_for(study.scale)
    answers = {b: by_subject(readings, b, study.fat) for b in dict.fromkeys(r.branch for r in readings)}
    results: dict[str, Any] = {}
    for branch, values in answers.items():
        results[_titled(study, NAMES[branch])] = figures(values, study.fat, np.arange(len(study.fat)), grading)
        results[_titled(study, f"{NAMES[branch]}, by frame")] = figures(*by_frame(readings, branch), grading)
    baselines = simulated_baselines if study.cohort else real_baselines
    for name, values in baselines(study, folds, seed).items():
        results[_titled(study, name)] = figures(values, study.fat, np.arange(len(study.fat)), grading)
    return {
        "name": NAME,
        "data": _data(plan, study),
        "n_subjects": len(study.names),
        "n_images": study.frame_count,
        "left_out": 0,
        "results": {**results, **{name: dict(row) for name, row in recipe_named(NAME).published.items()}},
        "cases": [_case(study, answers, number) for number in range(len(study.names))],
        "evidence": _evidence(study, answers, grading, weights),
    }


def _titled(study: HmrsStudy, row: str) -> str:
    """The name of a row, said to be simulated where the images are."""
    return row if study.cohort or not study.simulated else f"{row} (simulated)"


def _data(plan: str, study: HmrsStudy) -> str:
    if study.cohort:
        limits = " / ".join(map(str, MRS.profile.limits))
        return f"simulated cohort, plan {plan}: {len(study.names)} subjects, limits {limits} %"
    source = "Byra 2018" if study.source is None or study.source.name == "byra2018" else study.source.name
    label = "simulated, " if study.simulated else ""
    return f"{label}{source}, plan {plan}: {len(study.names)} patients, fat on the {study.scale} scale"


def _case(study: HmrsStudy, answers: Mapping[str, Values], number: int) -> dict[str, Any]:
    values = {NAMES[branch]: round(float(found[number]), 3) for branch, found in answers.items()}
    return {"case": study.names[number], "fat_percent": round(float(study.fat[number]), 3), **values}


def _about(study: HmrsStudy) -> Iterator[str]:
    if study.simulated:
        yield _SIMULATED
    if study.source is not None:
        yield _REAL if study.source.name == "byra2018" else f"The patients are the user's own, fat on {study.scale}."


def _evidence(
    study: HmrsStudy, answers: Mapping[str, Values], grading: Grading, weights: Mapping[str, Any]
) -> Evidence:
    unit = "% of hepatocytes" if study.scale == "histology" else "% fat"
    start = _START if weights.get("sha256") is None else f"The networks start from {weights['source']}."
    return Evidence(
        notes=(*_about(study), _PUBLISHED, _OPEN, start),
        agreements=tuple(
            Agreement(f"{NAMES[branch]} against the truth", unit, values, study.fat)
            for branch, values in answers.items()
        ),
        confusions=tuple(
            Confusion(
                f"Classes by subject: {NAMES[branch]}", tuple(grading.labels), counts_of(values, study.fat, grading)
            )
            for branch, values in answers.items()
        ),
    )
