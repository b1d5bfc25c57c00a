"""``steatoscope search``: look for better hyper-parameters of a recipe, without looking at test patients."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import click

from steatoscope.apps.cli.extras import progress_told, require_train
from steatoscope.apps.cli.folders import check_out
from steatoscope.apps.cli.output import emit, note
from steatoscope.apps.cli.together import check_device, device_option
from steatoscope.core.errors import SteatoscopeError, UsageError


@click.command()
@click.argument("recipe")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder with the training images.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for trials, values and results.")
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1), help="Trials of each search.")
@click.option("--outer", default=5, show_default=True, type=click.IntRange(2), help="Outer folds, for judging.")
@click.option("--inner", default=3, show_default=True, type=click.IntRange(2), help="Inner folds, for choosing.")
@click.option("--epochs", default=40, show_default=True, type=click.IntRange(1), help="Longest training of a trial.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of trials, folds, weights.")
@click.option("--resume", is_flag=True, help="Go on with the search in --out.")
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def search(
    recipe: str, data: Path, out: Path, trials: int, outer: int, inner: int, epochs: int, seed: int, resume: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Search rate, weight decay, dropout and length of RECIPE's head on cached features (Optuna).

    RECIPE is r2-resnet50-grading or r3-multiview. Each outer fold has a search of its own on its training patients and
    is tested once. Values from a search on all patients are left in search.json, and the model of them in model.
    """
    from steatoscope.learning.evaluation.report import take_evidence, write_report
    from steatoscope.learning.evaluation.report_markdown import markdown

    check_out(out, [data])
    if not data.is_dir():
        raise SteatoscopeError("E_PATH", path=str(data))
    if not resume and out.is_dir() and any(out.iterdir()):
        raise UsageError(f"--out {out} is not empty: add --resume to go on, or name another folder")
    require_train("search")
    if find_spec("optuna") is None:
        raise UsageError("search needs the train extra (optuna not installed): pip install 'steatoscope[train]'")
    check_device()
    from steatoscope.learning.evaluation.head_search import run_search
    from steatoscope.learning.evaluation.head_search_model import SearchPlan

    out.mkdir(parents=True, exist_ok=True)
    plan = replace(SearchPlan(), trials=trials, outer=outer, inner=inner, epochs=epochs, seed=seed)
    with progress_told():
        document, evidence = take_evidence(run_search(recipe, data, out, plan, told=note))
    write_report(document, evidence, out)
    if as_json:
        emit(document)
    else:
        click.echo(markdown(document, evidence))
    note(f"Written to {out / 'benchmark.html'}; the values are in {out / 'search.json'}, the model in {out / 'model'}")
