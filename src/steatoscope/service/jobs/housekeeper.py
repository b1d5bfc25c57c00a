"""What has to be done now and then by whoever is up: take back lost jobs, send messages for queued ones."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from steatoscope.service.jobs.minder import sweep_scratch
from steatoscope.service.jobs.port import JobStore

_LOG = logging.getLogger("steatoscope.jobs")


class Housekeeper:
    """A thread that sweeps the job table and, where there is a broker, dispatches queued jobs through ``send``.

    ``names`` are workers of this process that only wake for messages: their signs of life are left here.
    Folders in ``scratch`` that lost jobs leave are removed at the start and after each sweep that found some.

    ``tidy`` is called every ``tidy_s``: what nobody needs any more goes.

    Several may run at once, in servers and workers: rows are locked while they are looked at.
    """

    def __init__(
        self,
        store: JobStore,
        send: Callable[[str], None] | None = None,
        *,
        scratch: Path,
        names: Sequence[str] = (),
        tidy: Callable[[], None] | None = None,
        tidy_s: float = 6 * 3600.0,
        sweep_s: float = 2.0,
        dispatch_s: float = 0.5,
    ) -> None:
        self._store, self._send, self._scratch = store, send, scratch
        self._names = names
        self._tidy, self._tidy_s = tidy, tidy_s
        self._sweep_s = sweep_s
        self._turn_s = sweep_s if send is None else min(dispatch_s, sweep_s)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="housekeeper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        self._thread.join(10.0)

    def _work(self) -> None:
        since_sweep, untidy, since_tidy = self._sweep_s, True, 0.0
        while True:
            try:
                if self._tidy is not None and since_tidy >= self._tidy_s:
                    since_tidy = 0.0
                    self._tidy()
                if since_sweep >= self._sweep_s:
                    since_sweep = 0.0
                    untidy = self._store.sweep() > 0 or untidy
                if untidy:
                    sweep_scratch(self._store, self._scratch)
                    untidy = False
                for name in self._names:
                    self._store.sign(name)
                if self._send is not None:
                    dispatch(self._store, self._send)
            except Exception as fault:
                _LOG.warning("housekeeping: %s", type(fault).__name__)
            if self._closing.wait(self._turn_s):
                return
            since_sweep += self._turn_s
            since_tidy += self._turn_s


def dispatch(store: JobStore, send: Callable[[str], None]) -> int:
    """Send a message for each queued job that needs one; a message that cannot be sent is sent again later."""
    waiting = store.undispatched()
    for job_id in waiting:
        send(job_id)
    return len(waiting)
