"""What recipe R1's document says beside its main rows: hand index, segmentation, notes, and the run's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from steatoscope.learning.evaluation.machine import versions
from steatoscope.learning.evaluation.r1_scores import Answer, Truth, ranked
from steatoscope.learning.evaluation.r5_words import PACKAGES, hardware
from steatoscope.learning.evaluation.report_evidence import Agreement, Confusion, Evidence
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.training.r1_regions import PatientRegions
from steatoscope.learning.training.sets import Sample
from steatoscope.science.clinical.grades import LABELS
from steatoscope.science.metrics.classification import confusion_matrix

HAND: Final = "reference: hepatorenal index, hand boxes"


def hand_rows(chosen: Mapping[str, list[Sample]], truth: Truth) -> dict[str, Any]:
    """The index of hand-placed boxes where every patient has them."""
    found = []
    for samples in chosen.values():
        ratios = [
            _grey(one, "liver") / max(_grey(one, "kidney"), 1.0)
            for one in samples
            if {"liver", "kidney"} <= one.boxes.keys()
        ]
        found.append(float(np.mean(ratios)) if ratios else float("nan"))
    index = np.array(found)
    return {HAND: ranked([index], truth)} if np.isfinite(index).all() else {}


def _grey(sample: Sample, organ: str) -> float:
    x0, y0, x1, y1 = (round(value) for value in sample.boxes[organ])
    return float(sample.image()[y0:y1, x0:x1].mean())


def segmentation_rows(model: ModelFolder, regions: Sequence[PatientRegions]) -> dict[str, Any]:
    """How the liver lies to the hand boxes here, the time of a frame, and what the model's manifest says of ``aul``."""
    known = model.training.get("metrics", {}).get("liver_dice")
    rows: dict[str, Any] = {
        "U-Net liver against hand boxes": {
            "liver_box_inside": round(float(np.nanmean([one.liver_box for one in regions])), 4),
            "kidney_box_inside": round(float(np.nanmean([one.kidney_box for one in regions])), 4),
            "proposals_on_liver": round(float(np.mean([one.proposals for one in regions])), 2),
            "without_proposals": float(sum(not np.isfinite(one.features).all() for one in regions)),
            "cpu_ms": round(float(np.median([one.cpu_ms for one in regions])), 1),
        }
    }
    if isinstance(known, Mapping):
        dice = float(known["value"])
        rows["U-Net liver on aul, five folds (of the model's manifest)"] = {
            "liver_dice": dice,
            "liver_dice_ci": list(known["ci95"]),
        }
    return rows


def evidence_of(row: str, answers: Sequence[Answer], truth: Truth, model: ModelFolder) -> Evidence:
    """Confusion and agreement of the first repeat of one row, and what a reader must know."""
    first = answers[0]
    return Evidence(
        confusions=(
            Confusion(f"{row}, first repeat", LABELS, confusion_matrix(truth.grade, first.grade, len(LABELS))),
        ),
        agreements=(Agreement(f"{row} against biopsy", "% of hepatocytes", first.percent, truth.fat),),
        notes=(
            f"U-Net and R-CNN are {model.name} {model.version}, frozen; it was trained on aul and has seen none of "
            "these patients. us-segmenter is not used: it was trained on boxes of these frames.",
            "The R-CNN learnt masses, not fat: its features are used, its findings are not. No fatty region is "
            "annotated in these frames, so that the place of fat is not scored.",
            "Percent is of hepatocytes (histology), not PDFF. Healthy means below 5 % by biopsy, in an obese cohort.",
            "Dice on aul is of the model's manifest (five folds, other weights of the same training): the shipped "
            "weights were trained on every image of it.",
        ),
    )


def manifest_of(
    plan: Mapping[str, Any],
    chosen: Mapping[str, list[Sample]],
    truth: Truth,
    model: ModelFolder,
    seed: int,
    seconds: float,
) -> dict[str, Any]:
    """Data hashes, split, seed, versions, hardware and time of a run."""
    names = list(chosen)
    return {
        "architecture": f"{model.name} {model.version} ({model.sha256})",
        "weights": {model.name: {"source": "shipped, trained on aul", "sha256": model.sha256}},
        "plan": dict(plan),
        "seed": seed,
        "level": "by patient",
        "scale": "histology, percent of hepatocytes",
        "split": [[[names[int(i)] for i in test] for _, test in folds] for folds in truth.repeats],
        "data": [
            {"path": f"{one.path.parent.name}/{one.path.name}", "sha256": one.sha256, "subject": one.subject}
            for samples in chosen.values()
            for one in samples
        ],
        "versions": versions(PACKAGES),
        "hardware": hardware(),
        "seconds": round(seconds, 1),
    }
