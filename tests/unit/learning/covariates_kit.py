"""A simulated cohort whose pictures say nothing and whose body mass index follows the grade, for the grading recipes.

As a program it prints the figures of left-out patients without and with the index, each with its interval.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from grading_kit import TINY, painted_folder

from steatoscope.learning.evaluation.grading_compare import compared
from steatoscope.learning.evaluation.grading_scores import Graded, by_patient, scored
from steatoscope.learning.training.grading_covariates import Covariates
from steatoscope.learning.training.grading_data import GradingSet, read_grading
from steatoscope.learning.training.grading_folds import Fold, r2_folds

FRAMES = 10
PLAN = replace(TINY, epochs=40)


def simulated_cohort(folder: Path) -> tuple[GradingSet, Covariates]:
    """24 simulated patients of one frame each, and their body mass index, unknown in a third."""
    fat = tuple(float(value) for value in np.repeat([2, 20, 50, 80], 6) + np.tile(np.arange(6), 4) / 10)
    data = read_grading(painted_folder(folder, fat=fat, frames=1))
    index = 24.0 + 4.0 * data.grade + np.random.default_rng(0).normal(0.0, 1.0, len(data.grade))
    index[::3] = np.nan
    return data, Covariates(("bmi_kg_m2",), index[:, None])


def simulated_answers(data: GradingSet, known: Covariates, out: Path) -> tuple[dict[str, Graded], list[Fold]]:
    """R2's answers of left-out patients on maps of noise, ten frames of each patient, without and with the index."""
    from steatoscope.learning.training.grading_cv import cross_r2
    from steatoscope.learning.training.grading_features import Bank
    from steatoscope.learning.training.grading_keep import Kept

    rows = np.repeat(np.arange(len(data)), FRAMES)
    fields: dict[str, Any] = {n: getattr(data, n)[rows] for n in ("grey", "inside", "patient", "quality", "view")}
    many = replace(data, source=data.source.subset(rows), **fields)
    maps = np.random.default_rng(1).normal(0.0, 0.1, (len(many), 1, 1280, 1, 1)).astype(np.float16)
    bank = Bank(many, maps, {"source": "made up", "sha256": None, "encoder": "none"}, "none", known)
    folds = r2_folds(many, PLAN, 0)
    out.mkdir(parents=True)
    found = cross_r2({"sector": bank}, PLAN, folds, Kept(out, len(folds), False, None), 0)
    return {name: by_patient(parts, many) for name, parts in found.items()}, folds


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        cohort, facts = simulated_cohort(Path(place) / "simulated")
        graded, _ = simulated_answers(cohort, facts, Path(place) / "r2")
    words = {name: f"{name} (simulated)" for name in graded}
    figures = {words[name]: scored(one, bounds=False) for name, one in graded.items()}
    pair = compared(graded, (("r2 last, clinical values", "r2 last"),), words, 0)
    json.dump({"results": figures, "comparison": pair}, sys.stdout, indent=1)
