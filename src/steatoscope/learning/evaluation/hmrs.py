"""Recipe R4 (Colantonio et al.) from plan to document: simulated clips of two views, or real frames of one.

Plans ``small``, ``medium`` and ``full`` simulate their subjects and train one view, the other, and both; ``real-small``
and ``real-full`` train the one-branch network on patients of a folder laid out as Byra 2018, on the histology scale.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from steatoscope.learning.evaluation.hmrs_cv import Told, cross_validated, outer_folds, parts_of
from steatoscope.learning.evaluation.hmrs_document import document
from steatoscope.learning.evaluation.hmrs_manifest import manifest
from steatoscope.learning.evaluation.hmrs_plans import PLANS, HmrsPlan, Plan, RealPlan, claim, plan_named, study_of
from steatoscope.learning.evaluation.hmrs_train import train_r4
from steatoscope.learning.training.hmrs_folds import How, weights_record

__all__ = ["PLANS", "HmrsPlan", "RealPlan", "run_hmrs", "run_r4", "train_r4"]


def run_r4(
    plan: str,
    data: Path | None,
    out: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    weights: str | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Cross-validate a plan by its name; see :func:`run_hmrs`. Raises UsageError for an unknown plan."""
    return run_hmrs(plan_named(plan), data, out, seed=seed, resume=resume, weights=weights, told=told)


def run_hmrs(
    plan: Plan,
    data: Path | None,
    out: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    weights: str | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Cross-validate all networks of a plan and return the benchmark's document; finished folds are kept in ``out``.

    With ``resume`` finished folds are read back and a broken one goes on from its checkpoint; the figures are then
    those of an uninterrupted run on the same machine. ``weights`` is a file of one-view weights to start from, or
    "random". Raises UsageError where ``out`` holds another run, or one and ``resume`` is not asked for.
    """
    begun = time.perf_counter()
    record = weights_record(weights)
    claim(out, plan, data, seed=seed, resume=resume, weights=weights)
    study = study_of(plan, data, out, seed, told)
    parts = parts_of(study, seed)
    how = How(epochs=plan.epochs, bf16=plan.bf16, seed=seed, resume=resume, weights=weights)
    readings = cross_validated(study, parts, out, how, told)
    found = document(plan.name, study, outer_folds(study, seed), readings, seed=seed, weights=record)
    seconds = time.perf_counter() - begun
    return {
        **found,
        "manifest": manifest(plan, study, parts, readings, seed=seed, weights=record, seconds=seconds),
    }
