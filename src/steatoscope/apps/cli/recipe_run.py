"""Runs a recipe's benchmark or training from the command line, and writes down what that took."""

from __future__ import annotations

import importlib
import json
import os
import resource
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from steatoscope.apps.cli.extras import progress_told, require_train
from steatoscope.apps.cli.output import note
from steatoscope.apps.cli.together import check_device
from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.recipes import Recipe, plan_of

WEIGHTS: Final = ("package", "random", "hub")
WEIGHTS_HELP: Final = "Start weights of a recipe: a FILE, package, random or hub, or any of them after ARCHITECTURE=."
COVARIATES_HELP: Final = "Clinical values by subject for R2 and R3: a CSV, or 'manifest' for its age and sex."
READING: Final = "real-"
"""How the plans that read ``--data`` begin, in a recipe whose other plans simulate."""
STAMP: Final = "recipe-run.json"
"""In ``--out`` before anything else: which run the folder is of."""
_MEGABYTE: Final = 1024.0


def benchmark_recipe(
    recipe: Recipe,
    data: Path | None,
    out: Path,
    *,
    plan: str,
    seed: int,
    resume: bool,
    weights: str | None,
    covariates: str | None = None,
) -> dict[str, Any]:
    """The benchmark's document of a recipe with its publication's figures, and what the run took.

    Raises UsageError for a plan that there is none of, missing ``data``, ``covariates`` of a recipe that takes none, or
    an ``out`` that holds another run.
    """
    plan_of(recipe, plan)
    if covariates is not None and not recipe.covariates:
        raise UsageError(f"{recipe.name} takes no --covariates")
    more = {} if covariates is None else {"covariates": covariates}
    run = f"benchmark {recipe.name}"
    resumed = _ready(recipe, data, out, run, resume=resume, weights=weights)
    require_train(run)
    check_device()
    if covariates is not None:
        _check_covariates(covariates)
    _stamp(out, run)
    begun = time.perf_counter()
    with progress_told():
        found = dict(
            _function(recipe.runner)(plan, data, out, seed=seed, resume=resume, weights=weights, told=note, **more)
        )  # fmt: skip
    published = {row: dict(figures) for row, figures in recipe.published.items() if row not in found["results"]}
    return {
        **found,
        "results": {**found["results"], **published},
        "recipe": about(recipe, plan, simulated=recipe.simulated and data is None)
        | {"comparability": found.get("comparability", recipe.comparability)},
        "run": _taken(begun, seed=seed, weights=weights, resumed=resumed),
    }


def train_recipe(
    recipe: Recipe,
    data: Path | None,
    out: Path,
    *,
    plan: str,
    seed: int,
    steps: int | None,
    resume: bool,
    weights: str | None,
) -> Mapping[str, Any]:
    """Train a recipe on everything; the packed model is left in ``out``. Raises as :func:`benchmark_recipe`."""
    plan_of(recipe, plan)
    run = f"train {recipe.name}"
    _ready(recipe, data, out, run, resume=resume, weights=weights)
    require_train(run)
    check_device()
    _stamp(out, run)
    with progress_told():
        found: Mapping[str, Any] = _function(recipe.trainer)(
            data, out, seed=seed, steps=steps, resume=resume, plan=plan, weights=weights
        )
    return found


def plan_for(recipe: Recipe, plan: str | None, data: Path | None, usual: str) -> str:
    """The plan that is named, else ``usual``, or its counterpart that reads ``data`` where ``usual`` simulates.

    Raises UsageError where there is no such plan, and for a plan that simulates its subjects and would leave ``data``
    unread.
    """
    reading = [name for name in recipe.plans if name.startswith(READING)]
    wanted = plan_of(recipe, plan or usual)
    if data is None or not reading or wanted in reading:
        return wanted
    if plan is not None:
        raise UsageError(f"plan {plan} simulates its subjects and reads no --data: take {' or '.join(reading)}")
    note(f"{recipe.name}: plan {READING}{usual}, which reads --data")
    return plan_of(recipe, f"{READING}{usual}")


def about(recipe: Recipe, plan: str, *, simulated: bool) -> dict[str, Any]:
    """What a benchmark's document says of its recipe; ``simulated``: whether this run's data were."""
    return {
        "name": recipe.name,
        "version": recipe.version,
        "title": recipe.title,
        "publication": recipe.publication,
        "comparability": recipe.comparability,
        "simulated": simulated,
        "plan": plan,
        "plan_words": recipe.plans[plan],
    }


def command_line() -> str:
    """The command as it was given, the data folder by the name of its variable: figures travel, folders do not."""
    words, data = shlex.join(["steatoscope", *sys.argv[1:]]), os.environ.get("STEATOSCOPE_DATA", "").rstrip("/")
    return words.replace(data, '"$STEATOSCOPE_DATA"') if data else words


def _ready(recipe: Recipe, data: Path | None, out: Path, run: str, *, resume: bool, weights: str | None) -> bool:
    """Whether ``out`` holds a part of this very run to go on with; UsageError for whatever speaks against running."""
    if recipe.data is not None and data is None:
        raise UsageError(f"{recipe.name} needs --data with {recipe.data}")
    if data is not None and not data.is_dir():
        raise SteatoscopeError("E_PATH", path=str(data))
    if weights is not None and not recipe.takes_model and not _given(weights):
        raise UsageError(f"--weights {weights} is no file; name a file, or {', '.join(WEIGHTS)}")
    if not out.is_dir() or all(path.name == STAMP for path in out.iterdir()):
        return False
    if not resume:
        raise UsageError(f"--out {out} is not empty: add --resume to go on, or name another folder")
    held = _held(out)
    if held != run:
        words = "files of no recipe's run" if held is None else f"a run of '{held}'"
        raise UsageError(f"--out {out} holds {words}: '{run}' cannot go on there, name another folder")
    return True


def _stamp(out: Path, run: str) -> None:
    """Mark ``out`` as the folder of ``run``; a folder with nothing but a stamp counts as empty."""
    out.mkdir(parents=True, exist_ok=True)
    (out / STAMP).write_text(json.dumps({"run": run}), encoding="utf-8")


def _held(out: Path) -> str | None:
    """The run that a folder is of: by its stamp, or by the recipe of its figures where it has none."""
    try:
        if (out / STAMP).is_file():
            return str(json.loads((out / STAMP).read_text(encoding="utf-8"))["run"])
        return f"benchmark {json.loads((out / 'benchmark.json').read_text(encoding='utf-8'))['recipe']['name']}"
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _check_covariates(given: str) -> None:
    """Read the table before the images; its subjects are compared with theirs later. Raises as its reader."""
    from steatoscope.learning.training.grading_covariates import OWN, read_table

    if given != OWN:
        read_table(Path(given))


def _given(weights: str) -> bool:
    """Whether there are such weights: a word or a file, alone or after the name of an architecture."""
    _, _, named = weights.partition("=")
    return any(one in WEIGHTS or Path(one).is_file() for one in (weights, named) if one)


def _taken(begun: float, *, seed: int, weights: str | None, resumed: bool) -> dict[str, Any]:
    """Time and memory of this process so far; a resumed run says that its time is of the last part only."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGABYTE
    return {
        "command": command_line(),
        "seed": seed,
        "weights": weights or "the recipe's own",
        "resumed": resumed,
        "seconds": round(time.perf_counter() - begun, 1),
        "peak_memory_mb": round(peak),
    }


def _function(place: str) -> Any:
    module, attribute = place.split(":")
    return getattr(importlib.import_module(module), attribute)
