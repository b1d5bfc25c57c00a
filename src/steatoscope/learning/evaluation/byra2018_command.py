"""The ultrasound steatosis benchmark and recipe as the commands call them, with what their report draws."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.evaluation.byra2018_score import score_byra2018 as score_patients
from steatoscope.learning.evaluation.report_evidence import Agreement, Confusion, Evidence, Reliability, Roc
from steatoscope.learning.inference.r1_model import RegionModel, is_region_grader
from steatoscope.learning.inference.us_first import read_model
from steatoscope.learning.inference.us_graph import GraphModel
from steatoscope.learning.inference.us_graph_settings import is_graph_grader
from steatoscope.learning.inference.us_steatosis import read_us_steatosis
from steatoscope.learning.inference.us_steatosis_judge import GRADES, grade_index
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.science.metrics.classification import confusion_matrix

FIRST_MODEL, HEADS = "us-first", "heads.json"
STEATOSIS, MODERATE = 5.0, 33.0
PLACES = (".", "byra2018", "us/byra2018")


def run_byra2018(data: Path, *, seed: int, out: Path, quick: bool = False) -> dict[str, Any]:
    """Cross-validate the recipe on a folder laid out as Byra 2018, everything nested by patient; resumes from ``out``.

    Takes more than an hour on two cores. Raises UsageError for ``quick``: there is no smaller configuration that would
    still be nested.
    """
    from steatoscope.learning.evaluation.byra2018 import run_byra2018 as run_nested

    if quick:
        raise UsageError("benchmark byra2018 has no --quick configuration; score a model with --model instead")
    return with_evidence(run_nested(data, seed, out))


def score_byra2018(data: Path, model: ModelFolder, *, out: Path) -> dict[str, Any]:
    """Score a shipped or packed ultrasound fat model on the patients of a folder that it was not trained on.

    Raises UsageError where the model does not estimate fat, E_LEAK where no patient is left.
    """
    del out
    if HEADS in model.files:
        return with_evidence(score_patients(data, read_us_steatosis(model.folder), name=model.name))
    if is_graph_grader(model.settings):
        return with_evidence(score_patients(data, GraphModel(model), name=model.name))
    if is_region_grader(model.settings):
        return with_evidence(score_patients(data, RegionModel.open(model), name=model.name))
    if model.name == FIRST_MODEL:
        return with_evidence(score_patients(data, read_model(model), name=model.name))
    raise UsageError(f"{model.name} does not estimate liver fat; benchmark byra2018 takes us-steatosis or us-first")


def train_us_steatosis(data: Path, out: Path, *, seed: int, steps: int | None, resume: bool) -> dict[str, Any]:
    """Train the model, judge it by the nested benchmark, and pack it in ``out``.

    ``data`` holds Byra 2018 (and AUL beside it, for pre-training). Raises UsageError for ``steps``, E_PATH without
    the set, and what its reader raises.
    """
    from steatoscope.learning.evaluation.byra2018 import nested_document, study_of
    from steatoscope.learning.training.us_steatosis import ship, tables, train_localisers

    if steps is not None:
        raise UsageError("us-steatosis has no --steps: its localisers and heads have schedules of their own")
    folder = next((data / place for place in PLACES if (data / place / "labels.csv").is_file()), None)
    if folder is None:
        raise SteatoscopeError("E_PATH", path=str(data / "labels.csv"), cause="The folder holds no labels.csv.")
    work, aul = out / "work", folder.resolve().parent / "aul"
    if not resume and work.exists():
        shutil.rmtree(work)
    work.mkdir(parents=True, exist_ok=True)
    trained = train_localisers(folder, aul if (aul / "annotations.json").is_file() else None, work, seed)
    found = tables(trained)
    document = nested_document(folder, trained, study_of(trained, found), seed)
    packed = ship(trained, found, document, out)
    return {"model": packed.name, "patients": len(trained.patients), "results": document["results"][packed.name]}


def with_evidence(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with curves, confusion and agreement of its cases."""
    cases = [case for case in document["cases"] if not case.get("refused")]
    if not cases:
        return dict(document)
    fat, value, probability = (
        np.array([case[key] for case in cases], dtype=np.float64)
        for key in ("fat_percent", "value_percent", "probability")
    )
    row = next(iter(document["results"]))
    above = f"fat >= {STEATOSIS:g} %"
    counts = confusion_matrix(grade_index(fat), grade_index(value), len(GRADES))
    evidence = Evidence(
        rocs=(
            Roc(above, row, fat >= STEATOSIS, probability),
            Roc(f"fat > {MODERATE:g} %", row, fat > MODERATE, value),
        ),
        confusions=(Confusion(f"{row}, four grades", GRADES, counts),),
        reliabilities=(Reliability(above, row, probability, fat >= STEATOSIS),),
        agreements=(Agreement(row, "percent of hepatocytes", value, fat),),
        notes=tuple(_notes(document)),
    )
    return {**document, "evidence": evidence}


def _notes(document: Mapping[str, Any]) -> list[str]:
    notes = [
        _difference(name, metric, values)
        for name, values in document.get("differences", {}).items()
        for metric in ("auc", "mae_percent")
        if metric in values
    ]
    notes += [
        f"{name}: AUC {values['auc']:.3f}, change {values['auc_change']:+.3f}, mean shift of fat "
        f"{values['mean_shift_percent']:+.1f} points, largest {values['largest_shift_percent']:.1f}."
        for name, values in document.get("robustness", {}).items()
    ]
    refused = sum(bool(case.get("refused")) for case in document["cases"])
    return (
        [*notes, f"{refused} of {len(document['cases'])} patients refused; curves leave them out."]
        if refused
        else notes
    )


def _difference(name: str, metric: str, values: Mapping[str, Any]) -> str:
    low, high = values[f"{metric}_ci"]
    return f"{name}: {metric} {values[metric]:+.3f} ({low:+.3f} to {high:+.3f})."
