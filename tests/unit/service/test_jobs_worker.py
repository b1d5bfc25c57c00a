"""A minder and its warm child, with a store in memory: every way in which an attempt can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jobs_fakes import FakeStore, fake_child

from steatoscope.service.jobs.child import ChildDied, WarmChild
from steatoscope.service.jobs.minder import Minder, sweep_scratch
from steatoscope.service.jobs.pace import Pace, Stop
from steatoscope.service.jobs.port import Word

PACE = Pace(heartbeat_s=0.2, ask_s=0.1, news_s=0.05, tick_s=0.02, cancel_grace_s=0.4, stop_grace_s=0.3, longest_s=20.0)
CANCEL = Word(held=True, cancel=True)
LOST = Word(held=False, cancel=False)


class Bench:
    def __init__(self, scratch: Path) -> None:
        self.store, self.child, self.stop, self.scratch = FakeStore(), fake_child(), Stop(), scratch

    def run(self, act: str = "finish", pace: Pace = PACE, **options: Any) -> str | None:
        self.store.jobs.append({"act": act, **options})
        minder = Minder(self.store, self.child, self.scratch, owner="w", pace=pace, stop=self.stop)
        ended = minder.run_one()
        assert list(self.scratch.iterdir()) == [], "the job's folder is removed"
        return ended

    def later(self, seconds: float, act: Any) -> None:
        timer = threading.Timer(seconds, act)
        timer.daemon = True
        timer.start()

    def say(self, word: Word) -> None:
        self.store.word = word


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.child.kill()


def test_one_child_does_one_job_after_the_other(at_work: Bench) -> None:
    reports = []
    for _ in range(3):
        assert at_work.run() == "finished"
        reports.append(at_work.store.log[-1][1])
    assert [report["jobs"] for report in reports] == [1, 2, 3]
    assert len({report["pid"] for report in reports}) == 1
    assert at_work.child.started == 1


def test_nothing_to_do(at_work: Bench) -> None:
    minder = Minder(at_work.store, at_work.child, at_work.scratch, owner="w", pace=PACE, stop=at_work.stop)
    assert minder.run_one() is None
    assert minder.run_until_empty() == 0


def test_stages_and_heartbeats_are_passed_on(at_work: Bench) -> None:
    at_work.run("slow", seconds=0.8)
    assert at_work.store.news[0] == ("read", 0.1)
    assert at_work.store.news.count((None, None)) >= 2


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("killed", "the worker died by signal 9 (SIGKILL)"),
        ("segfault", "the worker died by signal 11 (SIGSEGV)"),
        ("leave", "the worker ended with code 7"),
    ],
)
def test_a_child_that_dies_is_one_failed_attempt_and_is_replaced(at_work: Bench, act: str, reason: str) -> None:
    assert at_work.run(act) == "failed"
    assert at_work.store.log == [("failed", reason)]
    assert at_work.run() == "finished"
    assert at_work.child.started == 2


def test_an_unexpected_fault_tells_where_but_not_the_words(at_work: Bench) -> None:
    assert at_work.run("wrong") == "failed"
    reason = at_work.store.log[0][1]
    assert reason.startswith("ValueError in jobs_fakes.py line ")
    assert "Jane" not in reason
    assert at_work.run() == "finished"
    assert at_work.child.started == 1


def test_a_coded_error_ends_the_job(at_work: Bench) -> None:
    at_work.run("refuse")
    assert at_work.store.log == [("finished", {"code": "E_TRUNCATED"})]


def test_a_job_in_a_long_native_call_is_cancelled_within_two_seconds(at_work: Bench) -> None:
    cancelled_at = []
    at_work.later(0.5, lambda: (cancelled_at.append(time.monotonic()), at_work.say(CANCEL)))
    assert at_work.run("native", Pace(longest_s=20.0)) == "cancelled"
    assert time.monotonic() - cancelled_at[0] < 2.0
    assert at_work.store.log == [("cancelled", None)]
    at_work.say(Word(held=True, cancel=False))
    assert at_work.run() == "finished"


def test_a_child_that_stops_when_asked_is_kept(at_work: Bench) -> None:
    at_work.later(0.4, lambda: at_work.say(CANCEL))
    assert at_work.run("polite") == "cancelled"
    at_work.say(Word(held=True, cancel=False))
    at_work.run()
    assert at_work.store.log[-1][1]["jobs"] == 2


def test_a_lost_lease_stops_the_work_and_writes_nothing(at_work: Bench) -> None:
    at_work.later(0.3, lambda: at_work.say(LOST))
    assert at_work.run("native") == "lost"
    assert at_work.store.log == []


def test_a_job_that_takes_too_long_ends_with_the_limit_in_its_error(at_work: Bench) -> None:
    assert at_work.run("native", Pace(longest_s=0.5)) == "late"
    how, error = at_work.store.log[0]
    assert (how, error["code"]) == ("finished", "E_INTERNAL")
    assert "0.5 s" in error["cause"]


def test_a_stop_lets_a_short_job_finish(at_work: Bench) -> None:
    at_work.later(0.2, at_work.stop.ask)
    assert at_work.run("slow", Pace(stop_grace_s=5.0), seconds=0.6) == "finished"


def test_a_stop_gives_a_long_job_back(at_work: Bench) -> None:
    at_work.later(0.2, at_work.stop.ask)
    assert at_work.run("native") == "released"
    assert at_work.store.log == [("released", None)]


def test_the_end_is_written_when_the_database_is_back(at_work: Bench) -> None:
    at_work.store.faults = 2
    assert at_work.run() == "finished"
    assert len(at_work.store.log) == 1


def test_a_child_is_renewed_after_many_jobs(at_work: Bench) -> None:
    at_work.child = fake_child(most_jobs=2)
    for _ in range(3):
        at_work.run()
    assert at_work.child.started == 2
    at_work.child.kill()


def test_a_child_that_cannot_start_takes_no_job(tmp_path: Path) -> None:
    store = FakeStore(jobs=[{"act": "finish"}])
    child = WarmChild([sys.executable, "-c", "raise SystemExit(3)"], {})
    with pytest.raises(ChildDied, match="code 3"):
        Minder(store, child, tmp_path, owner="w", stop=Stop()).run_one()
    assert len(store.jobs) == 1


def test_a_worker_ends_when_asked(at_work: Bench) -> None:
    at_work.store.jobs += [{"act": "finish"}, {"act": "finish"}]
    at_work.later(1.0, at_work.stop.ask)
    Minder(at_work.store, at_work.child, at_work.scratch, owner="w", pace=PACE, stop=at_work.stop).run_forever()
    assert [how for how, _ in at_work.store.log] == ["finished", "finished"]
    assert at_work.child.pid is None


def test_the_child_dies_with_its_minder_even_in_a_native_call(tmp_path: Path) -> None:
    code = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from jobs_fakes import fake_child
        from steatoscope.service.jobs.messages import claim_document
        from steatoscope.service.jobs.port import Claim
        child = fake_child(); child.ensure()
        claim = Claim("j", "s", "k", {{"act": "native"}}, "t", 1)
        child.send("run", claim=claim_document(claim), folder={str(tmp_path)!r})
        assert child.receive(10)["kind"] == "news"
        print(child.pid, flush=True); input()
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as minder:
        assert minder.stdout is not None
        child = int(minder.stdout.readline())
        assert alive(child)
        minder.send_signal(signal.SIGKILL)
    until = time.monotonic() + 3.0
    while alive(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(child)


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_notices_that_its_parent_is_gone() -> None:
    assert not Stop(os.getppid()).requested()
    assert Stop(1 << 22).overdue(100.0)


def test_folders_of_jobs_that_nobody_holds_are_removed(tmp_path: Path) -> None:
    for name in ("job-a-held", "job-b-stale", "server"):
        (tmp_path / name).mkdir()

    class Store(FakeStore):
        def tokens(self) -> set[str]:
            return {"held"}

    assert sweep_scratch(Store(), tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job-a-held", "server"]
    assert sweep_scratch(FakeStore(), tmp_path / "absent") == 0
