"""One attempt at one job: the lease is kept and the child is watched until one of them ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from steatoscope.service.jobs.child import ChildDied, WarmChild
from steatoscope.service.jobs.messages import Message, claim_document, finished_from
from steatoscope.service.jobs.pace import Pace, Stop
from steatoscope.service.jobs.port import Claim, Finished, JobStore, Word

_LOG = logging.getLogger("steatoscope.jobs")


class Attempt:
    """Minds one claimed job. ``run`` returns how it ended: finished, failed, cancelled, released, late or lost."""

    def __init__(self, store: JobStore, child: WarmChild, pace: Pace, stop: Stop, claim: Claim) -> None:
        self._store, self._child, self._pace, self._stop, self._claim = store, child, pace, stop, claim
        begun = time.monotonic()
        self._deadline = begun + pace.longest_s
        self._asked = self._beaten = begun
        self._kill_at: float | None = None
        self._news: tuple[str, float] | None = None

    def run(self, folder: Path) -> str:
        """Let the child analyse in ``folder`` and write the end of it to the store, unless the lease is lost."""
        try:
            self._child.send("run", claim=claim_document(self._claim), folder=str(folder))
            while True:
                message = self._child.receive(self._pace.tick_s)
                ended = self._heard(message) if message is not None else self._looked()
                if ended is not None:
                    return ended
        except ChildDied as death:
            reason = str(death)
            if self._kill_at is not None:
                return self._insist("cancelled", lambda: self._store.cancelled(self._claim))
            return self._insist("failed", lambda: self._store.fail(self._claim, reason))

    def _heard(self, message: Message) -> str | None:
        claim, store = self._claim, self._store
        match message["kind"]:
            case "news":
                self._news = (message["stage"], message["progress"])
                return self._looked()
            case "finished":
                finished = finished_from(message["finished"])
                return self._insist("finished", lambda: store.finish(claim, finished))
            case "fault":
                return self._insist("failed", lambda: store.fail(claim, message["reason"]))
            case "cancelled":
                return self._insist("cancelled", lambda: store.cancelled(claim))
        return None

    def _looked(self) -> str | None:
        """What has to be done by the clock; how the attempt ended, where it did."""
        at = time.monotonic()
        if self._stop.overdue(self._pace.stop_grace_s):
            return self._ended("released", lambda: self._store.release(self._claim))
        if self._kill_at is not None and at >= self._kill_at:
            return self._ended("cancelled", lambda: self._store.cancelled(self._claim))
        if at >= self._deadline:
            return self._ended("late", lambda: self._store.finish(self._claim, _late(self._pace.longest_s)))
        if at - self._asked >= self._pace.ask_s:
            self._asked = at
            word = self._tried(lambda: self._store.ask(self._claim))
            if word is not None and self._told(word, at):
                return "lost"
        self._beat(at)
        return None

    def _told(self, word: Word, at: float) -> bool:
        """Act on what the table says; True where the job is not ours any more."""
        if not word.held:
            self._child.kill()
            return True
        if word.cancel and self._kill_at is None:
            self._kill_at = at + self._pace.cancel_grace_s
            self._child.send("cancel")
        return False

    def _beat(self, at: float) -> None:
        due = self._pace.heartbeat_s if self._news is None else self._pace.news_s
        if at - self._beaten < due:
            return
        self._beaten = at
        stage, progress = self._news or (None, None)
        if self._tried(lambda: self._store.heartbeat(self._claim, stage, progress)) is not None:
            self._news = None

    def _ended(self, how: str, write: Callable[[], bool]) -> str:
        """Kill the child and write how the attempt ended."""
        self._child.kill()
        return self._insist(how, write)

    def _tried(self, act: Callable[[], Word | bool]) -> Word | None:
        """Ask or tell the store; a database that does not answer is asked again later, the lease decides."""
        try:
            answer = act()
        except Exception as fault:
            _LOG.warning("job %s: the job table does not answer (%s)", self._claim.job_id, type(fault).__name__)
            return None
        return answer if isinstance(answer, Word) else Word(held=bool(answer), cancel=False)

    def _insist(self, how: str, write: Callable[[], bool]) -> str:
        """Write the end, again and again while the database does not answer; raises its fault in the end."""
        until, pause = time.monotonic() + self._pace.patience_s, 0.2
        while True:
            try:
                return how if write() else "lost"
            except Exception as fault:
                if time.monotonic() >= until:
                    raise
                _LOG.warning("job %s: cannot be ended yet (%s)", self._claim.job_id, type(fault).__name__)
                self._stop.wait(pause)
                pause = min(2 * pause, 5.0)


def _late(longest_s: float) -> Finished:
    error = {
        "code": "E_INTERNAL",
        "message": "The analysis did not finish.",
        "cause": f"It took longer than the limit of {longest_s:g} s.",
        "remedy": "Send fewer images, or let the administrator raise the limit.",
        "path": None,
    }
    return Finished(error=error)
