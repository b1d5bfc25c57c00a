"""Recipe R2: four grades from one frame by a frozen encoder and a small head, 80/10/10 by patient."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from steatoscope.learning.evaluation.grading_baselines import baseline_rows
from steatoscope.learning.evaluation.grading_manifest import NOT_RUN, manifest, marked, weights_note
from steatoscope.learning.evaluation.grading_scores import (
    Graded,
    by_frame,
    by_patient,
    counts_of,
    scored,
    shipped_calibration,
)
from steatoscope.learning.evaluation.report_evidence import Confusion, Evidence, Roc
from steatoscope.learning.recipes import recipe_named
from steatoscope.learning.training.grading_cv import R2_BEST, R2_LAST, cross_r2
from steatoscope.learning.training.grading_data import GradingSet, read_grading
from steatoscope.learning.training.grading_folds import GradingPlan, r2_folds
from steatoscope.learning.training.grading_keep import Reading
from steatoscope.science.clinical.grades import LABELS

NAME: Final = "r2-resnet50-grading"
ROW: Final = "lite0, frozen, head of R2"
PLANS: Final = {
    "small": GradingPlan("small", epochs=10, variants=1, folds=10, run_folds=1),
    "full": GradingPlan("full", epochs=100, variants=5, folds=10, run_folds=10),
}
NOTES: Final = (
    NOT_RUN,
    "Ten splits of 80/10/10 by patient so that each patient is tested once and validates once; figures are pooled over "
    "the splits. Four test patients a split: no split says anything by itself.",
    "Mirrored left to right as published (the probe held the other way round), never upside down.",
    "Choices: hidden layer of 512, rate halved after 5 epochs without gain, 5 varied copies of each frame computed "
    "once.",
    "Which weights are kept is not published. First those of the best validation accuracy were kept; four patients "
    "chose weights of the first epochs, and the row with the last weights was added after that had been seen. The "
    "model that is packed keeps the last weights.",
    "The fat of a patient is the mean fat of the training patients' grades weighted by probability.",
)
Told = Callable[[str], None]


def run_r2(
    plan: str,
    data: Path | None,
    out: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    weights: str | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """The benchmark's document of R2 on a folder laid out as Byra 2018; finished splits are kept in ``out``.

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
    folds = r2_folds(found, size, seed)
    bank = feature_bank(found, size.encoder, weights or "package", variants=size.variants, told=told)
    readings = cross_r2(bank, size, out / "r2", seed=seed, resume=resume, told=told)
    rows, graded = _rows(found, readings, seed, bank.weights)
    if baselines:
        rows |= baseline_rows(found, folds, seed, frames=4 if plan == "full" else 1)
    seconds = time.perf_counter() - began
    document = {
        **_document(found, size, graded, rows),
        "manifest": manifest(found, size, folds, seed=seed, weights=bank.weights, seconds=seconds),
        "evidence": _evidence(graded, bank.weights),
    }
    return document, readings, bank


def _rows(
    data: GradingSet, readings: Mapping[str, Sequence[Reading]], seed: int, weights: dict[str, Any]
) -> tuple[dict[str, Any], Graded]:
    rows: dict[str, Any] = {}
    for kind, words in ((R2_LAST, "last weights"), (R2_BEST, "best validation accuracy")):
        name = f"{ROW}, {words}" + (" (random weights)" if weights["source"] == "random" else "")
        rows[name] = scored(by_patient(readings[kind], data), seed=seed, classes=True)
        frames = by_frame(readings[kind], data)
        rows[f"{name}, by frame"] = scored(frames, seed=seed, classes=True, bounds=False)
    return rows, by_patient(readings[R2_LAST], data)


def _document(data: GradingSet, plan: GradingPlan, graded: Graded, rows: dict[str, Any]) -> dict[str, Any]:
    published = {name: dict(figures) for name, figures in recipe_named(NAME).published.items()}
    frames = int(np.isin(data.patient, graded.patient).sum())
    return {
        "name": NAME,
        "data": f"{data.words}; plan {plan.name}",
        "n_subjects": len(graded.patient),
        "n_images": frames,
        "left_out": len(data) - frames,
        "results": {**marked(rows, data), **published},
        "cases": cases(data, graded),
    }


def cases(data: GradingSet, graded: Graded) -> list[dict[str, Any]]:
    """Each tested patient with truth and answer."""
    order = np.argsort(graded.patient)
    return [
        {
            "case": data.names[int(graded.patient[i])],
            "fat_percent": float(graded.true_fat[i]),
            "grade": LABELS[int(graded.true_grade[i])],
            "value_percent": round(float(graded.fat[i]), 2),
            "told": LABELS[int(graded.probability[i].argmax())],
            "probability": round(1.0 - float(graded.probability[i, 0]), 4),
        }
        for i in order
    ]


def _evidence(graded: Graded, weights: dict[str, Any]) -> Evidence:
    rocs = tuple(
        Roc("One grade against the rest, by patient", label, graded.true_grade == k, graded.probability[:, k])
        for k, label in enumerate(LABELS)
        if 0 < int((graded.true_grade == k).sum()) < len(graded.true_grade)
    )
    confusion = Confusion("Four grades by patient", tuple(LABELS), counts_of(graded))
    return Evidence(rocs=rocs, confusions=(confusion,), notes=(weights_note(weights), *NOTES))


def train_r2(
    data: Path | None,
    out: Path,
    *,
    seed: int,
    steps: int | None,
    resume: bool,
    plan: str = "full",
    weights: str | None = None,
) -> dict[str, Any]:
    """Cross-validate R2, train its head on every patient, and pack the model in ``out``; returns a summary."""
    from steatoscope.learning.training.grading_card import grading_card
    from steatoscope.learning.training.grading_fit import BATCH
    from steatoscope.learning.training.grading_pack import Calibration, pack_r2

    document, readings, bank = _run(
        plan, data, out / "work", seed=seed, resume=resume, weights=weights, told=None, baselines=False
    )  # fmt: skip
    row = next(iter(document["results"].values()))
    temperature, half = shipped_calibration(readings[R2_LAST], bank.data)
    last = PLANS[plan].epochs * -(-len(bank.data) // BATCH)
    words = "Grades steatosis on B-mode frames: a frozen encoder, pooled, with the four-grade head of recipe R2."
    card = grading_card("r2-grading", words, row, bank.data.source, bank.weights)
    packed = pack_r2(
        bank, PLANS[plan], weights or "package", out,
        Calibration(last, temperature, half, row, card), seed=seed, steps=steps,
    )  # fmt: skip
    return {"model": packed.name, "patients": len(bank.data.names), "results": row}
