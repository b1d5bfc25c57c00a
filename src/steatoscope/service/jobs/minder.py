"""A worker: takes jobs from the queue, holds their leases, and lets a warm child do the work."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from steatoscope.service.jobs.attempt import Attempt
from steatoscope.service.jobs.child import ChildDied, WarmChild
from steatoscope.service.jobs.pace import Pace, Stop
from steatoscope.service.jobs.port import JobStore

_LOG = logging.getLogger("steatoscope.jobs")
_PREFIX = "job-"
_LONGEST_PAUSE_S = 30.0


class Minder:
    """One worker with one warm child; ``scratch`` is where each job gets a folder of its own while it runs."""

    def __init__(
        self, store: JobStore, child: WarmChild, scratch: Path, *, owner: str, pace: Pace | None = None, stop: Stop
    ) -> None:
        self._store, self._child, self._scratch = store, child, scratch
        self.owner, self._pace, self._stop = owner, pace or Pace(), stop

    def run_one(self, job_id: str | None = None) -> str | None:
        """Take the next job, or this one, and mind it to its end; returns how it ended, None where none was there."""
        self._child.ensure()
        claim = self._store.claim(self.owner, job_id)
        if claim is None:
            return None
        folder = self._scratch / f"{_PREFIX}{claim.job_id}-{claim.lease_token}"
        folder.mkdir(parents=True)
        try:
            ended = Attempt(self._store, self._child, self._pace, self._stop, claim).run(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        _LOG.info("job %s attempt %d: %s", claim.job_id, claim.attempt, ended)
        return ended

    def run_until_empty(self) -> int:
        """Take jobs until none is ready or a stop is asked; returns how many were taken."""
        taken = 0
        try:
            while not self._stop.requested() and self.run_one() is not None:
                taken += 1
        finally:
            self._child.kill()
        return taken

    def run_forever(self) -> None:
        """Take jobs until asked to stop; then the child ends too."""
        pause = self._pace.idle_s
        try:
            while not self._stop.requested():
                if self._turned():
                    pause = self._pace.idle_s
                else:
                    self._stop.wait(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_S)
        finally:
            self._child.kill()

    def warm(self) -> None:
        """Start the child before there is a job; one that dies meanwhile is left for the first job to start."""
        try:
            self._child.ensure()
        except ChildDied as death:
            _LOG.error("no warm child: %s", death)

    def close(self) -> None:
        """End the child."""
        self._child.kill()

    def _turned(self) -> bool:
        """Take one job or wait a little; False where the queue or the child could not be used."""
        try:
            if self.run_one() is None:
                self._stop.wait(self._pace.idle_s)
        except ChildDied as death:
            _LOG.error("no warm child: %s", death)
            return False
        except Exception as fault:
            _LOG.error("the queue cannot be used: %s", type(fault).__name__)
            return False
        return True


def sweep_scratch(store: JobStore, scratch: Path) -> int:
    """Remove the folders of jobs that nobody holds any more; returns how many."""
    if not scratch.is_dir():
        return 0
    folders = [path for path in scratch.iterdir() if path.is_dir() and path.name.startswith(_PREFIX)]
    tokens = store.tokens() if folders else set()
    stale = [path for path in folders if path.name.rpartition("-")[2] not in tokens]
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
    return len(stale)
