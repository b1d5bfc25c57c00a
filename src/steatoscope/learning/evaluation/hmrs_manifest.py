"""What a run of recipe R4 rests on: data hashes, folds by subject, seeds, versions, machine, time, start weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from numpy.typing import NDArray

from steatoscope.learning.evaluation.hmrs_plans import Plan
from steatoscope.learning.evaluation.machine import hardware, versions
from steatoscope.learning.training.hmrs_folds import HmrsReading, Part
from steatoscope.learning.training.hmrs_study import HmrsStudy

_LIBRARIES: Final = ("numpy", "torch", "scikit-learn", "onnxruntime")


def manifest(
    plan: Plan,
    study: HmrsStudy,
    parts: Sequence[Part],
    readings: Sequence[HmrsReading],
    *,
    seed: int,
    weights: Mapping[str, Any],
    seconds: float,
) -> dict[str, Any]:
    """The manifest as JSON-ready data. ``seconds`` is this call's; networks carry their own over all calls."""

    def named(numbers: NDArray[Any]) -> list[str]:
        return [study.names[int(number)] for number in numbers]

    return {
        "recipe": "r4-hmrs-regression",
        "plan": asdict(plan),
        "simulated": study.simulated,
        "scale": study.scale,
        "preparation": "centre-360",
        "seeds": {"cohort": seed, "folds": seed, "networks": [seed + part.fold for part in parts]},
        "deterministic": True,
        "weights": dict(weights),
        "split": [
            {"fold": p.fold, "learn": named(p.learn), "watch": named(p.watch), "test": named(p.test)} for p in parts
        ],
        "networks": [
            {"branch": r.branch, "fold": r.fold, "kept_epoch": r.epochs or None, "seconds": r.seconds} for r in readings
        ],
        "data": list(study.records),
        "versions": versions(_LIBRARIES),
        "hardware": hardware(),
        "seconds": round(seconds, 1),
    }
