"""Celery in front of the job table: a message names a job, the table decides who runs it.

A message may come twice, late or never: the claim is made in the table, and queued jobs whose message got lost are
sent again (``housekeeper``). Tasks run in threads, because each only minds a warm child process.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from celery import Celery, signals

from steatoscope.apps.wiring.service import Service
from steatoscope.apps.wiring.workers import make_housekeeper, make_minder
from steatoscope.service.jobs.child import ChildDied
from steatoscope.service.jobs.minder import Minder
from steatoscope.service.jobs.pace import Stop

TASK: Final = "steatoscope.run_job"
QUEUE: Final = "steatoscope"
_REDIS: Final = {"socket_timeout": 10, "socket_connect_timeout": 5, "visibility_timeout": 7200}
_STARTS: Final = 3
_LOG: Final = logging.getLogger("steatoscope.jobs")


def make_celery(broker_url: str) -> Celery:
    """A Celery application on a broker; results stay in the table, so there is no result backend."""
    app = Celery("steatoscope", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_pool="threads",
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
    )
    if broker_url.startswith("redis"):
        app.conf.broker_transport_options = _REDIS
    return app


def celery_sender(broker_url: str) -> Callable[[str], None]:
    """A function that sends the message of one job; raises the broker's fault where it does not answer."""
    app = make_celery(broker_url)

    def send(job_id: str) -> None:
        app.send_task(TASK, args=[job_id], retry=False)

    return send


class Minders:
    """As many minders as tasks run at once; each is lent to one task at a time and keeps its child warm."""

    def __init__(self, service: Service, count: int) -> None:
        self.stop = Stop()
        self._idle: queue.SimpleQueue[Minder] = queue.SimpleQueue()
        self._all = [make_minder(service, self.stop, name=f"/{number}") for number in range(count)]
        for minder in self._all:
            self._idle.put(minder)

    @property
    def names(self) -> list[str]:
        """What the minders are called in leases."""
        return [minder.owner for minder in self._all]

    @contextmanager
    def lent(self) -> Iterator[Minder]:
        """A minder for one task."""
        minder = self._idle.get()
        try:
            yield minder
        finally:
            self._idle.put(minder)

    def warm(self) -> None:
        """Start all children. The thread that calls this must live as long as they shall (see ``orphan``)."""
        for minder in self._all:
            minder.warm()

    def run(self, job_id: str) -> None:
        """Mind one job with an idle minder; a child that dies while it starts is tried again."""
        with self.lent() as minder:
            for _ in range(_STARTS):
                try:
                    minder.run_one(job_id)
                except ChildDied as death:
                    _LOG.error("no warm child: %s", death)
                    self.stop.wait(1.0)
                else:
                    return

    def close(self) -> None:
        """End all children."""
        for minder in self._all:
            minder.close()


def run_celery_worker(service: Service, concurrency: int) -> int:
    """Run a Celery worker in this process until it is told to stop; returns its exit code."""
    app = make_celery(service.settings.broker_url)
    minders = Minders(service, concurrency)

    @app.task(name=TASK)  # type: ignore[misc,untyped-decorator,unused-ignore]
    def run_job(job_id: str) -> None:
        if not minders.stop.requested():
            minders.run(job_id)

    def stopping(**_given: Any) -> None:
        minders.stop.ask()

    def own_logging(**_given: Any) -> None:
        """Having a receiver keeps Celery from setting up logging of its own."""

    signals.worker_shutting_down.connect(stopping)
    signals.setup_logging.connect(own_logging)
    housekeeper = make_housekeeper(service, celery_sender(service.settings.broker_url), names=minders.names)
    housekeeper.start()
    try:
        minders.warm()
        worker = app.Worker(
            concurrency=concurrency,
            pool="threads",
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        worker.start()
        return int(worker.exitcode or 0)
    finally:
        housekeeper.close()
        minders.close()
