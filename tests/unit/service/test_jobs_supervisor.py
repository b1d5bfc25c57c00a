"""The supervisor of worker processes, and the housekeeper."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from jobs_fakes import FakeStore

from steatoscope.service.jobs.housekeeper import Housekeeper
from steatoscope.service.jobs.supervisor import Supervisor

_SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
_STUBBORN = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"]


def wait_for(what: Callable[[], bool], seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.02)


def test_workers_that_die_are_started_again_and_all_end_at_the_close() -> None:
    supervisor = Supervisor(_SLEEPER, 2)
    supervisor.start()
    wait_for(lambda: len(supervisor.pids) == 2)
    first = supervisor.pids
    os.kill(first[0], signal.SIGKILL)
    wait_for(lambda: len(set(supervisor.pids) - set(first)) == 1)
    supervisor.close()
    assert supervisor.pids == []


def test_a_worker_that_does_not_end_is_killed() -> None:
    supervisor = Supervisor(_STUBBORN, 1)
    supervisor.start()
    wait_for(lambda: len(supervisor.pids) == 1)
    time.sleep(0.3)
    supervisor.close(patience_s=0.3)
    assert supervisor.pids == []


def test_the_housekeeper_sweeps_tidies_and_sends_what_waits(tmp_path: Path) -> None:
    class Store(FakeStore):
        swept = 0

        def sweep(self) -> int:
            self.swept += 1
            if self.swept == 1:
                raise ConnectionError("the database restarts")
            return 0

        def undispatched(self) -> list[str]:
            return ["a"] if self.swept == 2 else []

    (tmp_path / "job-a-stale").mkdir()
    store, sent = Store(), list[str]()
    tidied = list[str]()
    housekeeper = Housekeeper(
        store,
        sent.append,
        scratch=tmp_path,
        names=["w/1"],
        tidy=lambda: tidied.append("tidied"),
        tidy_s=0.06,
        sweep_s=0.05,
        dispatch_s=0.02,
    )
    housekeeper.start()
    wait_for(lambda: store.swept >= 3 and sent != [] and len(tidied) >= 2)
    housekeeper.close()
    assert set(sent) == {"a"}
    assert ("signed", "w/1") in store.log
    assert list(tmp_path.iterdir()) == []
