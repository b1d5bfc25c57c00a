"""How often a worker looks, how long it waits, and when it has to stop."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Times of a worker in seconds.

    ``ask_s`` and ``cancel_grace_s`` together stay under the two seconds within which a cancelled job has stopped.
    """

    heartbeat_s: float = 3.0
    ask_s: float = 0.3
    news_s: float = 0.3
    tick_s: float = 0.1
    idle_s: float = 0.5
    cancel_grace_s: float = 0.8
    stop_grace_s: float = 3.0
    longest_s: float = 1800.0
    patience_s: float = 30.0


class Stop:
    """Whether a worker has to end: it was asked to, or the process that started it is gone."""

    def __init__(self, parent_pid: int | None = None) -> None:
        self._asked = threading.Event()
        self._parent = parent_pid
        self._since: float | None = None

    def ask(self) -> None:
        """Ask the worker to end."""
        self._since = self._since or time.monotonic()
        self._asked.set()

    def orphaned(self) -> bool:
        """Whether the process that started this one is gone."""
        return self._parent is not None and os.getppid() != self._parent

    def requested(self) -> bool:
        """Whether the worker has to end."""
        return self._asked.is_set() or self.orphaned()

    def overdue(self, grace_s: float) -> bool:
        """Whether it has to end now, without waiting for the job in hand."""
        return self.orphaned() or (self._since is not None and time.monotonic() - self._since >= grace_s)

    def wait(self, seconds: float) -> None:
        """Sleep, but not longer than until asked."""
        self._asked.wait(seconds)
