"""``steatoscope federate``: train at several sites together, without their images in one place."""

from __future__ import annotations

from pathlib import Path

import click

from steatoscope.apps.cli.arguments import parse_views
from steatoscope.apps.cli.extras import progress_told, require_train
from steatoscope.apps.cli.folders import check_out
from steatoscope.apps.cli.output import emit, note
from steatoscope.core.errors import UsageError


@click.command()
@click.option("--site", "sites", multiple=True, help="A site as NAME=DIR; give two or more.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for head and results.")
@click.option("--rounds", default=20, show_default=True, type=click.IntRange(1), help="Rounds of averaging.")
@click.option("--epochs", default=2, show_default=True, type=click.IntRange(1), help="Epochs at a site in each round.")
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2), help="Folds of each site's patients.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of weights, folds, batches.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def federate(sites: tuple[str, ...], out: Path, rounds: int, epochs: int, folds: int, seed: int, as_json: bool) -> None:
    """Average the heads of recipe R2 over sites, each in a process of its own on this machine.

    Each DIR holds labels.csv and patient_NN/*.png, or manifest.csv. The result is scored by patient beside the same
    head trained on all data in one place and at each site alone. Needs the extras train and federated.
    """
    from steatoscope.learning.evaluation.report import take_evidence, write_report
    from steatoscope.learning.evaluation.report_markdown import markdown

    folders = _folders(sites)
    check_out(out, list(folders.values()))
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"--out {out} is not empty: name another folder")
    require_train("federate")
    from steatoscope.learning.evaluation.federated import run_federated
    from steatoscope.learning.training.federated_site import FederatedPlan

    out.mkdir(parents=True, exist_ok=True)
    with progress_told():
        plan = FederatedPlan(rounds=rounds, epochs=epochs, folds=folds, seed=seed)
        document, evidence = take_evidence(run_federated(folders, out, plan, told=note))
    write_report(document, evidence, out)
    if as_json:
        emit(document)
    else:
        click.echo(markdown(document, evidence))
    note(f"Written to {out / 'benchmark.html'}; the head is {out / 'head.pt'}")


def _folders(sites: tuple[str, ...]) -> dict[str, Path]:
    try:
        return parse_views(sites)
    except UsageError as fault:
        raise UsageError(str(fault).replace("--view", "--site")) from fault
