"""The warm child's side: one job after the other, in a process that keeps models and libraries loaded."""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from steatoscope.service.jobs.messages import Message, claim_from, finished_document, receive, send
from steatoscope.service.jobs.orphan import die_with
from steatoscope.service.jobs.port import Runner

_LOG = logging.getLogger("steatoscope.jobs")
_NICE: Final = 5  # pages and signs of life go first: benchmarks/service_load.py shows what it is worth


def run_child(descriptor: int, parent_pid: int, make_runner: Callable[[dict[str, Any]], Runner]) -> None:
    """Serve the minder at the other end of a socket until it is gone; ``make_runner`` gets the greeting's content.

    Signals that stop a worker are the minder's to act on, so this process ignores them. It yields to other processes.
    """
    die_with(parent_pid)
    os.nice(max(0, _NICE - os.nice(0)))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    connection = Connection(descriptor)
    runner = make_runner(receive(connection)["hello"])
    send(connection, "ready", pid=os.getpid())
    inbox: queue.Queue[Message] = queue.Queue()
    cancelled = threading.Event()
    threading.Thread(target=_listen, args=(connection, inbox, cancelled), daemon=True).start()
    while True:
        message = inbox.get()
        cancelled.clear()
        _answer(connection, runner, message, cancelled)


def _listen(connection: Connection, inbox: queue.Queue[Message], cancelled: threading.Event) -> None:
    while True:
        try:
            message = receive(connection)
        except (EOFError, OSError):
            os._exit(0)
        if message["kind"] == "cancel":
            cancelled.set()
        else:
            inbox.put(message)


def _answer(connection: Connection, runner: Runner, message: Message, cancelled: threading.Event) -> None:
    claim = claim_from(message["claim"])

    def tell(stage: str, progress: float) -> None:
        send(connection, "news", stage=stage, progress=progress)

    try:
        finished = runner(claim, Path(message["folder"]), tell, cancelled.is_set)
    except Exception as fault:
        _LOG.error("job %s: %s", claim.job_id, where(fault))
        send(connection, "fault", reason=where(fault))
        return
    if finished is None:
        send(connection, "cancelled")
    else:
        send(connection, "finished", finished=finished_document(finished))


def where(fault: Exception) -> str:
    """What went wrong and where, without the fault's own words: they may hold what a file says of a patient."""
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if frame.filename != __file__]
    own = [frame for frame in frames if "steatoscope" in frame.filename] or frames
    place = f" in {Path(own[-1].filename).name} line {own[-1].lineno}" if own else ""
    return f"{type(fault).__name__}{place}"
