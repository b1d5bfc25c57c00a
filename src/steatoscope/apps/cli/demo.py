"""``make demo``: one ultrasound, one CT and one MRI case, real where data is at hand, simulated otherwise."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from steatoscope.apps.cli.analyze import summarise
from steatoscope.apps.wiring.run import run_study
from steatoscope.core.image import Modality
from steatoscope.pipeline.options import AnalyseOptions

_REAL: Mapping[Modality, str] = {
    "US": "us/byra2018/patient_07",
    "CT": "ct/unenhanced_borderline",
    "MR": "mr/bipolar/liver_12echo_bipolar.mat",
}


@click.command()
@click.option("--out", default="demo-out", type=click.Path(path_type=Path), help="Folder for the three reports.")
def demo(out: Path) -> None:
    """Analyse one ultrasound, one CT and one MRI case and say where the reports are."""
    with tempfile.TemporaryDirectory() as folder:
        for modality, (path, origin) in _cases(Path(folder)).items():
            code, document = run_study([path], out / modality.lower(), AnalyseOptions(modality=modality))
            click.echo(f"\n{modality} ({origin})")
            click.echo(summarise(document))
            click.echo(f"  report: {out / modality.lower() / 'report.pdf'}" + (" (refused)" if code else ""))


def _cases(scratch: Path) -> dict[Modality, tuple[Path, str]]:
    data = os.environ.get("STEATOSCOPE_DATA")
    if data and all((Path(data) / place).exists() for place in _REAL.values()):
        return {modality: (Path(data) / place, f"real case {place}") for modality, place in _REAL.items()}
    click.echo("STEATOSCOPE_DATA names no folder of real cases: the demo analyses simulated ones.")
    return {modality: (_simulated(modality, scratch), "SIMULATED, PDFF 12 %") for modality in _REAL}


def _simulated(modality: Modality, scratch: Path) -> Path:
    from steatoscope.apps.cli.phantom import simulate
    from steatoscope.imaging.phantoms.write_files import write_phantom

    name, fmt = {"US": ("us.png", "png"), "CT": ("ct", "dicom"), "MR": ("mr.mat", "mat")}[modality]
    path = scratch / name
    write_phantom(simulate(modality.lower(), 12.0, 7), path, fmt)
    return path


if __name__ == "__main__":
    demo()
