"""``steatoscope serve`` as a process: ready, refusing, cancelling a running job, and its clean end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from serve_kit import COMMAND, Served, start, wait_for

from steatoscope.apps.cli.main import run

pytestmark = pytest.mark.service


def of_group(pid: int) -> list[int]:
    """Living processes of a server: itself, its workers and their children."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "stat").read_text().rpartition(")")[2].split()
            environment = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if words[0] != "Z" and (int(entry.name) == pid or int(words[1]) == pid or f"\0{pid}".encode() in environment):
            found.append(int(entry.name))
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    server = start(tmp_path_factory.mktemp("served") / "data")
    account = ["users", "add", "anna", "--role", "clinician", "--data-dir", str(server.data), "--json"]
    made = subprocess.run([*COMMAND, *account], capture_output=True, check=True)
    server.token = json.loads(made.stdout)["token"]
    yield server
    server.process.terminate()
    assert server.process.wait(20) == 0


def test_it_tells_where_it_is_and_how_to_set_it_up(served: Served) -> None:
    assert served.url.startswith("http://127.0.0.1:")
    assert f"Set up at {served.url}/setup?code=" in served.said
    assert requests.get(f"{served.url}/healthz", timeout=10).status_code == 200


def test_one_server_a_data_folder(served: Served) -> None:
    command = [*COMMAND, "serve", "--port", "0", "--data-dir", str(served.data), "--json"]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 2
    assert str(served.process.pid) in json.loads(second.stdout)["error"]["message"]


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [*COMMAND, "serve", "--port", str(port), "--data-dir", str(tmp_path / "data")]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert f"port {port}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_study_is_analysed_and_a_running_one_cancelled_within_two_seconds(served: Served, tmp_path: Path) -> None:
    run(["phantom", "ct", "--fat", "18", "--seed", "3", "--out", str(tmp_path / "ct")])
    parts = [("files", (path.name, path.read_bytes())) for path in sorted((tmp_path / "ct").rglob("*.dcm"))]
    assert parts
    first, second = (
        served.call("POST", "/api/v1/studies", files=parts, data={"subject": name}).json()["job_id"] for name in "ab"
    )

    def state(job: str) -> str:
        return str(served.call("GET", f"/api/v1/jobs/{job}").json()["state"])

    wait_for(lambda: state(first) in ("done", "failed", "refused"), 120)
    assert state(first) == "done"
    wait_for(lambda: state(second) == "running", 60)
    asked = time.monotonic()
    assert served.call("DELETE", f"/api/v1/jobs/{second}").status_code < 300
    wait_for(lambda: state(second) == "cancelled", 10)
    assert time.monotonic() - asked < 2.0
    assert list((served.data / "scratch").glob("job-*")) == []


def test_large_bodies_wait_in_the_data_folder_and_too_large_ones_are_refused(served: Served) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    head = "POST /api/v1/studies HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n"
    room = str(served.data / "scratch" / "server")

    def spilled() -> bool:
        try:
            links = [path.readlink() for path in Path(f"/proc/{served.process.pid}/fd").iterdir()]
        except FileNotFoundError:  # closed meanwhile
            return False
        return any(str(link).startswith(room) for link in links)

    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(head.format(50_000_000).encode() + b"x" * 4_000_000)
        wait_for(spilled, 20)
    with socket.create_connection((host, int(port)), timeout=20) as large:
        large.sendall(head.format(1 << 40).encode())
        assert b" 413 " in large.recv(100)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_server(tmp_path: Path, number: signal.Signals) -> None:
    server = start(tmp_path / "data", "--workers", "2")
    wait_for(lambda: len(of_group(server.process.pid)) >= 3)
    workers = [pid for pid in of_group(server.process.pid) if pid != server.process.pid]
    server.process.send_signal(number)
    assert server.process.wait(20) == (0 if number == signal.SIGTERM else -number)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 20)
