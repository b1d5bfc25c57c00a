"""``steatoscope benchmark``: what a method scores on a data set."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from steatoscope.apps.cli.extras import progress_told, require_train
from steatoscope.apps.cli.folders import check_out
from steatoscope.apps.cli.output import emit, note
from steatoscope.apps.cli.recipe_run import COVARIATES_HELP, WEIGHTS_HELP, benchmark_recipe, plan_for
from steatoscope.apps.cli.together import check_device, device_option, first_process, together
from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.recipes import RECIPES

if TYPE_CHECKING:
    from steatoscope.learning.model_folder import ModelFolder


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Where a benchmark's ``run_NAME`` and ``score_NAME`` are, what its folder holds, and of which modality it is.

    ``learned`` benchmarks cross-validate a recipe, which needs the ``train`` extra, or score a model; the others
    measure the product's own methods. ``trust`` benchmarks simulate cohorts and add real images where ``--data`` names
    the folder of all of them; their ``run_NAME(data, *, seed, out, quick)`` takes None for no data.
    """

    module: str
    folder: str | None
    modality: str = ""
    learned: bool = True
    trust: bool = False


_ROOM: Final = "steatoscope.learning.evaluation"
BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "aul": Benchmark(f"{_ROOM}.aul", "annotations.json and images/", "us"),
    "byra2018": Benchmark(f"{_ROOM}.byra2018_command", "labels.csv and patient_NN/*.png", "us"),
    "clinical": Benchmark(f"{_ROOM}.trust_clinical", None, learned=False, trust=True),
    "ct_liver": Benchmark(f"{_ROOM}.ct_liver", "images/ and masks/, or DICOM_anon/ and Ground/", "ct"),
    "explanation": Benchmark(f"{_ROOM}.trust_explanation", "us/byra2018/", learned=False, trust=True),
    "longitudinal": Benchmark(f"{_ROOM}.trust_longitudinal", "us/byra2018/", learned=False, trust=True),
    "mr_liver": Benchmark(f"{_ROOM}.mr_liver", "Data/ and Ground/", "mr"),
    "mr_pdff": Benchmark(f"{_ROOM}.mr_pdff", "ismrm2012/ and reference/", learned=False),
    "normality": Benchmark(f"{_ROOM}.trust_normality", "us/byra2018/", learned=False, trust=True),
    "phantom": Benchmark(f"{_ROOM}.phantom", None, learned=False),
    "refusal": Benchmark("steatoscope.apps.wiring.refusal", "all sets, each in its folder", learned=False, trust=True),
    "uncertainty": Benchmark(f"{_ROOM}.trust_uncertainty", "us/byra2018/", learned=False, trust=True),
}
_LIBRARIES: Final = ("numpy", "onnxruntime", "torch", "scikit-learn")


@click.command()
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with the benchmark's images.")
@click.option("--model", help="Score this shipped model or packed model folder; needs no torch.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of folds and simulations.")
@click.option("--quick", is_flag=True, help="A small configuration that shows that it runs, not how good it is.")
@click.option("--plan", help="Size of a recipe's run: small (default) or full; 'recipes show' lists them.")
@click.option("--resume", is_flag=True, help="Go on with a recipe's run in --out.")
@click.option("--weights", help=WEIGHTS_HELP)
@click.option("--covariates", help=COVARIATES_HELP)
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def benchmark(
    name: str, out: Path, data: Path | None, model: str | None, seed: int, quick: bool, as_json: bool, **choices: Any
) -> None:
    """Run a benchmark and write its figures as JSON, Markdown and HTML.

    NAME is aul, byra2018, ct_liver, mr_liver, mr_pdff, phantom, a recipe (see 'steatoscope recipes list'), or a
    benchmark of trust: clinical, explanation, longitudinal, normality, refusal, uncertainty. Without --model the
    recipe is cross-validated by subject (needs the train extra; mr_pdff, phantom and those of trust do not). With
    --model that model is scored on all images that are not in its training manifest.
    """
    from steatoscope.learning.evaluation.report import take_evidence, write_report
    from steatoscope.learning.evaluation.report_markdown import markdown

    with together(out) as own:
        if name in RECIPES:
            found = _recipe(name, data, own, model, seed, quick, **choices)
        else:
            found = _benchmark(name, data, own, model, seed, _sized(name, quick, **choices))
    if not first_process():
        return
    document, evidence = take_evidence({**found, "environment": _environment()})
    if evidence.notes:
        document["notes"] = list(evidence.notes)
    write_report(document, evidence, out)
    if as_json:
        emit(document)
    else:
        click.echo(markdown(document, evidence))
    note(f"Written to {out / 'benchmark.html'}")


def _benchmark(name: str, data: Path | None, out: Path, model: str | None, seed: int, quick: bool) -> dict[str, Any]:
    chosen = _chosen(name)
    check_out(out, [data] if data else [])
    folder = _folder(name, chosen, data)
    return _scored(name, chosen, folder, model, out) if model else _run(name, chosen, folder, seed, out, quick)


def _recipe(
    name: str,
    data: Path | None,
    out: Path,
    model: str | None,
    seed: int,
    quick: bool,
    *,
    plan: str | None,
    resume: bool,
    weights: str | None,
    covariates: str | None,
) -> dict[str, Any]:
    if model:
        raise UsageError(f"{name} trains its own models and takes no --model")
    if quick and plan not in (None, "small"):
        raise UsageError(f"--quick is the plan small: leave it out, or --plan {plan}")
    check_out(out, [data] if data else [])
    wanted = plan_for(RECIPES[name], plan, data, "small")
    return benchmark_recipe(
        RECIPES[name], data, out, plan=wanted, seed=seed, resume=resume, weights=weights,
        covariates=covariates,
    )  # fmt: skip


def _sized(
    name: str, quick: bool, *, plan: str | None, resume: bool, weights: str | None, covariates: str | None
) -> bool:
    """Whether a benchmark that is no recipe runs in its small configuration; it has no other choices."""
    choices = (("--resume", resume), ("--weights", weights), ("--covariates", covariates))
    given = [word for word, on in choices if on]
    if name in BENCHMARKS and (given or plan not in (None, "small", "full")):
        raise UsageError(f"benchmark {name} takes no {given[0] if given else f'--plan {plan}'}: that is for recipes")
    return quick or plan == "small"


def _chosen(name: str) -> Benchmark:
    if name not in BENCHMARKS:
        known = ", ".join([*sorted(BENCHMARKS), *RECIPES])
        raise UsageError(f"there is no benchmark {name!r}; choose from {known}")
    return BENCHMARKS[name]


def _folder(name: str, chosen: Benchmark, data: Path | None) -> Path | None:
    """The benchmark's images; None where it simulates its own."""
    if chosen.folder is None or (chosen.trust and data is None):
        return None
    if data is None:
        raise UsageError(f"benchmark {name} needs --data with {chosen.folder} in it")
    if not data.is_dir():
        raise SteatoscopeError("E_PATH", path=str(data))
    return data


def _run(name: str, chosen: Benchmark, data: Path | None, seed: int, out: Path, quick: bool) -> dict[str, Any]:
    if chosen.learned:
        require_train(f"benchmark {name} without --model")
        check_device()
        out.mkdir(parents=True, exist_ok=True)
        with progress_told():
            return dict(_function(chosen, f"run_{name}")(data, seed=seed, out=out, quick=quick))
    if chosen.trust:
        out.mkdir(parents=True, exist_ok=True)
        with progress_told():
            return dict(_function(chosen, f"run_{name}")(data, seed=seed, out=out, quick=quick))
    if data is None:
        return dict(_function(chosen, f"run_{name}_benchmark")(seed=seed))
    return dict(_function(chosen, f"run_{name}")(data))


def _scored(name: str, chosen: Benchmark, data: Path | None, model: str, out: Path) -> dict[str, Any]:
    if not chosen.learned:
        raise UsageError(f"benchmark {name} measures the product's own method and takes no --model")
    folder = _model(name, chosen, model)
    found = dict(_function(chosen, f"score_{name}")(data, folder, out=out))
    return {**found, "model": {"name": folder.name, "version": folder.version, "sha256": folder.sha256}}


def _model(name: str, chosen: Benchmark, model: str) -> ModelFolder:
    from steatoscope.learning.catalogue import open_model

    folder = open_model(model)
    modality = str(folder.entry["modality"]).casefold()
    if modality != chosen.modality:
        raise UsageError(f"{folder.name} is a model for {modality}, but benchmark {name} is about {chosen.modality}")
    return folder


def _function(chosen: Benchmark, attribute: str) -> Any:
    return getattr(importlib.import_module(chosen.module), attribute)


def _environment() -> dict[str, str]:
    from steatoscope.learning.evaluation.machine import versions

    return {"machine": platform.machine(), **versions(_LIBRARIES)}
