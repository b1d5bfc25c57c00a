"""``steatoscope analyze``: the main job on one study."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from steatoscope.apps.cli.arguments import (
    chosen_baseline,
    chosen_clinical,
    chosen_clinical_model,
    parse_views,
    read_report,
)
from steatoscope.apps.cli.folders import check_out
from steatoscope.apps.cli.output import emit, note, say
from steatoscope.core.errors import EXIT_REFUSED, UsageError
from steatoscope.pipeline.options import AnalyseOptions
from steatoscope.pipeline.progress import Tracker


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--modality", type=click.Choice(["us", "ct", "mr"]), help="What the images are, where files do not say.")
@click.option("--view", "views", multiple=True, metavar="NAME=PATH", help="An ultrasound view: AR=PATH, HR=PATH.")
@click.option("--clinical", type=click.Path(path_type=Path), help="Clinical values: JSON, FHIR R4 Bundle or CSV.")
@click.option("--clinical-model", type=click.Path(path_type=Path), help="A combined model by 'clinical fit'.")
@click.option("--profile", help="Grade limits: pooled2024, tang2013, japan2022, mrs_pisa, ship2017.")
@click.option("--subject", help="Name of the subject in the report; default: a pseudonym.")
@click.option("--previous", multiple=True, type=click.Path(path_type=Path), help="Earlier report.json files.")
@click.option("--baseline", type=click.Path(path_type=Path), help="A healthy reference by 'steatoscope baseline fit'.")
@click.option("--liver-mask", type=click.Path(path_type=Path), help="NIfTI or PNG mask of the liver.")
@click.option("--series", help="SeriesInstanceUID to measure.")
@click.option("--model", help="A model by name, or the folder of a training run, for the part of the analysis it fits.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON document.")
def analyze(paths: tuple[Path, ...], out: Path, as_json: bool, **choices: Any) -> int:
    """Measure liver fat in one study: files, folders or a zip of one patient."""
    from steatoscope.apps.wiring.run import run_study

    options = _options(**choices)
    if not paths and not options.views:
        raise UsageError("give at least one PATH or --view NAME=PATH")
    check_out(out, [*paths, *options.views.values()])
    tracker = Tracker(sink=lambda stage, fraction: note(f"[{fraction:4.0%}] {stage}"))
    code, document = run_study(paths, out, options, tracker=tracker, command=["analyze", *_public(sys.argv[2:])])
    if as_json or code == EXIT_REFUSED:
        emit(document)
    summary = summarise(document)
    if code == EXIT_REFUSED:
        note(summary)
    else:
        say(f"{summary}\nReport: {out / 'report.pdf'}", as_json=as_json)
    return code


def _options(**choices: Any) -> AnalyseOptions:
    from steatoscope.science.clinical.grades import PROFILES

    profile = choices["profile"]
    if profile is not None and profile not in PROFILES:
        raise UsageError(f"--profile {profile} is not known; choose from {', '.join(sorted(PROFILES))}")
    read = chosen_clinical(choices["clinical"], choices["subject"])
    return AnalyseOptions(
        subject=choices["subject"],
        modality=choices["modality"].upper() if choices["modality"] else None,
        views=parse_views(choices["views"]),
        series=choices["series"],
        profile=profile,
        liver_mask=choices["liver_mask"],
        model=choices["model"],
        clinical=read.values,
        clinical_remarks=read.remarks,
        clinical_days=read.days,
        previous=_earlier(choices["previous"]),
        reference=chosen_baseline(choices["baseline"]),
        clinical_model=chosen_clinical_model(choices["clinical_model"]),
    )


def _earlier(paths: Sequence[Path]) -> tuple[dict[str, Any], ...]:
    """The earlier reports, each once: a report that is given twice is one visit."""
    found = [read_report(path) for path in paths]
    return tuple(one for place, one in enumerate(found) if one not in found[:place])


def _public(arguments: Sequence[str]) -> list[str]:
    """The command's words for the manifest, with folders cut from paths so that no machine path is kept."""
    return [Path(word).name if "/" in word and "=" not in word else word for word in arguments]


def summarise(document: dict[str, Any]) -> str:
    """One or two lines for a person: value, interval, grade, or why there is none."""
    if document.get("error"):
        error = document["error"]
        return f"Refused, {error['code']}: {error['message']} {error['cause']} {error['remedy']}"
    fat, grade = document["fat"], document["grade"]
    if fat is None:
        return f"{document['modality']}: no fat is measured on these images, {len(document['regions'])} regions"
    interval = fat["interval"]
    line = (
        f"{document['modality']}: liver fat {fat['value_percent']:.1f} % ({fat['scale']}), "
        f"{interval['level']:.0%} interval {interval['low']:.1f} to {interval['high']:.1f} %"
    )
    limits = " / ".join(f"{limit:g}" for limit in grade["limits"])
    graded = (
        f"Grade {grade['label']} (limits {limits} %, {grade['profile']}). Decision support: a clinician reviews it."
    )
    return f"{line}\n{graded}"
