"""``steatoscope benchmark``: what a method scores on a data set."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from steatoscope import __version__
from steatoscope.apps.cli.folders import check_out
from steatoscope.apps.cli.output import emit, note
from steatoscope.core.errors import SteatoscopeError, UsageError


@click.command()
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with the benchmark's images.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of simulated cohorts.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def benchmark(name: str, out: Path, data: Path | None, seed: int, as_json: bool) -> None:
    """Run a benchmark (mr_pdff, phantom) and write its figures as JSON and Markdown."""
    if name not in _RUNNERS:
        raise UsageError(f"there is no benchmark {name!r}; choose from {', '.join(sorted(_RUNNERS))}")
    check_out(out, [data] if data else [])
    document = {**_RUNNERS[name](data, seed), "environment": _environment()}
    out.mkdir(parents=True, exist_ok=True)
    (out / "benchmark.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
    (out / "benchmark.md").write_text(markdown(document), encoding="utf-8")
    if as_json:
        emit(document)
    else:
        click.echo(markdown(document))
    note(f"Written to {out / 'benchmark.json'}")


def _mr_pdff(data: Path | None, _seed: int) -> dict[str, Any]:
    from steatoscope.learning.evaluation.mr_pdff import run_mr_pdff

    if data is None:
        raise UsageError("benchmark mr_pdff needs --data with ismrm2012/ and reference/ in it")
    if not data.is_dir():
        raise SteatoscopeError("E_PATH", path=str(data))
    return run_mr_pdff(data)


def _phantom(_data: Path | None, seed: int) -> dict[str, Any]:
    from steatoscope.learning.evaluation.phantom import run_phantom_benchmark

    return run_phantom_benchmark(seed=seed)


_RUNNERS: Mapping[str, Callable[[Path | None, int], dict[str, Any]]] = {"mr_pdff": _mr_pdff, "phantom": _phantom}


def _environment() -> dict[str, str]:
    return {"steatoscope": __version__, "python": platform.python_version(), "machine": platform.machine()}


def markdown(document: Mapping[str, Any]) -> str:
    """The results of a benchmark as a Markdown table with intervals where there are any."""
    lines = [
        f"# Benchmark {document['name']}",
        "",
        f"Data: {document['data']}",
        "",
        "| model | metric | value |",
        "|---|---|---|",
    ]
    for model, metrics in document["results"].items():
        for metric, value in metrics.items():
            if metric.endswith("_ci"):
                continue
            interval = metrics.get(f"{metric}_ci")
            spread = f" ({interval[0]:.4g} to {interval[1]:.4g})" if interval else ""
            shown = f"{value:.4g}" if isinstance(value, int | float) else str(value)
            lines.append(f"| {model} | {metric} | {shown}{spread} |")
    return "\n".join([*lines, ""])
