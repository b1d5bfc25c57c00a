"""Fakes of the workers' ports: a store in memory, and a warm child whose runner does what the job's options say."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steatoscope.service.jobs.child import WarmChild
from steatoscope.service.jobs.port import Claim, Finished, Runner, Tell, Word
from steatoscope.service.jobs.warm_loop import run_child


def fake_child(**given: Any) -> WarmChild:
    """A child that runs :class:`FakeRunner`."""
    return WarmChild([sys.executable, __file__], {"greeting": "hello"}, **given)


class FakeRunner:
    """Does what ``options["act"]`` says; its reports count the jobs of its process."""

    def __init__(self) -> None:
        self.jobs = 0

    def __call__(self, claim: Claim, folder: Path, tell: Tell, cancelled: Callable[[], bool]) -> Finished | None:
        self.jobs += 1
        act = getattr(self, str(claim.options.get("act", "finish")))
        tell("read", 0.1)
        (folder / "scratch.bin").write_bytes(b"x")
        done = act(claim, cancelled)
        assert done is None or isinstance(done, Finished)
        return done

    def finish(self, *_given: Any) -> Finished:
        return Finished(report={"jobs": self.jobs, "pid": os.getpid()})

    def slow(self, claim: Claim, _cancelled: Any) -> Finished:
        time.sleep(float(claim.options["seconds"]))
        return self.finish()

    def native(self, *_given: Any) -> Finished:
        """One long native call that holds the interpreter's lock: no thread of this process can act."""
        ctypes.PyDLL(None).sleep(60)
        return self.finish()

    def polite(self, _claim: Claim, cancelled: Callable[[], bool]) -> Finished | None:
        for _ in range(600):
            if cancelled():
                return None
            time.sleep(0.05)
        return self.finish()

    def killed(self, *_given: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def segfault(self, *_given: Any) -> None:
        ctypes.string_at(0)

    def leave(self, *_given: Any) -> None:
        os._exit(7)

    def wrong(self, *_given: Any) -> None:
        raise ValueError("Doe^Jane is no number")

    def refuse(self, *_given: Any) -> Finished:
        return Finished(error={"code": "E_TRUNCATED"})


@dataclass
class FakeStore:
    """A queue in memory; ``log`` is what became of the jobs."""

    jobs: list[Mapping[str, Any]] = field(default_factory=list)
    log: list[tuple[str, Any]] = field(default_factory=list)
    news: list[tuple[str | None, float | None]] = field(default_factory=list)
    word: Word = field(default_factory=lambda: Word(held=True, cancel=False))
    faults: int = 0
    tasks: int = 0

    def claim(self, owner: str, job_id: str | None = None) -> Claim | None:
        if not self.jobs:
            return None
        self.tasks += 1
        return Claim(f"{self.tasks:032d}", "s", "analyse", self.jobs.pop(0), f"t{self.tasks}", 1)

    def heartbeat(self, claim: Claim, stage: str | None = None, progress: float | None = None) -> bool:
        self.news.append((stage, progress))
        return True

    def ask(self, claim: Claim) -> Word:
        return self.word

    def finish(self, claim: Claim, finished: Finished) -> bool:
        if self.faults:
            self.faults -= 1
            raise ConnectionError("the database restarts")
        return self._end("finished", finished.error or finished.report)

    def fail(self, claim: Claim, reason: str) -> bool:
        return self._end("failed", reason)

    def cancelled(self, claim: Claim) -> bool:
        return self._end("cancelled", None)

    def release(self, claim: Claim) -> bool:
        return self._end("released", None)

    def _end(self, how: str, what: Any) -> bool:
        self.log.append((how, what))
        return True

    def sweep(self) -> int:
        return 0

    def undispatched(self) -> list[str]:
        return []

    def sign(self, owner: str) -> None:
        self.log.append(("signed", owner))

    def tokens(self) -> set[str]:
        return set()


def make_fake_runner(hello: dict[str, Any]) -> Runner:
    """The runner of the fake child."""
    assert hello == {"greeting": "hello"}
    return FakeRunner()


if __name__ == "__main__":
    run_child(int(sys.argv[1]), int(sys.argv[2]), make_fake_runner)
