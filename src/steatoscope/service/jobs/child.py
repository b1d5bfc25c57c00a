"""The minder's side of its warm child: start, ask, listen, kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from steatoscope.service.jobs.messages import Message, receive, send

_START_S = 120.0


class ChildDied(Exception):
    """The child ended by itself; the words say how."""


class WarmChild:
    """One process that runs analyses and is started anew when it has died or was killed.

    ``command`` gets two more arguments, the descriptor of its socket and this process's id; ``hello`` is sent first.
    ``most_jobs`` bounds what a leak in a library can gather.
    """

    def __init__(self, command: Sequence[str], hello: Mapping[str, Any], *, most_jobs: int = 200) -> None:
        self._command = list(command)
        self._hello = dict(hello)
        self._most_jobs = most_jobs
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._jobs = 0
        self.started = 0

    @property
    def pid(self) -> int | None:
        """Process id while it lives."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def ensure(self) -> None:
        """Have a living child that is ready; raises ChildDied where it cannot start."""
        if self._jobs >= self._most_jobs:
            self.kill()
        if self.pid is None:
            self._start()

    def _start(self) -> None:
        self.kill()
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = [*self._command, str(theirs.fileno()), str(os.getpid())]
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=2, pass_fds=[theirs.fileno()], close_fds=True
            )
        self._connection = Connection(ours.detach())
        self._jobs = 0
        self.started += 1
        self.send("hello", hello=self._hello)
        if self.receive(_START_S) is None:
            self.kill()
            raise ChildDied("the worker did not start")

    def send(self, kind: str, **content: Any) -> None:
        """Send a message; raises ChildDied where nobody listens."""
        assert self._connection is not None
        if kind == "run":
            self._jobs += 1
        try:
            send(self._connection, kind, **content)
        except OSError:
            raise self._died() from None

    def receive(self, timeout_s: float) -> Message | None:
        """The next message, or None where none comes in time; raises ChildDied where the child is gone."""
        assert self._connection is not None
        try:
            return receive(self._connection) if self._connection.poll(timeout_s) else None
        except (EOFError, OSError):
            raise self._died() from None

    def _died(self) -> ChildDied:
        process = self._process
        assert process is not None
        try:
            code = process.wait(5.0)
        except subprocess.TimeoutExpired:
            code = 0
        self.kill()
        if code < 0:
            return ChildDied(f"the worker died by signal {-code} ({_signal_name(-code)})")
        return ChildDied(f"the worker ended with code {code}")

    def kill(self) -> None:
        """End the child at once, whatever it does."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        self._process, self._connection = None, None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
