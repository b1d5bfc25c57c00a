"""``steatoscope lab``: the results of many benchmarks, and a reader study, on one page."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from steatoscope.apps.cli.folders import check_foreign, check_out
from steatoscope.apps.cli.output import emit, note
from steatoscope.core.errors import UsageError


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for laboratory.html and .md.")
@click.option(
    "--readers", type=click.Path(path_type=Path), help="CSV with case,subject,reader,grade and optionally truth."
)
@click.option("--reader-model", help="The reader in --readers that is a model, not a person.")
@click.option(
    "--consensus",
    type=click.Choice(["majority", "median"]),
    default="majority",
    show_default=True,
    help="How the readers' consensus is found.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def lab(
    results: tuple[Path, ...], out: Path, readers: Path | None, reader_model: str | None, consensus: str, as_json: bool
) -> None:
    """Join the benchmark documents in RESULTS (folders or files) into one page with checklists."""
    from steatoscope.learning.evaluation.lab import gather, write_laboratory
    from steatoscope.learning.evaluation.lab_readers import study_document, study_table

    if reader_model is not None and readers is None:
        raise UsageError("--reader-model names a reader of --readers, and there is no --readers")
    check_out(out, results)
    check_foreign(out, ("laboratory.html", "laboratory.md"))
    entries, begun = gather(results)
    study = None
    if readers is not None:
        study = study_document(readers, model=reader_model, how="median" if consensus == "median" else "majority")
    shown = None if study is None else {**study, "table": study_table(study)}
    command = shlex.join(["steatoscope", "lab", *map(str, results), "--out", str(out)])
    written = write_laboratory(entries, begun, out, command=command, readers=shown)
    if as_json:
        rows = [
            {"name": one.name, "label": one.label, "title": one.title, "simulated": one.simulated} for one in entries
        ]
        emit({"benchmarks": rows, "unfinished": begun, "readers": study, "files": [str(path) for path in written]})
    note(f"Written to {written[0]}")
