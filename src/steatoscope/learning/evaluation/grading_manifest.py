"""What a run of a grading recipe rests on: data hashes, folds by patient, seeds, versions, machine, time, weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from steatoscope.learning.evaluation.machine import hardware, versions
from steatoscope.learning.training.grading_data import GradingSet

if TYPE_CHECKING:
    from steatoscope.learning.evaluation.grading_run import GradingRun

_LIBRARIES: Final = ("numpy", "torch", "timm", "scikit-learn", "onnxruntime")


def manifest(run: GradingRun, seconds: float, temperatures: Mapping[str, list[float]]) -> dict[str, Any]:
    """The manifest as JSON-ready data; ``temperatures`` are those of each row's folds."""
    data, known = run.data, run.bank.covariates

    def named(patients: Any) -> list[str]:
        return [data.names[int(patient)] for patient in patients]

    return {
        "plan": asdict(run.plan),
        "seed": run.seed,
        "weights": dict(run.bank.weights),
        "covariates": None if known is None else known.document(),
        "views": list(data.views),
        "scale": data.scale,
        "preparation": data.preparation,
        "temperatures": dict(temperatures),
        "split": [
            {"fold": f.number, "learn": named(f.learn), "watch": named(f.watch), "test": named(f.test)}
            for f in run.folds
        ],
        "data": data.source.records(),
        "versions": versions(_LIBRARIES),
        "hardware": hardware(),
        "seconds": round(seconds, 1),
    }


def marked(rows: Mapping[str, Any], data: GradingSet) -> dict[str, Any]:
    """The rows of a table, each said to be simulated where the images are."""
    return {f"{name} (simulated)" if data.simulated else name: row for name, row in rows.items()}
