"""``steatoscope benchmark``: what a method scores on a data set."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from steatoscope import __version__
from steatoscope.apps.cli.extras import progress_told, require_train
from steatoscope.apps.cli.folders import check_out
from steatoscope.apps.cli.output import emit, note
from steatoscope.core.errors import SteatoscopeError, UsageError

if TYPE_CHECKING:
    from steatoscope.learning.model_folder import ModelFolder


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Where a benchmark's ``run_NAME`` and ``score_NAME`` are, what its folder holds, and of which modality it is.

    ``learned`` benchmarks cross-validate a recipe, which needs the ``train`` extra, or score a model; the others
    measure the product's own methods.
    """

    module: str
    folder: str | None
    modality: str = ""
    learned: bool = True


_ROOM: Final = "steatoscope.learning.evaluation"
BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "aul": Benchmark(f"{_ROOM}.aul", "annotations.json and images/", "us"),
    "byra2018": Benchmark(f"{_ROOM}.byra2018_command", "labels.csv and patient_NN/*.png", "us"),
    "ct_liver": Benchmark(f"{_ROOM}.ct_liver", "images/ and masks/, or DICOM_anon/ and Ground/", "ct"),
    "mr_liver": Benchmark(f"{_ROOM}.mr_liver", "Data/ and Ground/", "mr"),
    "mr_pdff": Benchmark(f"{_ROOM}.mr_pdff", "ismrm2012/ and reference/", learned=False),
    "phantom": Benchmark(f"{_ROOM}.phantom", None, learned=False),
}
_LIBRARIES: Final = ("numpy", "onnxruntime", "torch", "scikit-learn")


@click.command()
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with the benchmark's images.")
@click.option("--model", help="Score this shipped model or packed model folder; needs no torch.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of folds and simulations.")
@click.option("--quick", is_flag=True, help="A small configuration that shows that it runs, not how good it is.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def benchmark(
    name: str, out: Path, data: Path | None, model: str | None, seed: int, quick: bool, as_json: bool
) -> None:
    """Run a benchmark and write its figures as JSON, Markdown and HTML.

    NAME is aul, byra2018, ct_liver, mr_liver, mr_pdff or phantom. Without --model the recipe is cross-validated by
    subject (needs the train extra; mr_pdff and phantom do not). With --model that model is scored on all images that
    are not in its training manifest.
    """
    from steatoscope.learning.evaluation.report import take_evidence, write_report
    from steatoscope.learning.evaluation.report_markdown import markdown

    chosen = _chosen(name)
    check_out(out, [data] if data else [])
    folder = _folder(name, chosen, data)
    found = _scored(name, chosen, folder, model, out) if model else _run(name, chosen, folder, seed, out, quick)
    document, evidence = take_evidence({**found, "environment": _environment()})
    write_report(document, evidence, out)
    if as_json:
        emit(document)
    else:
        click.echo(markdown(document, evidence))
    note(f"Written to {out / 'benchmark.html'}")


def _chosen(name: str) -> Benchmark:
    if name not in BENCHMARKS:
        raise UsageError(f"there is no benchmark {name!r}; choose from {', '.join(sorted(BENCHMARKS))}")
    return BENCHMARKS[name]


def _folder(name: str, chosen: Benchmark, data: Path | None) -> Path | None:
    """The benchmark's images; None where it simulates its own."""
    if chosen.folder is None:
        return None
    if data is None:
        raise UsageError(f"benchmark {name} needs --data with {chosen.folder} in it")
    if not data.is_dir():
        raise SteatoscopeError("E_PATH", path=str(data))
    return data


def _run(name: str, chosen: Benchmark, data: Path | None, seed: int, out: Path, quick: bool) -> dict[str, Any]:
    if chosen.learned:
        require_train(f"benchmark {name} without --model")
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
    found = {"steatoscope": __version__, "python": platform.python_version(), "machine": platform.machine()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found
