"""Recipe R3: the ladder from a plain network to fused views and ensembles, on identical folds by patient."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from steatoscope.learning.evaluation.grading_baselines import baseline_rows
from steatoscope.learning.evaluation.grading_manifest import NOT_RUN, manifest, marked, weights_note
from steatoscope.learning.evaluation.grading_scores import (
    LIMITS,
    Graded,
    by_patient,
    counts_of,
    scored,
    shipped_calibration,
)
from steatoscope.learning.evaluation.r2 import cases
from steatoscope.learning.evaluation.report_evidence import Agreement, Confusion, Evidence, Reliability, Roc
from steatoscope.learning.recipes import recipe_named
from steatoscope.learning.training.grading_cv import LIVER, cross_r3
from steatoscope.learning.training.grading_data import GradingSet, read_grading
from steatoscope.learning.training.grading_folds import GradingPlan, r3_folds
from steatoscope.learning.training.grading_keep import Reading
from steatoscope.science.clinical.grades import LABELS

NAME: Final = "r3-multiview"
ROWS: Final[Mapping[str, str]] = {
    "plain": "baseline CNN, from scratch",
    "pooled": "lite0, frozen, two heads",
    LIVER: "lite0, frozen, two heads, liver region",
    "attention": "lite0 + attention",
    "attention, representative": "lite0 + attention, 3 representative frames",
    "fusion-3": "lite0, fusion of 3 frames",
    "fusion-all": "lite0, fusion of all frames",
    "fusion-2 of 3": "lite0, fusion of 3 frames, one missing",
    "ensemble": "ensemble of five lite0 + attention",
}
PLANS: Final = {
    "small": GradingPlan("small", epochs=3, variants=1, folds=5, run_folds=1, members=2),
    "full": GradingPlan(
        "full", epochs=20, variants=5, folds=5, run_folds=5, members=5, plain_epochs=20, liver=True
    ),
}  # fmt: skip
NOTES: Final = (
    NOT_RUN,
    "The views that are fused are frames of one view: the set has no others. Published figures name no sample size.",
    "The ladder's rows were fixed beforehand; all that were run are here, and none was chosen by its figures.",
    "A quarter of each fold's training patients chooses the weights that stay and the temperature: about eight "
    "patients, so that calibration is uncertain. ece_uncalibrated is before, ece after.",
    "Intervals at 90 % take the residuals of the other folds' test patients.",
    "The baseline CNN is the five convolutions of recipe R4 with pooling, on 112 x 112 pixels, from random weights.",
)
Told = Callable[[str], None]


def run_r3(
    plan: str,
    data: Path | None,
    out: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    weights: str | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """The benchmark's document of R3 on a folder laid out as Byra 2018; finished fits are kept in ``out``.

    ``weights`` is a file, ``random`` or ``package`` (of EfficientNet-lite0, the default).
    """
    document, _, _ = _run(plan, data, out, seed=seed, resume=resume, weights=weights, told=told)
    return document


def _run(
    plan: str,
    data: Path | None,
    out: Path,
    *,
    seed: int,
    resume: bool,
    weights: str | None,
    told: Told | None,
    baselines: bool = True,
) -> tuple[dict[str, Any], dict[str, list[Reading]], Any]:
    from steatoscope.learning.training.grading_features import feature_bank

    size, began = PLANS[plan], time.perf_counter()
    found = read_grading(data)
    folds = r3_folds(found, size, seed)
    kind = weights or "package"
    banks = {"sector": feature_bank(found, size.encoder, kind, variants=size.variants, told=told)}
    if size.liver:
        liver = read_grading(data, "liver-224")
        banks["liver"] = feature_bank(liver, size.encoder, kind, variants=size.variants, told=told)
    readings = cross_r3(banks, size, out / "r3", seed=seed, resume=resume, told=told)
    graded = {name: by_patient(parts, found) for name, parts in readings.items()}
    rows = _rows(graded, seed, banks["sector"].weights, size)
    if baselines:
        rows |= baseline_rows(found, folds, seed, frames=4 if plan == "full" else 1)
    seconds = time.perf_counter() - began
    document = {
        **_document(found, size, graded["ensemble"], rows),
        "manifest": {
            **manifest(found, size, folds, seed=seed, weights=banks["sector"].weights, seconds=seconds),
            "temperatures": {name: list(one.temperatures) for name, one in graded.items()},
        },
        "evidence": _evidence(graded, banks["sector"].weights),
    }
    return document, readings, banks["sector"]


def _rows(graded: Mapping[str, Graded], seed: int, weights: Mapping[str, Any], plan: GradingPlan) -> dict[str, Any]:
    tail = " (random weights)" if weights["source"] == "random" else ""
    found = {}
    for name, one in graded.items():
        words = ROWS[name] if name != "ensemble" else f"ensemble of {plan.members} lite0 + attention"
        found[f"{words}{tail if name != 'plain' else ''}"] = scored(one, seed=seed)
    return found


def _document(data: GradingSet, plan: GradingPlan, last: Graded, rows: dict[str, Any]) -> dict[str, Any]:
    frames = int(np.isin(data.patient, last.patient).sum())
    return {
        "name": NAME,
        "data": f"{data.words}; plan {plan.name}",
        "n_subjects": len(last.patient),
        "n_images": frames,
        "left_out": len(data) - frames,
        "results": {**marked(rows, data), **{name: dict(row) for name, row in recipe_named(NAME).published.items()}},
        "cases": cases(data, last),
    }


def _evidence(graded: Mapping[str, Graded], weights: Mapping[str, Any]) -> Evidence:
    last = graded["ensemble"]
    steatosis = last.true_fat >= LIMITS[0]
    rocs = tuple(
        Roc("Fat >= 5 %, by patient", ROWS[name], steatosis, 1.0 - one.probability[:, 0])
        for name, one in graded.items()
        if name in ("plain", "pooled", "attention", "fusion-3", "ensemble") and 0 < steatosis.sum() < len(steatosis)
    )
    curves = (("before", last.uncalibrated), ("after", last.probability))
    return Evidence(
        rocs=rocs,
        confusions=(Confusion("Four grades by patient, ensemble", tuple(LABELS), counts_of(last)),),
        reliabilities=tuple(
            Reliability("Fat >= 5 %, ensemble", f"{when} calibration", np.clip(1.0 - p[:, 0], 0.0, 1.0), steatosis)
            for when, p in curves
        ),
        agreements=(Agreement("Ensemble against the reference", "percent", last.fat, last.true_fat),),
        notes=(weights_note(weights), *NOTES),
    )


def train_r3(
    data: Path | None,
    out: Path,
    *,
    seed: int,
    steps: int | None,
    resume: bool,
    plan: str = "full",
    weights: str | None = None,
    rung: str = "ensemble",
) -> dict[str, Any]:
    """Cross-validate R3, train the ensemble (or the ``fusion`` of views) on every patient, and pack it in ``out``."""
    from steatoscope.learning.training.grading_pack import pack_ensemble, pack_fusion

    document, readings, bank = _run(
        plan, data, out / "work", seed=seed, resume=resume, weights=weights, told=None, baselines=False
    )  # fmt: skip
    kind, pack = ("ensemble", pack_ensemble) if rung == "ensemble" else ("fusion-3", pack_fusion)
    row = scored(by_patient(readings[kind], bank.data), seed=seed)
    found = _calibration(kind, readings[kind], bank, row)
    packed = pack(bank, PLANS[plan], weights or "package", out, found, seed=seed, steps=steps)
    return {"model": packed.name, "patients": len(bank.data.names), "results": row, "cases": len(document["cases"])}


def _calibration(kind: str, readings: Sequence[Reading], bank: Any, row: Mapping[str, Any]) -> Any:
    from steatoscope.learning.training.grading_card import grading_card
    from steatoscope.learning.training.grading_pack import Calibration

    temperature, half = shipped_calibration(readings, bank.data)
    best = max(1, int(np.median([reading.best_step for reading in readings])))
    title, words = (
        ("r3-ensemble", "Grades steatosis and reads fat on B-mode frames: an ensemble with attention (recipe R3).")
        if kind == "ensemble"
        else ("r3-fusion", "Grades steatosis and reads fat on any number of frames, fused (recipe R3).")
    )
    card = grading_card(title, words, row, bank.data.source, bank.weights)
    return Calibration(best, temperature, half, row, card)
