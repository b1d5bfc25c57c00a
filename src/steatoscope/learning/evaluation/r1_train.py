"""Training of recipe R1 on every patient, and the packed model that comes of it.

Cross-validation goes first: its left-out patients give figures, temperature, interval and the healthy baseline, so that
nothing of the model is judged by what its heads have learnt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steatoscope.core.errors import UsageError
from steatoscope.learning.evaluation.r1_data import PLANS, read_study
from steatoscope.learning.evaluation.r1_fit import TOP, answers_of, fit_heads
from steatoscope.learning.evaluation.r1_read import detector_named, read_regions
from steatoscope.learning.evaluation.r1_scores import LEAST_SPREAD, Truth, calibration_row, row_of
from steatoscope.learning.inference.r1_heads import RegionHeads
from steatoscope.learning.recipes import plan_of, recipe_named
from steatoscope.learning.training.grading_outputs import fitted_temperature
from steatoscope.learning.training.r1_pack import Learnt, pack_r1
from steatoscope.learning.training.r1_regions import PatientRegions, check_unseen
from steatoscope.science.clinical.grades import LABELS
from steatoscope.science.uncertainty.conformal import conformal_quantile

LEVEL: Final = 0.9
LEAST_SHARE: Final = 1e-6
Values = NDArray[np.float64]
Told = Callable[[str], None]


def train_r1(
    data: Path | None,
    out: Path,
    *,
    seed: int,
    steps: int | None,
    resume: bool,
    plan: str = "full",
    weights: str | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Fit the heads on every patient and pack the model in ``out``; frames are read into ``out/work`` first.

    Raises as ``run_r1``, and UsageError for ``steps``: nothing here is trained in steps.
    """
    if steps is not None:
        raise UsageError("recipe R1 fits linear models: it takes no --steps")
    size = PLANS[plan_of(recipe_named("r1-unet-rcnn"), plan)]
    study, model = read_study(data, size, seed), detector_named(weights)
    check_unseen(model, study.samples)
    regions = read_regions(model, study, out / "work", resume=resume, told=told)
    heads, figures = fit_regions(regions, study.truth, seed)
    source = study.source
    packed = pack_r1(out, model, Learnt(
        heads=heads, figures=figures, records=study.records(), source=source.name, citation=source.citation,
        licence=source.licence, scale=study.scale, simulated=study.simulated, seed=seed,
        plan={**asdict(size), "patients": len(study.chosen)},
    ))  # fmt: skip
    return {
        "model": packed.name, "sha256": packed.sha256, "patients": len(study.chosen), "scale": study.scale,
        "simulated": study.simulated, "results": figures,
    }  # fmt: skip


def fit_regions(regions: Sequence[PatientRegions], truth: Truth, seed: int) -> tuple[RegionHeads, dict[str, Any]]:
    """Heads fitted on every patient with what left-out patients say of them, and the figures of those patients."""
    answers = answers_of(regions, truth, seed)
    first, roots = answers[0], np.sqrt(truth.fat)
    own = fit_heads(regions, truth.grade, truth.fat, seed)
    quantile = conformal_quantile(np.clip(first.roots, 0.0, TOP) - roots, LEVEL)
    heads = RegionHeads(
        low=own.low,
        high=own.high,
        classes=tuple(LABELS[int(k)] for k in own.classes),
        grade=own.grade,
        root=own.root,
        temperature=fitted_temperature(np.log(np.maximum(first.shares, LEAST_SHARE)), truth.grade),
        quantile=quantile if math.isfinite(quantile) else None,
        healthy=_healthy(first.roots[truth.grade == 0]),
        local=first.local,
        usual=float(first.outside.max()),
    )
    figures = row_of([one.answer for one in answers], truth)
    return heads, figures | calibration_row(first.roots, 1.0 - first.shares[:, 0], truth)


def _healthy(roots: Values) -> tuple[float, float]:
    """Median and scaled median absolute deviation, the latter kept above nothing."""
    middle = float(np.median(roots))
    return middle, max(1.4826 * float(np.median(np.abs(roots - middle))), LEAST_SPREAD)
