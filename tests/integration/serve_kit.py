"""``steatoscope serve`` as a process of its own, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

COMMAND = [sys.executable, "-m", "steatoscope"]


@dataclass
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    url: str
    data: Path
    said: str
    token: str = ""

    def call(self, method: str, path: str, **given: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.request(method, self.url + path, headers=headers, timeout=30, **given)


def start(data: Path, *options: str, **environment: str) -> Served:
    errors = data.with_suffix(".err")
    with errors.open("w") as said:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--data-dir", str(data), "--json", *options],
            stdout=subprocess.PIPE, stderr=said, text=True, env={**os.environ, **environment},
        )  # fmt: skip
    assert process.stdout is not None
    with process.stdout as out:
        ready = json.loads("".join(out.readline() for _ in range(5)))
    return Served(process, ready["url"], data, errors.read_text())


def wait_for(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.05)
    return found
