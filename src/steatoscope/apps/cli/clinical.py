"""``steatoscope clinical``: scores without images, and a site's own combined model."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from steatoscope.apps.cli.folders import check_out
from steatoscope.apps.cli.output import emit, note
from steatoscope.core.errors import UsageError

_SCALES: Final = ("pdff", "histology", "dixon_sff", "us_model")
_FEWEST_DIGITS: Final = 3
_REMINDER: Final = "Decision support: a clinician reviews it."


@click.group()
def clinical() -> None:
    """Clinical scores, and a combined model of your own."""


@clinical.command()
@click.argument("values", type=click.Path(path_type=Path))
@click.option("--subject", help="The row of a table.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def scores(values: Path, subject: str | None, as_json: bool) -> None:
    """Compute the clinical scores of VALUES: JSON, a FHIR R4 Bundle or CSV. No images are needed."""
    from steatoscope.pipeline.clinical_dates import remarks_told
    from steatoscope.pipeline.clinical_files import read_clinical
    from steatoscope.science.clinical.score_values import decimals_beside
    from steatoscope.science.clinical.scores import clinical_scores

    read = read_clinical(values, subject)
    remarks = remarks_told(read)
    for remark in remarks:
        note(remark)
    computed, left = clinical_scores(read.values)
    if as_json:
        answer = {"scores": [asdict(one) for one in computed], "omitted": [asdict(one) for one in left]}
        emit({**answer, "remarks": list(remarks), "days": dict(read.days)})
        return
    for remark in remarks:
        click.echo(f"Remark: {remark}")
    for score in computed:
        digits = decimals_beside(score.value, score.cutoffs, _FEWEST_DIGITS)
        click.echo(f"{score.name}: {score.value:.{digits}f} ({score.cutoffs}). {score.interpretation}")
    for one in left:
        click.echo(f"{one.name}: not computed. {one.reason or 'Missing: ' + ', '.join(one.missing)}")
    click.echo(_REMINDER)


@clinical.command()
@click.argument("cohort", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="JSON file to write.")
@click.option("--scale", type=click.Choice(_SCALES), default="pdff", show_default=True, help="Scale of the fat values.")
@click.option("--name", default="combined-own", show_default=True, help="What reports call the model.")
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2, 20), help="Folds of cross-validation.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of folds and bootstrap.")
@click.option("--simulated", is_flag=True, help="Label the model as one of simulated data.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def fit(cohort: Path, out: Path, as_json: bool, **choices: Any) -> None:
    """Fit a model of fat from image and clinical values to COHORT, and cross-validate it by patient.

    COHORT is a CSV table: subject, reference_fat_percent, where there are image_fat_percent and image_sd_points, and
    the names of 'steatoscope schema clinical'. An empty cell is a missing value.
    """
    from steatoscope.pipeline.clinical_model import fit_model_file, write_model

    check_out(out, [cohort], folder=False)
    if out.exists():
        raise UsageError(f"--out {out} exists already")
    model = fit_model_file(cohort, **choices)
    write_model(model, out)
    figures = model.cross_validation["figures"]
    if as_json:
        emit({"name": model.name, "n_patients": model.n_patients, "out": str(out), "results": figures})
        return
    for line in _lines(figures):
        click.echo(line)
    note(f"Written to {out}")


def _lines(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "Cross-validated by patient, 95 % intervals in brackets:"
    for name, one in figures.items():
        values = [f"{key} {value:.3f} ({_span(one, key)})" for key, value in one.items() if not key.endswith("_ci")]
        yield f"  {name}: {', '.join(values)}"


def _span(one: Mapping[str, Any], key: str) -> str:
    bounds = one.get(f"{key}_ci")
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else "no interval"


@clinical.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV file to write.")
@click.option("--patients", default=500, show_default=True, type=click.IntRange(30, 100_000), help="How many.")
@click.option(
    "--missing", default=0.0, show_default=True, type=click.FloatRange(0.0, 0.9), help="Share of empty cells."
)
@click.option(
    "--image-sd", default=4.0, show_default=True, type=click.FloatRange(0.1, 30.0), help="Error of the image."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def simulate(out: Path, patients: int, missing: float, image_sd: float, seed: int, as_json: bool) -> None:
    """Write a simulated cohort to try 'clinical fit' with; its subjects are named SIMULATED."""
    from steatoscope.pipeline.clinical_simulated import simulated_rows

    check_out(out, [], folder=False)
    rows = simulated_rows(patients, missing=missing, image_sd=image_sd, seed=seed)
    with out.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    if as_json:
        emit({"n_patients": patients, "out": str(out), "simulated": True})
    note(f"Simulated cohort of {patients} written to {out}")
