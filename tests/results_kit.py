"""Studies with real results for tests of the result page: phantoms and images measured by the job runner itself."""

from __future__ import annotations

import mimetypes
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from service_kit import Bench
from steatoscope.apps.wiring.job_store import SqlJobStore
from steatoscope.apps.wiring.jobs import JobRunner
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import Clip, CTScan, Study, USScan, USView, Volume
from steatoscope.core.report import Report
from steatoscope.pipeline.outcome import Outcome, ViewFindings
from steatoscope.service.storage import tables
from steatoscope.service.storage.job_table import add_job
from steatoscope.service.storage.patients import patient_for
from steatoscope.service.storage.studies import NewFile, add_study
from steatoscope.service.storage.tables import Job, Result, ResultFile


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


def add_file(bench: Bench, study_id: str, name: str, path: Path) -> None:
    """Put a further file into the newest result of a study."""
    with bench.service.database.writing() as session:
        study = session.get_one(tables.Study, study_id)
        sha256, size = bench.service.blobs.put_file(path)
        media = mimetypes.guess_type(name)[0] or "application/octet-stream"
        session.add(
            ResultFile(result_id=study.current_result_id, name=name, sha256=sha256, size=size, media_type=media)
        )


def newest(bench: Bench, study_id: str) -> tuple[Result, Job]:
    """The newest result of a study, and its job."""
    with bench.service.database.reading() as session:
        study = session.get_one(tables.Study, study_id)
        result = session.get_one(Result, study.current_result_id)
        return result, session.get_one(Job, result.job_id)


def small_ct(report: Report, *, flipped: bool = False) -> Outcome:
    """A made-up CT outcome of 6 x 32 x 40 voxels around a report."""
    rng = np.random.default_rng(3)
    hu = rng.normal(40.0, 30.0, (6, 32, 40)).astype(np.float32)
    liver = np.zeros(hu.shape, dtype=np.bool_)
    liver[1:5, 8:20, 5:22] = True
    affine = np.diag([-1.5, -1.5, 4.0, 1.0]) if flipped else np.diag([1.5, 1.5, 4.0, 1.0])
    geometry = Geometry(affine)
    fat = np.where(liver, 30.0 - hu / 10.0, np.nan).astype(np.float32)
    return Outcome(
        report=report,
        pictures=(),
        geometry=geometry,
        masks={"liver": liver},
        maps={"fat": Volume(fat, geometry, "percent")},
        study=Study(CTScan(Volume(hu, geometry, "HU")), inputs=()),
    )


def small_us(report: Report, *, frames: int = 4, views: int = 1) -> Outcome:
    """A made-up ultrasound outcome: clips of 24 x 36 pixels, outlined on their first and last frame."""
    rng = np.random.default_rng(4)
    found, scanned = [], []
    for number in range(views):
        clip = rng.integers(1, 255, (frames, 24, 36)).astype(np.uint8)
        area = np.zeros((24, 36), dtype=np.bool_)
        area[2:22, 4:32] = True
        liver = area.copy()
        liver[12:] = False
        scanned.append(USView(f"V{number}" if views > 1 else None, Clip(clip, frame_time_ms=50.0)))
        heat = np.where(area, rng.normal(0.0, 2.0, area.shape), np.nan).astype(np.float32)
        found.append(ViewFindings(number, (0, frames - 1), area, True, liver=liver, heat=heat, shown=0))
    report = report.model_copy(update={"modality": "US", "fatty_area": None, "regions": []})
    study = Study(USScan(tuple(scanned)), inputs=())
    return Outcome(report=report, pictures=(), geometry=None, study=study, views=tuple(found))
