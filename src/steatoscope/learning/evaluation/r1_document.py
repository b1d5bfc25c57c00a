"""What recipe R1's document says beside its main rows: hand index, segmentation, notes, and the run's manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from steatoscope.learning.evaluation.machine import hardware, versions
from steatoscope.learning.evaluation.r1_data import R1Study
from steatoscope.learning.evaluation.r1_scores import Answer, Truth, ranked
from steatoscope.learning.evaluation.r5_words import PACKAGES
from steatoscope.learning.evaluation.report_evidence import Agreement, Confusion, Evidence
from steatoscope.learning.model_folder import ModelFolder
from steatoscope.learning.training.r1_regions import MODEL, PatientRegions
from steatoscope.learning.training.sets import Sample
from steatoscope.science.clinical.grades import LABELS
from steatoscope.science.metrics.classification import confusion_matrix

Document = dict[str, Any]
HAND: Final = "reference: hepatorenal index, hand boxes"
_SIMULATED: Final = (
    "All images are simulated: these figures show that the recipe runs, not what it would do on patients."
)
_BYRA: Final = (
    "Percent is of hepatocytes (histology), not PDFF. Healthy means below 5 % by biopsy, in an obese cohort. "
    "us-segmenter is not used: it was trained on boxes of these frames."
)


def hand_rows(chosen: Mapping[str, Sequence[Sample]], truth: Truth) -> dict[str, Any]:
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


def chain_rows(regions: Sequence[PatientRegions]) -> dict[str, Any]:
    """How the liver lies to hand-placed boxes, if there are any, the regions found on it, and the time of a frame."""
    boxed = {
        "liver_box_inside": [one.liver_box for one in regions],
        "kidney_box_inside": [one.kidney_box for one in regions],
    }
    return {
        "U-Net liver, proposals and time": {
            **{name: round(float(np.nanmean(v)), 4) for name, v in boxed.items() if np.isfinite(v).any()},
            "proposals_on_liver": round(float(np.mean([one.proposals for one in regions])), 2),
            "without_proposals": float(sum(not np.isfinite(one.features).all() for one in regions)),
            "cpu_ms": round(float(np.median([one.cpu_ms for one in regions])), 1),
        }
    }


def outline_rows(model: ModelFolder) -> dict[str, Any]:
    """What the shipped detector's manifest says of its liver outline on ``aul``; nothing of another detector."""
    known = model.training.get("metrics", {}).get("liver_dice")
    if model.name != MODEL or not isinstance(known, Mapping):
        return {}
    row = {"liver_dice": float(known["value"]), "liver_dice_ci": list(known["ci95"])}
    return {"U-Net liver on aul, five folds (of the model's manifest)": row}


def evidence_of(row: str, answers: Sequence[Answer], study: R1Study, model: ModelFolder) -> Evidence:
    """Confusion and agreement of the first repeat of one row, and what a reader must know."""
    first, truth = answers[0], study.truth
    named, unit = study.titled(row), "% of hepatocytes" if study.scale == "histology" else f"% fat ({study.scale})"
    counts = confusion_matrix(truth.grade, first.grade, len(LABELS))
    return Evidence(
        confusions=(Confusion(f"{named}, first repeat", LABELS, counts),),
        agreements=(Agreement(f"{named} against the given fat", unit, first.percent, truth.fat),),
        notes=(
            f"U-Net and R-CNN are {model.name} {model.version}, frozen; it has seen none of these frames.",
            "The R-CNN learnt masses, not fat: its features are used, its findings are not. No fatty region is "
            "annotated in these frames, so that the place of fat is not scored.",
            *((_SIMULATED,) if study.simulated else ()),
            *((_BYRA,) if study.source.name == "byra2018" else (f"Fat is on the scale {study.scale}.",)),
            *(("Dice on aul is of the model's manifest (five folds, other weights of the same training): the shipped "
               "weights were trained on every image of it.",) if model.name == MODEL else ()),
        ),
    )  # fmt: skip


def manifest_of(plan: Mapping[str, Any], study: R1Study, model: ModelFolder, seed: int, seconds: float) -> Document:
    """Data hashes, split, seed, versions, hardware and time of a run."""
    names = list(study.chosen)
    return {
        "architecture": f"{model.name} {model.version} ({model.sha256})",
        "weights": {model.name: {"source": "frozen, as packed", "sha256": model.sha256}},
        "plan": dict(plan),
        "seed": seed,
        "level": "by patient",
        "scale": f"{study.scale}, {study.unit}",
        "simulated": study.simulated,
        "split": [[[names[int(i)] for i in test] for _, test in folds] for folds in study.truth.repeats],
        "data": study.records(),
        "versions": versions(PACKAGES),
        "hardware": hardware(),
        "seconds": round(seconds, 1),
    }
