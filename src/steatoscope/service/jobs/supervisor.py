"""Keeps a number of worker processes alive: one that ends is started again, after a pause that grows."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence

_LOG = logging.getLogger("steatoscope.jobs")
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_SETTLED_S = 60.0


class _Place:
    """One worker's place: its process, and when it may be started again."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.pause = _FIRST_PAUSE_S
        self.not_before = 0.0


class Supervisor:
    """Runs ``command`` ``count`` times until closed. The commands must end on SIGTERM and when this process is gone."""

    def __init__(self, command: Sequence[str], count: int, environment: Mapping[str, str] | None = None) -> None:
        self._command, self._environment = list(command), environment
        self._places = [_Place() for _ in range(count)]
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the workers and the thread that watches them."""
        self._thread.start()

    @property
    def pids(self) -> list[int]:
        """Process ids of the living workers."""
        processes = [place.process for place in self._places]
        return [process.pid for process in processes if process is not None and process.poll() is None]

    def _watch(self) -> None:
        while not self._closing.is_set():
            for place in self._places:
                self._tend(place, time.monotonic())
            self._closing.wait(0.2)

    def _tend(self, place: _Place, at: float) -> None:
        if place.process is not None:
            code = place.process.poll()
            if code is None:
                return
            _LOG.warning("a worker ended with code %d", code)
            place.pause = _FIRST_PAUSE_S if at - place.started > _SETTLED_S else min(2 * place.pause, _LONGEST_PAUSE_S)
            place.process, place.not_before = None, at + place.pause
        if at >= place.not_before:
            place.started = at
            place.process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=2, close_fds=True
            )

    def begin_close(self) -> None:
        """Ask all workers to end, and start none any more; safe in a signal handler."""
        self._closing.set()
        for place in self._places:
            if place.process is not None:
                place.process.terminate()

    def close(self, patience_s: float = 8.0) -> None:
        """End all workers: asked first, killed after ``patience_s``."""
        self._closing.set()
        self._thread.join()
        self.begin_close()
        until = time.monotonic() + patience_s
        for process in [place.process for place in self._places if place.process is not None]:
            try:
                process.wait(max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
