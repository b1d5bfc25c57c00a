"""``steatoscope phantom``: a simulated study with known fat."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import click

from steatoscope.apps.cli.folders import check_out
from steatoscope.apps.cli.output import emit
from steatoscope.core.errors import UsageError

_DEFAULT_FORMAT = {"us": "png", "ct": "dicom", "mr": "mat"}


@click.command()
@click.argument("modality", type=click.Choice(["us", "ct", "mr"]))
@click.option("--fat", required=True, type=click.FloatRange(0.0, 100.0), help="Simulated PDFF in percent.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of anatomy and noise.")
@click.option("--format", "fmt", type=click.Choice(["dicom", "nifti", "png", "mat"]), help="File format.")
@click.option("--view", type=click.Choice(["HR", "AR"]), default="HR", show_default=True, help="Ultrasound view.")
@click.option("--frames", default=1, show_default=True, type=click.IntRange(1, 300), help="Ultrasound frames.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File or folder to write.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def phantom(modality: str, fat: float, seed: int, fmt: str | None, out: Path, as_json: bool, **choices: Any) -> None:
    """Write a simulated ultrasound, CT or MR study with its truth and masks beside it."""
    from steatoscope.imaging.phantoms.write_files import write_phantom

    fmt = fmt or _DEFAULT_FORMAT[modality]
    if not math.isfinite(fat):
        raise UsageError("--fat takes a number from 0 to 100")
    check_out(out, folder=False)
    if out.exists():
        raise UsageError(f"--out {out} exists already")
    study = simulate(modality, fat, seed, view=choices["view"], frames=choices["frames"])
    written = write_phantom(study, out, fmt)
    document = {
        "modality": modality,
        "simulated": True,
        "pdff_percent": fat,
        "seed": seed,
        "format": fmt,
        "path": str(out),
        "truth": f"{out}.truth.json",
        "files": [str(path) for path in written],
    }
    if as_json:
        emit(document)
    else:
        click.echo(f"Simulated {modality.upper()} with PDFF {fat:g} % written to {out}; truth in {out}.truth.json")


def simulate(modality: str, fat: float, seed: int, *, view: Literal["HR", "AR"] = "HR", frames: int = 1) -> Any:
    """A simulated study of one modality with PDFF ``fat`` in percent."""
    if modality == "ct":
        from steatoscope.imaging.phantoms.ct import simulate_ct

        return simulate_ct(fat, seed)
    if modality == "mr":
        from steatoscope.imaging.phantoms.mr import simulate_mr

        return simulate_mr(fat, seed)
    from steatoscope.imaging.phantoms.us import simulate_us

    return simulate_us(fat, seed, view=view, frames=frames)
