"""Studies with real results for tests of the result page: phantoms and images measured by the job runner itself."""

from __future__ import annotations

import mimetypes
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service_kit import Bench
from steatoscope.apps.wiring.job_store import SqlJobStore
from steatoscope.apps.wiring.jobs import JobRunner
from steatoscope.service.storage.job_table import add_job
from steatoscope.service.storage.patients import patient_for
from steatoscope.service.storage.results import NewResultFile, add_result
from steatoscope.service.storage.studies import NewFile, add_study
from steatoscope.service.storage.tables import Job, Result, ResultFile, Study


def upload(bench: Bench, source: Path, *, subject: str = "S-1", views: Mapping[str, Path] | None = None) -> str:
    """Store the files of a folder (or of folders by view) as a study with a queued job; returns the study's id."""
    found = [(None, file) for file in _files(source)] if views is None else []
    found += [(name, file) for name, folder in (views or {}).items() for file in _files(folder)]
    with bench.service.database.writing() as session:
        files = [
            NewFile(f"{view or ''}{'-' if view else ''}{file.name}", *bench.service.blobs.put_file(file), view)
            for view, file in found
        ]
        owner = bench.users["clinician"][0]
        study = add_study(session, patient=patient_for(session, subject), owner_id=owner, files=files)
        add_job(session, study, owner_id=owner)
        return study.id


def _files(source: Path) -> list[Path]:
    return [source] if source.is_file() else sorted(path for path in source.iterdir() if path.is_file())


def run_jobs(bench: Bench) -> int:
    """Run all queued jobs in this process; returns how many there were."""
    store = SqlJobStore(bench.service.database)
    count = 0
    while (claim := store.claim("test")) is not None:
        folder = bench.service.settings.scratch / claim.lease_token
        folder.mkdir()
        finished = JobRunner(bench.service)(claim, folder, lambda _stage, _share: None, lambda: False)
        assert finished is not None
        assert store.finish(claim, finished)
        shutil.rmtree(folder)
        count += 1
    return count


def measured(bench: Bench, source: Path, **options: Any) -> str:
    """A study that is stored and measured; returns its id."""
    study = upload(bench, source, **options)
    assert run_jobs(bench) == 1
    return study


def copied(source: Bench, study_id: str, target: Bench) -> str:
    """The study with its newest result in another installation, without measuring it again; returns its id there."""
    with source.service.database.reading() as session:
        study = session.get_one(Study, study_id)
        result = session.get_one(Result, study.current_result_id)
        rows = session.query(ResultFile).filter_by(result_id=result.id).all()
        inputs = [(file.name, file.sha256, file.size, file.view) for file in study.files]
        subject = study.patient.subject
        report = result.report
    for sha256 in {row.sha256 for row in rows} | {row[1] for row in inputs}:
        with source.service.blobs.open(sha256) as stream:
            target.service.blobs.put_bytes(stream.read())
    with target.service.database.writing() as session:
        owner = target.users["clinician"][0]
        files = [NewFile(*row) for row in inputs]
        study = add_study(session, patient=patient_for(session, subject), owner_id=owner, files=files)
        job = add_job(session, study, owner_id=owner)
        stored = [NewResultFile(row.name, row.sha256, row.size, row.media_type) for row in rows]
        add_result(session, job, report, stored)
        job.state = study.state = "refused" if report.get("error") else "done"
        return study.id


def add_file(bench: Bench, study_id: str, name: str, path: Path) -> None:
    """Put a further file into the newest result of a study."""
    with bench.service.database.writing() as session:
        study = session.get_one(Study, study_id)
        sha256, size = bench.service.blobs.put_file(path)
        media = mimetypes.guess_type(name)[0] or "application/octet-stream"
        session.add(
            ResultFile(result_id=study.current_result_id, name=name, sha256=sha256, size=size, media_type=media)
        )


def newest(bench: Bench, study_id: str) -> tuple[Result, Job]:
    """The newest result of a study, and its job."""
    with bench.service.database.reading() as session:
        study = session.get_one(Study, study_id)
        result = session.get_one(Result, study.current_result_id)
        return result, session.get_one(Job, result.job_id)
