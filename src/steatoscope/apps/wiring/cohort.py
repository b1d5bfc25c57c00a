"""Runs a cohort on local worker processes; resumable, and one failed study never stops the rest."""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from steatoscope.core.clinical_input import clinical_unfit, sex_letter
from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.pipeline.clinical_dates import ClinicalRead
from steatoscope.pipeline.clinical_files import checked, joined, read_clinical
from steatoscope.pipeline.clinical_table import ClinicalTable, cell_values, read_table
from steatoscope.pipeline.cohort import (
    FAILURE_COLUMNS,
    column_names,
    data_dictionary,
    failure_row,
    result_row,
    tally,
)
from steatoscope.pipeline.manifest import ManifestRow, read_manifest
from steatoscope.pipeline.options import AnalyseOptions

_INTERNAL = {"code": "E_INTERNAL", "message": "Internal fault.", "remedy": "Run analyze on this study alone."}


@dataclass(frozen=True, slots=True)
class Job:
    """One study of a cohort: its row, the folder of its results, what it asks for, and its row of clinical values."""

    row: ManifestRow
    study: str
    folder: Path
    options: AnalyseOptions
    clinical: Mapping[str, str] | None = None


def cohort_rows(source: Path) -> list[ManifestRow]:
    """Rows of a manifest, or one row for each entry of a folder (a sub-folder or a file is one study)."""
    if source.is_dir():
        entries = sorted(path for path in source.iterdir() if not path.name.startswith("."))
        if not entries:
            raise SteatoscopeError("E_EMPTY", path=str(source))
        return [ManifestRow(path=str(path)) for path in entries]
    if not source.exists():
        raise SteatoscopeError("E_PATH", path=str(source))
    return read_manifest(source)


def parse_shard(text: str | None) -> tuple[int, int]:
    """``I/N`` as (I, N), 1/1 where none is named; raises UsageError for anything else."""
    part, _, parts = (text or "1/1").partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise UsageError(f"--shard takes I/N with I from 1 to N, not {text!r}")
    return int(part), int(parts)


def clinical_table(path: Path | None) -> ClinicalTable | None:
    """A table of clinical values by subject; raises E_PATH, E_EMPTY or E_FORMAT, and None for no path."""
    if path is None:
        return None
    if not path.is_file():
        raise SteatoscopeError("E_PATH", path=str(path))
    try:
        return read_table(path.read_text(encoding="utf-8-sig"), str(path), by_subject=True)
    except UnicodeDecodeError as fault:
        raise clinical_unfit("it is not a CSV table in UTF-8", str(path)) from fault


def plan(
    rows: Sequence[ManifestRow], out: Path, defaults: AnalyseOptions, table: ClinicalTable | None = None
) -> list[Job]:
    """One job a study; a study's folder is named after its row, so that a resumed run finds it again.

    A study whose subject is not in ``table`` has no clinical values from there.
    """
    jobs = [_job(row, out, defaults, table) for row in rows]
    names = [job.study for job in jobs]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UsageError(f"the same study stands twice in the manifest: {', '.join(doubled[:3])}")
    return jobs


def _job(row: ManifestRow, out: Path, defaults: AnalyseOptions, table: ClinicalTable | None) -> Job:
    key = json.dumps([row.path, row.subject, row.view, row.modality])
    study = f"{Path(row.path).stem[:40]}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    options = replace(
        defaults,
        subject=row.subject,
        modality=row.modality.upper() if row.modality else defaults.modality,  # type: ignore[arg-type]
        liver_mask=Path(row.mask_path) if row.mask_path else None,
        views={row.view: Path(row.path)} if row.view else {},
    )
    values = table.rows.get(row.subject) if table is not None and row.subject else None
    return Job(row, study, out / "studies" / study, options, values)


def _with_clinical(job: Job) -> AnalyseOptions:
    """The options with clinical values: the manifest's file, the table's row, the manifest's age and sex, in order.

    Raises E_FORMAT where values do not fit or contradict one another.
    """
    row = job.row
    person = (("age_years", row.age), ("sex", sex_letter(row.sex or "")))
    stated = {name: value for name, value in person if value is not None}
    from_table = checked(cell_values(job.clinical, None), None) if job.clinical else {}
    read = read_clinical(Path(row.clinical), row.subject) if row.clinical else ClinicalRead({})
    return replace(
        job.options,
        clinical=joined(read.values, from_table, stated),
        clinical_remarks=read.remarks,
        clinical_days=read.days,
    )


def run_job(job: Job) -> dict[str, Any]:
    """Analyse one study; the answer is a report document or an error document, never an exception."""
    from steatoscope.apps.wiring.run import run_study

    paths = [] if job.options.views else [Path(job.row.path)]
    try:
        return run_study(paths, job.folder, _with_clinical(job), command=["batch"])[1]
    except SteatoscopeError as fault:
        return {"failure": fault.document()}
    except UsageError as fault:
        return {"failure": {"code": "E_USAGE", "message": "Wrong usage.", "cause": str(fault), "remedy": "See --help."}}
    except Exception as fault:
        return {"failure": {**_INTERNAL, "cause": f"{type(fault).__name__}: {fault}"}}


def finished(job: Job) -> dict[str, Any] | None:
    """The report of a study that an earlier run has finished, or None."""
    try:
        document = json.loads((job.folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and "provenance" in document else None


def run_cohort(
    jobs: Sequence[Job], workers: int, *, resume: bool, told: Callable[[Job, dict[str, Any]], None]
) -> dict[str, dict[str, Any]]:
    """Answers by study name; ``told`` is called as each study ends."""
    answers: dict[str, dict[str, Any]] = {}
    pending = []
    for job in jobs:
        earlier = finished(job) if resume else None
        if earlier is None:
            pending.append(job)
        else:
            answers[job.study] = earlier
    for job, answer in _in_pool(pending, workers):
        answers[job.study] = answer
        told(job, answer)
    return answers


def _in_pool(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Each job's answer; where a worker dies, its unfinished companions run again, each in a pool of its own."""
    broken: list[Job] = []
    with _pool(workers) as pool:
        waiting: dict[Future[dict[str, Any]], Job] = {pool.submit(run_job, job): job for job in jobs}
        for future in as_completed(waiting):
            try:
                yield waiting[future], future.result()
            except BrokenProcessPool:
                broken.append(waiting[future])
    for job in broken:
        yield job, _alone(job)


def _alone(job: Job) -> dict[str, Any]:
    with _pool(1) as pool:
        try:
            return pool.submit(run_job, job).result()
        except BrokenProcessPool:
            return {"failure": {**_INTERNAL, "cause": "The worker process died (out of memory, or killed)."}}


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(max_workers=workers, mp_context=multiprocessing.get_context("spawn"))


def write_tables(jobs: Sequence[Job], answers: Mapping[str, Mapping[str, Any]], out: Path) -> dict[str, int]:
    """Write results (CSV, Parquet), data dictionary and failures; returns how the studies ended."""
    results, failures, statuses = [], [], []
    for job in jobs:
        answer = answers[job.study]
        if "failure" in answer:
            failures.append(failure_row(answer["failure"], path=job.row.path, study=job.study))
            statuses.append("failed")
            continue
        results.append(result_row(answer, path=job.row.path, study=job.study))
        statuses.append(answer["quality"]["status"])
        if "error" in answer:
            failures.append(failure_row(answer["error"], path=job.row.path, study=job.study))
    _write_csv(out / "results.csv", column_names(), results)
    _write_csv(out / "failures.csv", FAILURE_COLUMNS, failures)
    _write_csv(out / "data_dictionary.csv", ("column", "unit", "meaning"), data_dictionary())
    _write_parquet(out / "results.parquet", results)
    return tally(statuses)


def _write_csv(path: Path, columns: Iterable[str], rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(columns))
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = {"grade_index": pa.int64(), "n_images": pa.int64()}
    texts = {entry["column"] for entry in data_dictionary() if entry["unit"] == ""}
    schema = pa.schema(
        [(name, pa.string() if name in texts else numbers.get(name, pa.float64())) for name in column_names()]
    )
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), path)
