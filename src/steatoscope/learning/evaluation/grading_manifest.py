"""What a run of a grading recipe rests on: data hashes, folds by patient, seeds, versions, machine, time, weights."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from steatoscope.learning.evaluation.machine import versions
from steatoscope.learning.training.grading_data import GradingSet
from steatoscope.learning.training.grading_folds import Fold, GradingPlan

_LIBRARIES: Final = ("numpy", "torch", "timm", "scikit-learn", "onnxruntime")
NOT_RUN: Final = (
    "ResNet-50 and EfficientNet-B3 were not run: no ImageNet weights of them are at hand, and their frozen features "
    "from random weights would say nothing. --weights FILE takes other weights of EfficientNet-lite0."
)


def manifest(
    data: GradingSet,
    plan: GradingPlan,
    folds: Sequence[Fold],
    *,
    seed: int,
    weights: Mapping[str, Any],
    seconds: float,
) -> dict[str, Any]:
    """The manifest as JSON-ready data."""

    def named(patients: Any) -> list[str]:
        return [data.names[int(patient)] for patient in patients]

    return {
        "plan": asdict(plan),
        "seed": seed,
        "weights": dict(weights),
        "scale": data.scale,
        "preparation": data.preparation,
        "split": [
            {"fold": f.number, "learn": named(f.learn), "watch": named(f.watch), "test": named(f.test)} for f in folds
        ],
        "data": data.source.records(),
        "versions": versions(_LIBRARIES),
        "hardware": {"machine": platform.machine(), "processors": os.cpu_count()},
        "seconds": round(seconds, 1),
    }


def marked(rows: Mapping[str, Any], data: GradingSet) -> dict[str, Any]:
    """The rows of a table, each said to be simulated where the images are."""
    return {f"{name} (simulated)" if data.simulated else name: row for name, row in rows.items()}


def weights_note(weights: Mapping[str, Any]) -> str:
    """One sentence about the encoder's weights."""
    if weights.get("sha256") is None and weights.get("source") != "hub":
        return f"The encoder {weights['encoder']} has random weights: these figures show that it runs, no more."
    return f"Encoder {weights['encoder']}, frozen, weights from {weights['source']}."
