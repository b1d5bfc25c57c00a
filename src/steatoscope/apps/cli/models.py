"""``steatoscope models``: the catalogue of models, answered without loading any network library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from steatoscope.apps.cli.output import emit, note
from steatoscope.core.errors import UsageError


@click.group()
def models() -> None:
    """List, show, verify and add models."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_models(as_json: bool) -> None:
    """List the shipped models and your own."""
    from steatoscope.learning.catalogue import list_models as catalogue

    entries = catalogue()
    if as_json:
        emit({"models": entries})
        return
    for entry in entries:
        own = "" if entry["shipped"] else "  (own)"
        size = f"{entry['size'] / 1e6:.1f} MB"
        click.echo(f"{entry['name']:20} {entry['version']:8} {entry['modality']:4} {size:>8}  {entry['task']}{own}")


@models.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(name: str, as_json: bool) -> None:
    """Show one model: its card, its split, its figures and what it was trained on."""
    from steatoscope.learning.catalogue import show_model

    try:
        entry = show_model(name)
    except KeyError as fault:
        raise UsageError(f"there is no model {name!r}; see 'steatoscope models list'") from fault
    if as_json:
        emit(entry)
        return
    click.echo(entry["card"])
    for line in _summary(entry):
        click.echo(line)


@models.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def verify(as_json: bool) -> int:
    """Check every file of every model against its recorded hash, and the shipped size; exit 1 where one differs."""
    from steatoscope.learning.catalogue import MOST_SHIPPED_BYTES, shipped_size, verify_models

    results, size = verify_models(), shipped_size()
    good = all(result["ok"] for result in results) and size < MOST_SHIPPED_BYTES
    if as_json:
        emit({"ok": good, "shipped_bytes": size, "limit_bytes": MOST_SHIPPED_BYTES, "models": results})
        return 0 if good else 1
    for result in results:
        click.echo(f"{'ok  ' if result['ok'] else 'BAD '} {result['name']}")
        for cause in result["faults"].values():
            click.echo(f"     {cause}")
    fits = "ok  " if size < MOST_SHIPPED_BYTES else "BAD "
    click.echo(f"{fits} {size / 1e6:.1f} MB shipped of at most {MOST_SHIPPED_BYTES / 1e6:.0f} MB")
    return 0 if good else 1


@models.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Name of the model here: small letters, digits, '.', '_', '-'.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def add(run: Path, name: str, as_json: bool) -> None:
    """Copy the packed model of a training run into your own models, verified."""
    from steatoscope.learning.catalogue import add_model

    model = add_model(run, name)
    if as_json:
        emit({"name": model.name, "version": model.version, "sha256": model.sha256, "path": str(model.folder)})
        return
    click.echo(f"{model.name} {model.version}")
    note(f"Added to {model.folder}")


def _summary(entry: Mapping[str, Any]) -> Iterator[str]:
    """Version, files, training set, split and figures as lines."""
    yield f"Version {entry['version']}, sha256 {entry['sha256']}, {entry['size'] / 1e6:.1f} MB, {entry['licence']}"
    training = entry["training"]
    subjects = f" of {training['subjects']} subjects" if training["subjects"] else ""
    yield f"Trained by {training['recipe']}, seed {training['seed']}, on {training['files']} files{subjects}"
    if training["split"]:
        yield f"Split: {training['split']}"
    for name, value in (training["metrics"] or {}).items():
        yield f"  {name}: {_figure(value)}"


def _figure(value: Any) -> str:
    if not isinstance(value, Mapping):
        return f"{value:.4g}" if isinstance(value, int | float) else str(value)
    interval = value.get("ci95")
    spread = f" ({interval[0]:.4g} to {interval[1]:.4g})" if interval else ""
    return f"{_figure(value.get('value'))}{spread}"
