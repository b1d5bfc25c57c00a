"""The durable queue: adding, cancelling, retrying, its order, and leases with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from steatoscope.apps.wiring.job_store import SqlJobStore
from steatoscope.service.jobs.port import Claim, Finished
from steatoscope.service.storage.audit import verify_chain
from steatoscope.service.storage.base import new_id
from steatoscope.service.storage.database import Database
from steatoscope.service.storage.job_table import add_job, expected_seconds, queue_position, request_cancel, retry
from steatoscope.service.storage.migrate import upgrade
from steatoscope.service.storage.tables import AuditEntry, Job, Patient, Result, Series, Study

REPORT: dict[str, Any] = {
    "modality": "CT",
    "fat": None,
    "grade": None,
    "steatosis": None,
    "quality": {"status": "ok"},
    "provenance": {"report_digest": "d" * 64},
}
REFUSAL = {"code": "E_NOLIVER", "message": "No liver was found.", "cause": "c", "remedy": "r", "path": None}


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Table:
    """A database with a queue whose clock stands until it is moved."""

    def __init__(self, url: str) -> None:
        self.database, self.clock = Database(url), Clock()
        self.store = SqlJobStore(self.database, lease_s=10.0, clock=self.clock)

    def add(self, **given: Any) -> str:
        with self.database.writing() as session:
            patient = Patient(id=new_id(), subject=new_id())
            study = Study(id=new_id(), patient_id=patient.id, content_digest="c" * 64)
            session.add_all([patient, study])
            session.flush()
            return add_job(session, study, owner_id=None, **given).id

    def job(self, job_id: str) -> Job:
        with self.database.reading() as session:
            return session.get_one(Job, job_id)

    def study_state(self, job_id: str) -> str:
        with self.database.reading() as session:
            return session.get_one(Study, session.get_one(Job, job_id).study_id).state

    def state(self, job_id: str) -> str:
        """State of the job, which its study has too."""
        state = self.job(job_id).state
        assert self.study_state(job_id) == state
        return state

    def claim(self, job_id: str | None = None) -> Claim:
        claim = self.store.claim("w", job_id)
        assert claim is not None
        return claim

    def results(self) -> int:
        with self.database.reading() as session:
            return session.query(Result).count()


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    upgrade(url)
    made = Table(url)
    yield made
    made.database.dispose()


def test_the_oldest_job_is_taken_first_and_by_one_worker(table: Table) -> None:
    first, second = table.add(), table.add()
    assert [queue_at(table, job) for job in (first, second)] == [0, 1]
    assert table.claim().job_id == first
    assert table.state(first) == "running"
    assert table.job(first).attempts == 1
    assert [queue_at(table, job) for job in (first, second)] == [None, 0]
    assert table.claim().job_id == second
    assert table.store.claim("w") is None


def queue_at(table: Table, job_id: str) -> int | None:
    with table.database.reading() as session:
        return queue_position(session, session.get_one(Job, job_id))


def test_a_smaller_priority_goes_first(table: Table) -> None:
    first, urgent = table.add(), table.add()
    with table.database.writing() as session:
        session.get_one(Job, urgent).priority = -1
    assert [queue_at(table, job) for job in (first, urgent)] == [1, 0]
    assert table.claim().job_id == urgent


def test_a_named_job_is_taken_once(table: Table) -> None:
    table.add()
    wanted = table.add()
    assert table.claim(wanted).job_id == wanted
    assert table.store.claim("w", wanted) is None
    assert table.store.claim("w", "0" * 32) is None


def test_a_result_and_the_states_are_written_together(table: Table) -> None:
    job = table.add()
    claim = table.claim()
    rows = [{"uid": "1", "modality": "CT", "description": "", "files": 9, "measured": True}]
    assert table.store.finish(claim, Finished(report=REPORT, facts={"acquired_on": "2029-12-24", "series": rows}))
    assert table.state(job) == "done"
    assert (table.job(job).progress, table.job(job).error, table.job(job).lease_token) == (1.0, None, None)
    with table.database.reading() as session:
        study = session.get_one(Study, claim.study_id)
        assert study.acquired_on is not None
        assert (study.acquired_on.isoformat(), study.modality) == ("2029-12-24", "CT")
        assert session.get_one(Result, study.current_result_id).kind == "machine"
        assert session.query(Series).one().files == 9
        entry = session.query(AuditEntry).filter_by(action="job.done").one()
        assert (entry.actor, entry.object_id) == ("worker", job)
        assert verify_chain(session) == []


def test_a_refused_study_has_a_result_and_its_reason(table: Table) -> None:
    job = table.add()
    table.store.finish(table.claim(), Finished(report={**REPORT, "error": REFUSAL}))
    assert (table.state(job), table.results()) == ("refused", 1)
    assert table.job(job).error == REFUSAL


def test_invalid_input_fails_at_once(table: Table) -> None:
    job = table.add()
    error = {**REFUSAL, "code": "E_TRUNCATED"}
    table.store.finish(table.claim(), Finished(error=error))
    assert (table.state(job), table.results(), table.job(job).error) == ("failed", 0, error)
    assert table.store.claim("w") is None


def test_a_worker_whose_lease_ran_out_writes_nothing(table: Table) -> None:
    job = table.add()
    slow = table.claim()
    table.clock.pass_by(11)
    assert table.store.sweep() == 1
    table.clock.pass_by(5)
    quick = table.claim()
    assert quick.attempt == 2
    assert quick.lease_token != slow.lease_token
    for late in (
        lambda: table.store.finish(slow, Finished(report=REPORT)),
        lambda: table.store.heartbeat(slow, "segment", 0.5),
        lambda: table.store.fail(slow, "x"),
        lambda: table.store.cancelled(slow),
        lambda: table.store.release(slow),
    ):
        assert late() is False
        assert (table.state(job), table.results()) == ("running", 0)
    assert table.store.ask(slow).held is False
    assert table.store.finish(quick, Finished(report=REPORT))
    assert table.store.finish(quick, Finished(report=REPORT)) is False
    assert table.results() == 1


def test_a_heartbeat_keeps_the_lease_and_tells_the_stage(table: Table) -> None:
    job = table.add()
    claim = table.claim()
    for _ in range(3):
        table.clock.pass_by(8)
        assert table.store.heartbeat(claim, "segment", 0.4)
        assert table.store.sweep() == 0
    assert (table.job(job).stage, table.job(job).progress) == ("segment", 0.4)
    assert table.store.heartbeat(claim)
    assert table.job(job).stage == "segment"


def test_a_poison_job_ends_with_the_reasons(table: Table) -> None:
    job = table.add()
    for reason in ("the worker died by signal 9 (SIGKILL)", "ValueError in a.py line 3", "ValueError in a.py line 3"):
        table.clock.pass_by(100)
        table.store.fail(table.claim(), reason)
    assert table.state(job) == "failed"
    error = table.job(job).error
    assert error is not None
    assert error["code"] == "E_INTERNAL"
    assert error["cause"] == ("The worker died by signal 9 (SIGKILL), then ValueError in a.py line 3 (2 times).")
    assert table.store.claim("w") is None


def test_a_job_whose_workers_vanish_ends_too(table: Table) -> None:
    job = table.add(max_attempts=2)
    for _ in range(2):
        table.clock.pass_by(100)
        table.claim()
        table.clock.pass_by(11)
        assert table.store.sweep() == 1
    error = table.job(job).error
    assert table.state(job) == "failed"
    assert error is not None
    assert error["cause"] == "The worker stopped answering (2 times)."


def test_a_failed_attempt_waits_before_the_next(table: Table) -> None:
    job = table.add()
    table.store.fail(table.claim(), "x")
    assert table.state(job) == "queued"
    assert table.store.claim("w") is None
    table.clock.pass_by(2.5)
    table.store.fail(table.claim(), "x")
    table.clock.pass_by(2.5)
    assert table.store.claim("w") is None
    table.clock.pass_by(10)
    assert table.claim().attempt == 3


def test_a_job_given_back_counts_no_attempt(table: Table) -> None:
    job = table.add()
    assert table.store.release(table.claim())
    assert (table.state(job), table.job(job).attempts) == ("queued", 0)
    assert table.claim().attempt == 1


def cancel(table: Table, job_id: str) -> None:
    with table.database.writing() as session:
        request_cancel(session, job_id)


def test_a_queued_job_is_cancelled_at_once(table: Table) -> None:
    job = table.add()
    cancel(table, job)
    assert table.state(job) == "cancelled"
    assert table.store.claim("w") is None


@pytest.mark.parametrize("ending", ["cancelled", "fail", "release", "sweep"])
def test_a_running_job_is_asked_to_stop_and_ends_cancelled(table: Table, ending: str) -> None:
    job = table.add()
    claim = table.claim()
    cancel(table, job)
    assert table.state(job) == "running"
    assert table.store.ask(claim).cancel
    table.clock.pass_by(11)
    {
        "cancelled": lambda: table.store.cancelled(claim),
        "fail": lambda: table.store.fail(claim, "x"),
        "release": lambda: table.store.release(claim),
        "sweep": table.store.sweep,
    }[ending]()
    assert table.state(job) == "cancelled"


def test_cancelling_a_finished_job_changes_nothing(table: Table) -> None:
    job = table.add()
    table.store.finish(table.claim(), Finished(report=REPORT))
    cancel(table, job)
    assert table.state(job) == "done"


@pytest.mark.parametrize("ended", ["failed", "cancelled"])
def test_a_retried_job_has_all_its_attempts_again(table: Table, ended: str) -> None:
    job = table.add(max_attempts=1)
    if ended == "failed":
        table.store.fail(table.claim(), "x")
    else:
        cancel(table, job)
    assert table.state(job) == ended
    with table.database.writing() as session:
        retry(session, job)
    assert (table.state(job), table.job(job).error, table.job(job).attempts) == ("queued", None, 0)
    claim = table.claim()
    assert claim.attempt == 1
    table.store.fail(claim, "y")
    error = table.job(job).error
    assert error is not None
    assert error["cause"] == "Y."


def test_only_failed_and_cancelled_jobs_are_retried(table: Table) -> None:
    job = table.add()
    with table.database.writing() as session, pytest.raises(ValueError, match="queued"):
        retry(session, job)
    table.store.finish(table.claim(), Finished(report={**REPORT, "error": REFUSAL}))
    with table.database.writing() as session, pytest.raises(ValueError, match="refused"):
        retry(session, job)
    with table.database.writing() as session, pytest.raises(KeyError):
        request_cancel(session, "0" * 32)


def test_the_study_follows_its_newest_job_only(table: Table) -> None:
    first = table.add()
    claim = table.claim()
    with table.database.writing() as session:
        study = session.get_one(Study, claim.study_id)
        second = add_job(session, study, owner_id=None, kind="remeasure", options={"liver_mask": "a" * 64}).id
    table.store.finish(claim, Finished(report=REPORT))
    assert (table.job(first).state, table.study_state(first)) == ("done", "queued")
    claim = table.claim()
    assert (claim.job_id, claim.options["liver_mask"]) == (second, "a" * 64)
    table.store.finish(claim, Finished(report=REPORT))
    with table.database.reading() as session:
        rows = session.query(Result).order_by(Result.version)
        assert [(row.version, row.kind) for row in rows] == [(1, "machine"), (2, "corrected")]


def test_the_expected_time_is_the_median_of_its_modality(table: Table) -> None:
    with table.database.reading() as session:
        assert expected_seconds(session, "CT") is None
    for seconds in (10, 30, 500):
        job = table.add()
        table.store.finish(table.claim(), Finished(report=REPORT))
        with table.database.writing() as session:
            row = session.get_one(Job, job)
            assert row.started_at is not None
            row.finished_at = row.started_at + timedelta(seconds=seconds)
    with table.database.reading() as session:
        assert (expected_seconds(session, "CT"), expected_seconds(session, None)) == (30.0, 30.0)
        assert expected_seconds(session, "US") is None


def test_messages_are_sent_once_and_again_where_lost(table: Table) -> None:
    jobs = [table.add() for _ in range(3)]
    assert table.store.undispatched() == jobs
    assert table.store.undispatched() == []
    table.claim(jobs[0])
    table.clock.pass_by(31)
    assert table.store.undispatched() == jobs[1:]


def test_messages_sent_again_stay_within_the_window(table: Table) -> None:
    store = SqlJobStore(table.database, window=2, clock=table.clock)
    jobs = [table.add() for _ in range(4)]
    assert store.undispatched() == jobs[:2]
    assert store.undispatched() == []
    store.finish(table.claim(jobs[0]), Finished(report=REPORT))
    assert store.undispatched() == [jobs[2]]


def test_tokens_of_held_leases(table: Table) -> None:
    table.add()
    claim = table.claim()
    assert table.store.tokens() == {claim.lease_token}
    table.store.release(claim)
    assert table.store.tokens() == set()
