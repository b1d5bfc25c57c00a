"""Training of recipe R4 on every subject, and the packed models that come of it.

Cross-validation goes first (in ``out/folds``; a benchmark's folder of the same plan may be put there): the median
epoch that its folds kept is the length of the training on everything, where nobody is left to watch for the end, and
its left-out residuals give the interval. With ``steps`` there is none, and the interval is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from steatoscope.learning.evaluation.hmrs_cv import Told, branches_of, cross_validated, parts_of
from steatoscope.learning.evaluation.hmrs_plans import Plan, claim, plan_named, study_of
from steatoscope.learning.evaluation.hmrs_scores import by_subject, figures, grading_for
from steatoscope.learning.training.hmrs_folds import Branch, HmrsReading, How, weights_record
from steatoscope.learning.training.hmrs_pack import Trained, pack_hmrs
from steatoscope.learning.training.hmrs_study import HmrsStudy
from steatoscope.learning.training.hmrs_whole import fit_whole
from steatoscope.science.uncertainty.conformal import conformal_quantile

LEVEL: Final = 0.9
FOLDERS: Final[Mapping[Branch, str]] = {"AR": ".", "HR": "HR", "both": "two-branch", "real": "."}


@dataclass(frozen=True, eq=False)
class _Known:
    """What cross-validation says of one kind of network."""

    epochs: int
    half_width: float | None
    figures: Mapping[str, Any]


def train_r4(
    data: Path | None,
    out: Path,
    *,
    seed: int = 0,
    steps: int | None = None,
    resume: bool = False,
    plan: str = "full",
    weights: str | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Train on all subjects of a plan and pack the models; says where they are and how they were trained.

    Simulated plans leave the AR network in ``out``, the HR network in ``out/HR``, both views in ``out/two-branch``;
    plans on real patients leave one network in ``out``. Raises as ``run_r4``.
    """
    return train_hmrs_models(
        plan_named(plan), data, out, seed=seed, steps=steps, resume=resume, weights=weights, told=told
    )


def train_hmrs_models(
    plan: Plan,
    data: Path | None,
    out: Path,
    *,
    seed: int = 0,
    steps: int | None = None,
    resume: bool = False,
    weights: str | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """As :func:`train_r4`, of a plan."""
    record, folds = weights_record(weights), out / "folds"
    claim(folds, plan, data, seed=seed, resume=resume, weights=weights)
    study = study_of(plan, data, folds, seed, told)
    how = How(epochs=plan.epochs, bf16=plan.bf16, seed=seed, resume=resume, weights=weights)
    readings = [] if steps else cross_validated(study, parts_of(study, seed), folds, how, told)
    models = {}
    for branch in branches_of(study):
        known = _known(readings, branch, study, plan.epochs)
        if told is not None:
            told(f"all subjects, {branch}")
        network = fit_whole(out, branch, study.views, study.fat, replace(how, epochs=known.epochs), steps=steps)
        trained = Trained(
            branch=branch,
            network=network,
            seed=seed,
            length=f"{steps} steps" if steps else f"{known.epochs} epochs",
            weights=record,
            half_width=known.half_width,
            figures=known.figures,
            most_frames=plan.frames,
        )
        model = pack_hmrs(out / FOLDERS[branch], trained, study)
        models[model.name] = {
            "folder": FOLDERS[branch], "sha256": model.sha256, "length": trained.length,
            "half_width": trained.half_width,
        }  # fmt: skip
    return {"models": models, "plan": plan.name, "simulated": study.simulated, "weights": record}


def _known(readings: Sequence[HmrsReading], branch: Branch, study: HmrsStudy, epochs: int) -> _Known:
    """Length, interval and figures from left-out subjects; the plan's length alone where there are no folds."""
    own = [reading for reading in readings if reading.branch == branch]
    if not own:
        return _Known(epochs, None, {})
    values = by_subject(own, branch, study.fat)
    half = conformal_quantile(values - study.fat, LEVEL)
    kept = [reading.epochs for reading in own if reading.epochs]
    grading = grading_for(study.scale)
    return _Known(
        epochs=round(float(np.median(kept))) if kept else epochs,
        half_width=half if math.isfinite(half) else None,
        figures=figures(values, study.fat, np.arange(len(study.fat)), grading),
    )
