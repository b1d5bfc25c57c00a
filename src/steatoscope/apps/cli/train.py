"""``steatoscope train``: run a recipe on a folder of images and pack the model that comes out of it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import click

from steatoscope.apps.cli.extras import progress_told, require_train
from steatoscope.apps.cli.folders import check_out
from steatoscope.apps.cli.output import emit, note
from steatoscope.apps.cli.recipe_run import WEIGHTS_HELP, plan_for, train_recipe
from steatoscope.apps.cli.together import check_device, device_option, first_process, together
from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning import recipes

_ROOM: Final = "steatoscope.learning.training"
RECIPES: Final[Mapping[str, str]] = {
    "anomaly-classifier": f"{_ROOM}.anomaly:train_anomaly",
    "ct-localiser": f"{_ROOM}.ct_focal:train_ct_localiser",
    "ct-segmenter": f"{_ROOM}.segment:train_ct_segmenter",
    "mr-segmenter": f"{_ROOM}.segment:train_mr_segmenter",
    "us-gate": f"{_ROOM}.us_gate:train_us_gate",
    "us-localiser": f"{_ROOM}.detector_us:train_us_localiser",
    "us-reference": f"{_ROOM}.us_reference:train_us_reference",
    "us-segmenter": f"{_ROOM}.segment:train_us_segmenter",
    "us-steatosis": "steatoscope.learning.evaluation.byra2018_command:train_us_steatosis",
}


class Recipe(Protocol):
    """A recipe trains on ``data`` and leaves a packed model in ``out``; it returns a summary for people."""

    def __call__(self, data: Path, out: Path, *, seed: int, steps: int | None, resume: bool) -> Mapping[str, Any]:
        """Train; ``steps`` None means the recipe's own number."""


@click.command()
@click.argument("recipe")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with the training images.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the run and its model.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in --out.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of weights and batches.")
@click.option("--steps", type=click.IntRange(1), help="Training steps instead of the recipe's own number.")
@click.option("--plan", help="Size of a published recipe's training: full (default), small; see 'recipes show'.")
@click.option("--weights", help=WEIGHTS_HELP)
@device_option
@click.option("--check-only", is_flag=True, help="Check the folder for what RECIPE needs, and train nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def train(recipe: str, data: Path | None, out: Path | None, check_only: bool, as_json: bool, **choices: Any) -> None:
    """Train RECIPE on a folder of images; the model is left in --out. Needs the train extra.

    RECIPE is us-steatosis, us-reference, us-gate, us-segmenter, us-localiser, ct-segmenter, ct-localiser, mr-segmenter,
    anomaly-classifier or a published recipe (see 'steatoscope recipes list').
    """
    published = recipes.RECIPES.get(recipe)
    place = "" if published else find_recipe(recipe)
    if check_only:
        _check(recipe, data, choices["plan"], as_json)
        return
    if out is None:
        raise UsageError("Missing option '--out'.")
    check_out(out, [data] if data else [])
    with together(out) as own:
        found = (
            train_recipe(
                published, data, own, **{**choices, "plan": plan_for(published, choices["plan"], data, "full")}
            )
            if published
            else _train(recipe, place, data, own, **choices)
        )
    if not first_process():
        return
    document = {"recipe": recipe, "seed": choices["seed"], "run": str(out), **found}
    if as_json:
        emit(document)
    note(f"The model is in {out}; score it with: steatoscope benchmark NAME --data DIR --model {out} --out RESULTS")


def _train(
    recipe: str,
    place: str,
    data: Path | None,
    out: Path,
    *,
    seed: int,
    steps: int | None,
    resume: bool,
    plan: str | None,
    weights: str | None,
) -> Mapping[str, Any]:
    if plan or weights:
        raise UsageError(f"train {recipe} takes no {'--plan' if plan else '--weights'}: that is for published recipes")
    folder = _folder(data)
    if not resume and out.is_dir() and any(out.iterdir()):
        raise UsageError(f"--out {out} is not empty: add --resume to go on, or name another folder")
    require_train(f"train {recipe}")
    check_device()
    with progress_told():
        return load_recipe(place)(folder, out, seed=seed, steps=steps, resume=resume)


def _check(recipe: str, data: Path | None, plan: str | None, as_json: bool) -> None:
    from steatoscope.learning.evaluation.lab_check import check_data, check_lines

    size = plan_for(recipes.RECIPES[recipe], plan, data, "full") if recipe in recipes.RECIPES else "full"
    found = check_data(_folder(data), recipe, size)
    if as_json:
        emit({"recipe": recipe, **found})
        return
    for line in check_lines(found):
        click.echo(line)


def _folder(data: Path | None) -> Path:
    if data is None:
        raise UsageError("Missing option '--data'.")
    if not data.is_dir():
        raise SteatoscopeError("E_PATH", path=str(data))
    return data


def find_recipe(name: str) -> str:
    """``module:function`` of a recipe; raises UsageError that lists the recipes where there is none of that name."""
    if name not in RECIPES:
        known = ", ".join([*sorted(RECIPES), *recipes.RECIPES])
        raise UsageError(f"there is no recipe {name!r}; choose from {known}")
    return RECIPES[name]


def load_recipe(place: str) -> Recipe:
    """The recipe's function, imported now: recipes import torch."""
    module, attribute = place.split(":")
    recipe: Recipe = getattr(importlib.import_module(module), attribute)
    return recipe
