"""``steatoscope models``: the catalogue of shipped models, answered without loading any network library."""

from __future__ import annotations

import click

from steatoscope.apps.cli.output import emit
from steatoscope.core.errors import UsageError


@click.group()
def models() -> None:
    """List, show and verify the shipped models."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_models(as_json: bool) -> None:
    """List the shipped models."""
    from steatoscope.learning.catalogue import list_models as catalogue

    entries = catalogue()
    if as_json:
        emit({"models": entries})
        return
    for entry in entries:
        click.echo(f"{entry['name']:16} {entry['version']:8} {entry['modality']:4} {entry['task']}")


@models.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(name: str, as_json: bool) -> None:
    """Show one model and its card."""
    from steatoscope.learning.catalogue import show_model

    try:
        entry = show_model(name)
    except KeyError as fault:
        raise UsageError(f"there is no model {name!r}; see 'steatoscope models list'") from fault
    if as_json:
        emit(entry)
        return
    click.echo(entry["card"])


@models.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def verify(as_json: bool) -> int:
    """Check every shipped weight file against its recorded hash; exit 1 where one differs."""
    from steatoscope.learning.catalogue import verify_models

    results = verify_models()
    good = all(result["ok"] for result in results)
    if as_json:
        emit({"ok": good, "models": results})
    else:
        for result in results:
            click.echo(f"{'ok  ' if result['ok'] else 'BAD '} {result['name']}")
    return 0 if good else 1
