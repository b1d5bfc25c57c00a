"""Workers of an installation: one in this process, several as processes of a server, and who keeps house."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from steatoscope.apps.wiring.job_store import SqlJobStore
from steatoscope.apps.wiring.service import Service
from steatoscope.apps.wiring.settings import ServiceSettings
from steatoscope.apps.wiring.warm import warm_child
from steatoscope.service.jobs.housekeeper import Housekeeper
from steatoscope.service.jobs.minder import Minder, sweep_scratch
from steatoscope.service.jobs.pace import Pace, Stop
from steatoscope.service.jobs.supervisor import Supervisor

_GRACE_S = 24 * 3600.0
_KEEP = ("STEATOSCOPE_DATABASE_URL", "STEATOSCOPE_STORAGE_URL", "STEATOSCOPE_BROKER_URL")


def job_store(service: Service) -> SqlJobStore:
    """The queue of an installation."""
    lease_s = service.settings.lease_s
    return SqlJobStore(service.database, lease_s=lease_s, message_lost_after_s=2 * lease_s)


def pace_of(settings: ServiceSettings) -> Pace:
    """The pace that settings ask for."""
    return Pace(heartbeat_s=settings.heartbeat_s, longest_s=settings.job_longest_s)


def make_minder(service: Service, stop: Stop, *, name: str = "") -> Minder:
    """A worker with a warm child of its own."""
    owner = f"{socket.gethostname()}:{os.getpid()}{name}"
    child = warm_child(service.settings)
    return Minder(
        job_store(service), child, service.settings.scratch, owner=owner, pace=pace_of(service.settings), stop=stop
    )


def make_housekeeper(
    service: Service, send: Callable[[str], None] | None = None, *, names: Sequence[str] = ()
) -> Housekeeper:
    """Who sweeps the table, and dispatches where there is a broker; ``names`` of workers that wait for messages."""
    scratch, sweep_s = service.settings.scratch, min(2.0, service.settings.lease_s / 3)
    return Housekeeper(
        job_store(service), send, scratch=scratch, names=names, tidy=lambda: tidy_up(service), sweep_s=sweep_s
    )


def tidy_up(service: Service) -> None:
    """Remove uploads that were left for a day, and contents that no row has used for a day (of erased patients)."""
    from steatoscope.apps.wiring.uploads import sweep
    from steatoscope.service.storage.maintenance import collect_garbage

    sweep(service)
    with service.database.reading() as session:
        collect_garbage(session, service.blobs, _GRACE_S)


def make_sender(settings: ServiceSettings) -> Callable[[str], None] | None:
    """Sends messages by the broker; None where the table itself is the queue."""
    if not settings.broker_url:
        return None
    from steatoscope.apps.wiring.celery_app import celery_sender

    return celery_sender(settings.broker_url)


def work(service: Service, *, once: bool, follow_parent: int | None = None) -> None:
    """Work on the table's jobs in this process until told to stop; with ``once`` until nothing is left to do."""
    stop = Stop(follow_parent)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.ask())
    minder = make_minder(service, stop)
    if once:
        store = job_store(service)
        store.sweep()
        sweep_scratch(store, service.settings.scratch)
        minder.run_until_empty()
        return
    housekeeper = make_housekeeper(service)
    housekeeper.start()
    try:
        minder.run_forever()
    finally:
        housekeeper.close()


def worker_processes(service: Service, count: int) -> Supervisor:
    """Worker processes of a server, not yet started; addresses with passwords go by the environment."""
    settings = service.settings
    command = [sys.executable, "-m", "steatoscope", "worker", "--data-dir", str(settings.data_dir)]
    urls = (settings.database_url, settings.storage_url, "")
    environment = {**os.environ, **dict(zip(_KEEP, urls, strict=True))}
    return Supervisor([*command, "--follow-parent", str(os.getpid())], count, environment)
