"""``steatoscope baseline``: a site's own healthy cohort as the reference that reports compare with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from steatoscope.apps.cli.folders import check_out
from steatoscope.apps.cli.output import emit, note
from steatoscope.core.errors import UsageError
from steatoscope.pipeline.baseline_file import fit_file, read_baseline, write_baseline
from steatoscope.pipeline.baseline_health import CAUTION
from steatoscope.pipeline.baseline_table import SCALES
from steatoscope.science.clinical.reference import RECOMMENDED
from steatoscope.science.clinical.site_reference import SiteReference, document_of


@click.group()
def baseline() -> None:
    """Fit and show a healthy reference of your own."""


@baseline.command()
@click.argument("cohort", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="JSON file to write.")
@click.option("--scale", type=click.Choice(SCALES), help="Scale of the fat values, where the table does not name it.")
@click.option("--name", default="", help="What reports call the reference.")
@click.option("--who", default="", help="For the card: who was measured, and how healthy was judged.")
@click.option("--dates", default="", help="For the card: when they were measured.")
@click.option("--scanner", default="", help="For the card: scanner and protocol.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def fit(
    cohort: Path, out: Path, scale: str | None, name: str, seed: int, as_json: bool, **facts: str
) -> None:  # fmt: skip
    """Fit a reference to COHORT, a CSV table of healthy people with one row each.

    Columns: fat_percent with fat_scale, liver_hu, liver_volume_ml, ... and, where they are known, age_years, sex, bmi.
    The results.csv of 'steatoscope batch' fits as it is.
    """
    check_out(out, [cohort], folder=False)
    if out.exists():
        raise UsageError(f"--out {out} exists already")
    reference = fit_file(cohort, scale=scale, name=name, facts=facts, seed=seed)
    document = write_baseline(reference, out)
    if CAUTION in reference.facts:
        note(reference.facts[CAUTION])
    if as_json:
        emit(document)
        return
    for line in _lines(reference):
        click.echo(line)
    note(f"Written to {out}")


@baseline.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def show(file: Path, as_json: bool) -> None:
    """Show the reference in FILE: its card, and the percentiles of every group with their intervals."""
    reference = read_baseline(file)
    if as_json:
        emit({"sha256": reference.sha256, **document_of(reference)})
        return
    for line in _lines(reference):
        click.echo(line)


def _lines(reference: SiteReference) -> Iterator[str]:
    yield reference.name
    for key, text in reference.facts.items():
        yield f"  {key}: {text}"
    for part in reference.quantities.values():
        scale = f" on the scale {part.scale}" if part.scale else ""
        yield f"{part.quantity}{scale}, {part.unit or 'as measured'}"
        for group in part.groups:
            yield f"  {group.words}: {group.fit.family}"
            for percentile, value, low, high in group.fit.quantiles:
                yield f"    {percentile:5.1f} %  {value:9.2f}  (95 % {low:.2f} to {high:.2f})"
            if group.fit.n < RECOMMENDED:
                yield f"    fewer than {RECOMMENDED} people: outer percentiles are coarse"
    if reference.normality is not None:
        names = ", ".join(reference.normality.features)
        yield f"distance from the healthy set: {names}; n = {reference.normality.healthy.size}"
