"""One look at the job table for all open streams of this process, and news for who waits."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from steatoscope.apps.web.live.documents import Estimates, JobDocument, job_documents
from steatoscope.service.storage.database import Database
from steatoscope.service.storage.job_table import FINAL

INTERVAL_S: Final = 0.5
_log = logging.getLogger("steatoscope.web")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the table last said about a job (None: it does not exist); ``mark`` changes with every visible change."""

    document: JobDocument | None
    mark: str

    @property
    def final(self) -> bool:
        """Whether nothing more is to come."""
        return self.document is None or self.document.state in FINAL


class Watcher:
    """Looks at all watched jobs together, every half second while anybody watches; its thread ends with the last."""

    def __init__(self, database: Database, estimates: Estimates, interval_s: float = INTERVAL_S) -> None:
        self._database = database
        self._estimates = estimates
        self._interval_s = interval_s
        self._news = threading.Condition()
        self._wake = threading.Event()
        self._watched: dict[str, int] = {}
        self._seen: dict[str, Snapshot] = {}
        self._thread: threading.Thread | None = None
        self.looks = 0

    @contextmanager
    def watching(self, job_id: str) -> Iterator[None]:
        """Keep a job among those looked at."""
        with self._news:
            self._watched[job_id] = self._watched.get(job_id, 0) + 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="job-watcher", daemon=True)
                self._thread.start()
        self._wake.set()
        try:
            yield
        finally:
            with self._news:
                self._watched[job_id] -= 1
                if not self._watched[job_id]:
                    del self._watched[job_id]
                    self._seen.pop(job_id, None)

    def news(self, job_id: str, known: str, timeout_s: float) -> Snapshot | None:
        """Wait until a watched job differs from the mark ``known``; None where it does not within the time."""

        def differs() -> bool:
            return job_id in self._seen and self._seen[job_id].mark != known

        with self._news:
            return self._seen[job_id] if self._news.wait_for(differs, timeout_s) else None

    def poke(self) -> None:
        """Look at once: something has just changed."""
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.clear()
            with self._news:
                if not self._watched:
                    self._thread = None
                    return
                ids = list(self._watched)
            try:
                self._look(ids)
            except Exception:
                _log.exception("the job table could not be read")
            self._wake.wait(self._interval_s)

    def _look(self, ids: list[str]) -> None:
        with self._database.reading() as session:
            found = job_documents(session, ids, self._estimates)
        self.looks += 1
        with self._news:
            for job_id in ids:
                if job_id in self._watched:
                    self._seen[job_id] = Snapshot(found.get(job_id), mark_of(found.get(job_id)))
            self._news.notify_all()


def mark_of(document: JobDocument | None) -> str:
    """A short digest of what is worth telling: everything but the running clock."""
    shown: Any = document and document.model_dump(mode="json", exclude={"elapsed_s", "owned", "expected_s"})
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]


@dataclass
class Live:
    """What one process shares for live status: the watcher, the estimates, and places for streams."""

    watcher: Watcher
    estimates: Estimates
    places: threading.BoundedSemaphore = field(repr=False)
