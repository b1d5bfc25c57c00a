"""What a run of a grading recipe rests on: data hashes, folds by patient, seeds, versions, machine, time, weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def split_words(run: GradingRun) -> str:
    """The folds that were run, how many patients each has in its parts, and who is tested, in sentences."""
    tested, folds = run.tested, run.folds
    learn, watch, test = (counted([len(getattr(f, part)) for f in folds]) for part in ("learn", "watch", "test"))
    parts = f"patients in a fold: {learn} to learn from, {watch} to validate, {test} to test"
    if tested.folds == tested.of_folds:
        return f"{tested.folds} folds by patient; {parts}. Each patient is tested once; figures are pooled over them."
    rest = tested.known - tested.patients
    return f"{tested.folds} of {tested.of_folds} folds by patient; {parts}. {rest} of {tested.known} are never tested."


def counted(sizes: Sequence[int]) -> str:
    """Sizes of parts: one number where all are alike, else the least and the greatest."""
    low, high = min(sizes), max(sizes)
    return str(low) if low == high else f"{low} to {high}"


def compared_with(theirs: str, run: GradingRun) -> str:
    """How far the figures of a run can be compared with a publication's, of which ``theirs`` says what they rest on."""
    data, tested = run.data, run.tested
    kind = "simulated subjects" if data.simulated else "subjects"
    return (
        f"{theirs} Here: {tested.known} {kind} ({data.source.name}), {tested.patients} of them tested, fat on the "
        f"scale {data.scale}, encoder {run.title}."
    )


def marked(rows: Mapping[str, Any], data: GradingSet) -> dict[str, Any]:
    """The rows of a table, each said to be simulated where the images are."""
    return {f"{name} (simulated)" if data.simulated else name: row for name, row in rows.items()}
