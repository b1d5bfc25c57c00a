"""``steatoscope recipes``: the published systems, answered without loading any network library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from steatoscope.apps.cli.output import emit
from steatoscope.learning.recipes import RECIPES, Recipe, recipe_named

REAL: Final = "real-"


@click.group()
def recipes() -> None:
    """List and show the recipes: published systems that train and benchmark run end to end."""


@recipes.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_recipes(as_json: bool) -> None:
    """List the recipes."""
    if as_json:
        emit({"recipes": [recipe.document() for recipe in RECIPES.values()]})
        return
    for recipe in RECIPES.values():
        label = "  (simulated)" if recipe.simulated else ""
        click.echo(f"{recipe.name:20} {recipe.version:8} {recipe.modality:4} {recipe.title}{label}")


@recipes.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(name: str, as_json: bool) -> None:
    """Show one recipe: what it does, what was published, how far that can be compared, and how to run it."""
    recipe = recipe_named(name)
    if as_json:
        emit(recipe.document())
        return
    for line in _lines(recipe):
        click.echo(line)


def _lines(recipe: Recipe) -> Iterator[str]:
    yield f"{recipe.name} {recipe.version}: {recipe.title}"
    yield f"Publication: {recipe.publication}"
    yield recipe.summary
    yield f"Architectures: {', '.join(recipe.architectures)}"
    if recipe.chain:
        yield f"What a run uses: {recipe.chain}"
    for row, figures in recipe.published.items():
        yield f"{row}: " + ", ".join(f"{metric} {value:g}" for metric, value in figures.items())
    yield f"Comparability: {recipe.comparability}"
    yield f"Data: {recipe.data or 'none, it simulates its own'}"
    if recipe.own_data:
        yield f"Your own data: {recipe.own_data}"
    for plan, words in recipe.plans.items():
        yield f"Plan {plan}: {words}"
    for plan in recipe.plans:
        if plan in ("small", f"{REAL}small"):
            data = " --data DIR" if recipe.data or plan.startswith(REAL) else ""
            yield f"Run: steatoscope benchmark {recipe.name}{data} --out RESULTS --plan {plan}"
