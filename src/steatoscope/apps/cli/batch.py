"""``steatoscope batch``: a cohort on local workers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from steatoscope.apps.cli.arguments import chosen_baseline, chosen_clinical_model
from steatoscope.apps.cli.folders import check_out
from steatoscope.apps.cli.output import emit, note
from steatoscope.pipeline.options import AnalyseOptions


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for tables and reports.")
@click.option("--workers", type=click.IntRange(1, 256), help="Worker processes; default: one a core.")
@click.option("--resume", is_flag=True, help="Keep studies that an earlier run has finished.")
@click.option("--shard", metavar="I/N", help="Only the I-th of N parts, for array jobs; tables go to shards/I-of-N.")
@click.option("--modality", type=click.Choice(["us", "ct", "mr"]), help="Where neither files nor manifest say.")
@click.option("--profile", help="Grade limits.")
@click.option("--baseline", type=click.Path(path_type=Path), help="A healthy reference by 'steatoscope baseline fit'.")
@click.option("--clinical", type=click.Path(path_type=Path), help="CSV with clinical values by 'subject'.")
@click.option("--clinical-model", type=click.Path(path_type=Path), help="A combined model by 'clinical fit'.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def batch(
    source: Path, out: Path, workers: int | None, resume: bool, shard: str | None, as_json: bool, **choices: Any
) -> int:
    """Measure a cohort: a CSV manifest with a column 'path', or a folder with one study an entry."""
    from steatoscope.apps.wiring.cohort import clinical_table, cohort_rows, parse_shard, plan, run_cohort, write_tables
    from steatoscope.science.clinical.grades import profile_named

    check_out(out, [source])
    if choices["profile"]:
        profile_named(choices["profile"])
    part, parts = parse_shard(shard)
    modality = choices["modality"].upper() if choices["modality"] else None
    defaults = AnalyseOptions(
        modality=modality,
        profile=choices["profile"],
        reference=chosen_baseline(choices["baseline"]),
        clinical_model=chosen_clinical_model(choices["clinical_model"]),
    )
    jobs = plan(cohort_rows(source), out, defaults, clinical_table(choices["clinical"]))
    jobs = jobs[part - 1 :: parts]
    tables = out / "shards" / f"{part}-of-{parts}" if parts > 1 else out
    tables.mkdir(parents=True, exist_ok=True)
    done = 0

    def told(job: Any, answer: dict[str, Any]) -> None:
        nonlocal done
        done += 1
        ended = answer["failure"]["code"] if "failure" in answer else answer["quality"]["status"]
        note(f"[{done}/{len(jobs)}] {job.row.path}: {ended}")

    answers = run_cohort(jobs, workers or os.cpu_count() or 1, resume=resume, told=told)
    counts = write_tables(jobs, answers, tables)
    document = {"n": len(jobs), **counts, "resumed": len(jobs) - done, "results": str(tables / "results.csv")}
    if as_json:
        emit(document)
    else:
        click.echo(
            ", ".join(f"{count} {name}" for name, count in counts.items()) + f"; table: {tables / 'results.csv'}"
        )
    return 0
