"""Two worker processes on one queue: each job is claimed once, on SQLite and on PostgreSQL."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from pathlib import Path

import pytest

from steatoscope.apps.wiring.job_store import SqlJobStore
from steatoscope.service.jobs.port import Finished
from steatoscope.service.storage.audit import verify_chain
from steatoscope.service.storage.base import new_id
from steatoscope.service.storage.database import Database
from steatoscope.service.storage.job_table import add_job
from steatoscope.service.storage.migrate import upgrade
from steatoscope.service.storage.tables import Job, Patient, Result, Study

pytestmark = pytest.mark.service
_JOBS = 200


def take_all(url: str, name: str, start: object, taken: object) -> None:
    """A worker: claims and finishes until nothing is left."""
    store = SqlJobStore(Database(url))
    start.wait()  # type: ignore[attr-defined]
    claimed = []
    while (claim := store.claim(name)) is not None:
        claimed.append(claim.job_id)
        report = {"quality": {"status": "ok"}, "provenance": {"report_digest": "d" * 64}}
        assert store.heartbeat(claim, "read", 0.5)
        assert store.finish(claim, Finished(report=report))
    taken.put(claimed)  # type: ignore[attr-defined]


def race(url: str) -> None:
    """Let two processes empty a queue of 200 jobs."""
    upgrade(url)
    database = Database(url)
    with database.writing() as session:
        patient = Patient(id=new_id(), subject="S-1")
        studies = [Study(id=new_id(), patient_id=patient.id, content_digest="c" * 64) for _ in range(_JOBS)]
        session.add_all([patient, *studies])
        session.flush()
        jobs = [add_job(session, study, owner_id=None).id for study in studies]
    spawn = multiprocessing.get_context("spawn")
    start, taken = spawn.Barrier(2), spawn.Queue()
    workers = [spawn.Process(target=take_all, args=(url, name, start, taken)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    shares = [taken.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert sorted(shares[0] + shares[1]) == sorted(jobs)
    assert all(shares), "both took part"
    with database.reading() as session:
        assert Counter((job.state, job.attempts) for job in session.query(Job)) == {("done", 1): _JOBS}
        assert session.query(Result).count() == _JOBS
        assert verify_chain(session) == []
    database.dispose()


def test_two_workers_on_sqlite(tmp_path: Path) -> None:
    race(f"sqlite:///{tmp_path / 'jobs.db'}")


def test_two_workers_on_postgresql(postgres_url: str) -> None:
    race(postgres_url)
