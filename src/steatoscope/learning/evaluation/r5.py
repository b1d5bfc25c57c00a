"""Recipe R5 cross-validated: normal, benign or malignant with mask and heat map, on simulated CT foci and on ``aul``.

Folds keep volumes (CT) and groups of look-alikes (``aul``) together. Plan ``small`` runs all five encoders, the four of
the publication with random weights, to show that they run; ``full`` trains on frozen EfficientNet-lite0 with ImageNet
weights, and on any other encoder whose weights are given. Size and latency are measured for all five.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.evaluation.baselines import Fold, group_folds
from steatoscope.learning.evaluation.machine import hardware, versions
from steatoscope.learning.evaluation.r5_scores import (
    CONTROL,
    FindingReading,
    against_control,
    baseline_readings,
    row_of,
)
from steatoscope.learning.evaluation.r5_words import PACKAGES, notes, weights_words, worst_pictures
from steatoscope.learning.evaluation.report_evidence import Confusion, Evidence
from steatoscope.learning.recipes import plan_of, recipe_named
from steatoscope.learning.training.r5_pictures import CLASSES, FindingSet
from steatoscope.learning.training.r5_sources import found_sets
from steatoscope.science.metrics.classification import confusion_matrix

ARCHITECTURES: Final = (
    "vgg16-anomaly",
    "inception-v3-anomaly",
    "resnet152-anomaly",
    "mobilenet-anomaly",
    "lite0-anomaly",
)
RECIPE: Final = "r5-ct-anomaly"
LITE: Final = "lite0-anomaly"
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class R5Plan:
    """Size of a run; ``most`` limits the images of each class of ``aul``, None takes all."""

    name: str
    side: int
    folds: int
    steps: int
    copies: int
    phantoms: int
    each: int
    most: int | None
    real_ct: bool


PLANS: Final = {
    "small": R5Plan("small", 96, 2, 8, 1, 4, 2, 8, real_ct=False),
    "full": R5Plan("full", 256, 5, 400, 2, 16, 4, None, real_ct=True),
}


def run_r5(
    plan: str,
    data: Path | None,
    out: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    weights: str | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Cross-validate the recipe; every finished fold is kept in ``out`` and read back with ``resume``.

    ``data`` holds ``us/aul`` and ``ct/msd_liver_jpg`` (whose even livers are painted in), or is the former's folder;
    without it the simulated part alone runs, on phantoms. ``weights`` is what lite0 begins with (ImageNet weights of a
    package without it), ``hub`` for all encoders, or ARCHITECTURE=FILE for one more.
    """
    began, size = time.perf_counter(), PLANS[plan_of(recipe_named(RECIPE), plan)]
    if data is not None and not data.is_dir():
        raise SteatoscopeError("E_PATH", path=str(data))
    encoders = encoders_of(plan, weights)
    out.mkdir(parents=True, exist_ok=True)
    _same_run(out / "plan.json", size, encoders, seed, resume=resume)
    sets = found_sets(data, size, seed)
    runs = [_SetRun(one, _folds(one, size.folds, seed)) for one in sets]
    for run in runs:
        _read_set(run, size, encoders, out, seed=seed, resume=resume, told=told)
    return _document(size, runs, encoders, seed=seed, seconds=time.perf_counter() - began)


def encoders_of(plan: str, weights: str | None) -> dict[str, str]:
    """The weights of every architecture that is trained; raises UsageError for an architecture that is not R5's."""
    given = weights or "package"
    base = dict.fromkeys(ARCHITECTURES, "random") if plan == "small" else {}
    if given == "hub":
        return dict.fromkeys(ARCHITECTURES, "hub")
    if "=" in given:
        name, file = given.split("=", 1)
        if name not in ARCHITECTURES:
            raise UsageError(f"{name!r} is none of {', '.join(ARCHITECTURES)}")
        return {**base, LITE: "package", name: file}
    return {**base, LITE: given}


def train_r5(
    data: Path | None,
    out: Path,
    *,
    seed: int,
    steps: int | None,
    resume: bool,
    plan: str = "full",
    weights: str | None = None,
) -> dict[str, Any]:
    """Train lite0 on all simulated CT foci and pack it for ``analyze --model`` on eight-bit slices; claims nothing."""
    from steatoscope.learning.training.r5_pack import pack_r5

    size = PLANS[plan_of(recipe_named(RECIPE), plan)]
    given = encoders_of("full", weights)
    architecture = next((name for name in given if name != LITE), LITE) if "=" in (weights or "") else LITE
    ct = found_sets(data, size, seed, ct_only=True)[0]
    packed: dict[str, Any] = pack_r5(
        ct, out, architecture=architecture, weights=given[architecture], side=size.side, copies=size.copies,
        steps=size.steps if steps is None else steps, seed=seed, resume=resume,
    )  # fmt: skip
    return packed


@dataclass(eq=False)
class _SetRun:
    data: FindingSet
    folds: list[Fold]

    def __post_init__(self) -> None:
        self.readings: dict[str, FindingReading] = {}
        self.records: dict[str, Mapping[str, Any]] = {}


def _folds(data: FindingSet, count: int, seed: int) -> list[Fold]:
    groups = len(set(data.groups.tolist()))
    if groups < count:
        raise SteatoscopeError("E_SUBJECTS", cause=f"There are {groups} groups in {data.name} for {count} folds.")
    return group_folds(data.groups, count, seed, data.labels)


def _same_run(path: Path, plan: R5Plan, encoders: Mapping[str, str], seed: int, *, resume: bool) -> None:
    """A run goes on only as what it was begun."""
    import json

    words = json.dumps({**asdict(plan), "seed": seed, "encoders": dict(encoders)}, sort_keys=True)
    if resume and path.is_file() and path.read_text(encoding="utf-8") != words:
        raise UsageError(f"{path.parent} holds a run of another plan, seed or weights")
    path.write_text(words, encoding="utf-8")


def _read_set(
    run: _SetRun, plan: R5Plan, encoders: Mapping[str, str], out: Path, *, seed: int, resume: bool, told: Told | None
) -> None:
    from steatoscope.learning.training.r5_cross import cross_read

    for architecture, weights in encoders.items():
        name = f"{architecture}, {weights_words(weights)}"
        folder = out / run.data.name.replace(" ", "-") / architecture
        arrays, run.records[name] = cross_read(
            run.data, run.folds, architecture, weights, side=plan.side, copies=plan.copies, steps=plan.steps, seed=seed,
            out=folder, resume=resume, told=told,
        )  # fmt: skip
        run.readings[name] = FindingReading(**arrays)
    if told is not None:
        told(f"{run.data.name}: baselines and control")
    run.readings |= baseline_readings(run.data, run.folds, seed)


def _document(
    plan: R5Plan, runs: list[_SetRun], encoders: Mapping[str, str], *, seed: int, seconds: float
) -> dict[str, Any]:
    from steatoscope.learning.training.r5_cross import size_and_speed

    results: dict[str, Any] = {}
    compared: dict[str, Any] = {}
    for run in runs:
        for name, reading in run.readings.items():
            results[run.data.titled(name)] = row_of(run.data, reading)
            if name != CONTROL:
                compared[run.data.titled(name)] = against_control(run.data, reading, run.readings[CONTROL])
    for architecture in ARCHITECTURES:
        results[f"size and speed: {architecture}"] = size_and_speed(architecture)
    first = [next(name for name in run.readings if name.startswith(LITE)) for run in runs]
    return {
        "name": RECIPE,
        "data": f"plan {plan.name}: " + "; ".join(f"{run.data.titled(str(len(run.data)))} pictures" for run in runs),
        "n_subjects": sum(len(set(run.data.groups.tolist())) for run in runs),
        "n_images": sum(len(run.data) for run in runs),
        "left_out": sum(run.data.left_out for run in runs),
        "results": results,
        "comparison": compared,
        "evidence": Evidence(
            confusions=tuple(
                Confusion(
                    run.data.titled(name), CLASSES, confusion_matrix(run.data.labels, run.readings[name].labels, 3)
                )
                for run, name in zip(runs, first, strict=True)
            ),
            worst=tuple(
                one
                for run, name in zip(runs, first, strict=True)
                for one in worst_pictures(run.data, run.readings[name])
            ),
            notes=notes(compared, encoders),
        ),
        "manifest": {
            "architecture": list(encoders),
            "plan": asdict(plan),
            "seed": seed,
            "split": {
                run.data.name: [sorted(set(run.data.groups[test].tolist())) for _, test in run.folds] for run in runs
            },
            "level": "by volume (CT), by group of look-alikes (aul, no subject ids)",
            "data": [dict(row) for run in runs for row in run.data.sources],
            "sets": {run.data.name: dict(run.data.facts) for run in runs},
            "weights": {run.data.name: dict(run.records) for run in runs},
            "class_weights": "inverse frequency of the training fold",
            "versions": versions(PACKAGES),
            "hardware": hardware(),
            "seconds": round(seconds, 1),
        },
    }
