"""Uploads to a real server: endless bodies, broken lines, a killed server, a large series."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from upload_kit import ct_slice, zipped

pytestmark = [pytest.mark.service, pytest.mark.slow]
MIB = 1 << 20
LIMIT = 64 * MIB


@dataclass
class Server:
    """A running server in a process of its own, and a clinician's token."""

    process: subprocess.Popen[bytes]
    address: str
    data: Path
    token: str

    @property
    def memory(self) -> int:
        """Resident memory in bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(text.split("VmRSS:")[1].split()[0]) * 1024

    def connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        return http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, Any]:
        connection = self.connect()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content) if content[:1] in (b"{", b"[") else content

    def left(self) -> int:
        """Bytes in the inbox and in the scratch folder."""
        roots = (self.data / "inbox", self.data / "scratch")
        files = [path for root in roots for path in root.rglob("*") if path.is_file()]
        return sum(path.stat().st_size for path in files if path.exists())


def run(*words: str) -> list[str]:
    return [sys.executable, "-m", "steatoscope", *words]


def start(data: Path, token: str = "") -> Server:
    environment = {**os.environ, "STEATOSCOPE_MOST_UPLOAD_BYTES": str(LIMIT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        run("serve", "--port", "0", "--workers", "0", "--data-dir", str(data), "--json"),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        with contextlib.suppress(ValueError):
            found: Mapping[str, str] = json.loads(b"".join(lines))
            return Server(process, found["url"], data, token)
    raise AssertionError(f"no server: {lines}")


def stop(server: Server, how: signal.Signals = signal.SIGTERM) -> None:
    server.process.send_signal(how)
    server.process.wait(20)
    if server.process.stdout is not None:
        server.process.stdout.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    data = tmp_path / "data"
    added = subprocess.run(
        run("users", "add", "ann", "--role", "clinician", "--data-dir", str(data), "--json"),
        check=True, capture_output=True,
    )  # fmt: skip
    made = start(data, json.loads(added.stdout)["token"])
    yield made
    if made.process.poll() is None:
        stop(made)


def preamble(server: Server, how: str) -> bytes:
    lines = [
        "POST /api/v1/studies HTTP/1.1", f"Host: {urlsplit(server.address).netloc}",
        f"Authorization: Bearer {server.token}", "Content-Type: multipart/form-data; boundary=xyz", how, "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


PART = b'--xyz\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'


def stream(server: Server, how: str, total: int) -> tuple[bytes, int]:
    """Send a body of ``total`` bytes until the server answers or hangs up; returns the answer and what was sent."""
    parts = urlsplit(server.address)
    chunked = "chunked" in how
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as line:
        line.sendall(preamble(server, how))
        piece, sent = bytes(MIB), 0
        line.setblocking(True)
        with contextlib.suppress(ConnectionError):
            for block in (PART, *(piece for _ in range(total // MIB))):
                line.sendall(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
                sent += len(block)
                if answered(line):
                    break
        answer = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            while found := line.recv(65536):
                answer += found
        return answer, sent


def answered(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return bool(line.recv(1, socket.MSG_PEEK)) or True
    except BlockingIOError:
        return False
    finally:
        line.setblocking(True)


@pytest.mark.parametrize("how", [f"Content-Length: {2 << 30}", "Transfer-Encoding: chunked"])
def test_two_gibibytes_are_refused_soon_and_in_little_memory(server: Server, how: str) -> None:
    before, began = server.memory, time.monotonic()
    answer, sent = stream(server, how, 2 << 30)
    assert answer.split(b"\r\n")[0].split()[1] == b"413", answer[:300]
    assert sent < 2 * LIMIT
    assert time.monotonic() - began < 30
    assert server.memory - before < 100 * MIB
    wait_for_room(server)
    assert server.ask("GET", "/api/v1/uploads")[0] == 200


def wait_for_room(server: Server) -> None:
    until = time.monotonic() + 10
    while server.left() and time.monotonic() < until:
        time.sleep(0.1)
    assert server.left() == 0


def test_a_body_just_below_the_limit_stays_on_disk(server: Server) -> None:
    before = server.memory
    body = PART + bytes(48 * MIB) + b"\r\n--xyz--\r\n"
    status, answer = server.ask("POST", "/api/v1/studies", body, "multipart/form-data; boundary=xyz")
    assert (status, answer["error"]["code"]) == (422, "E_FORMAT")
    assert server.memory - before < 100 * MIB
    wait_for_room(server)


def announce(server: Server, **files: int) -> str:
    body = {"files": [{"name": name, "size": size} for name, size in files.items()]}
    status, answer = server.ask("POST", "/api/v1/uploads", json.dumps(body).encode())
    assert status == 201, answer
    return str(answer["upload_id"])


def put(server: Server, upload: str, content: bytes, offset: int = 0) -> tuple[int, Any]:
    path = f"/api/v1/uploads/{upload}/files/0?offset={offset}"
    return server.ask("PUT", path, content, "application/octet-stream")


def test_an_upload_survives_a_broken_line_and_a_killed_server(server: Server) -> None:
    content = ct_slice()
    upload = announce(server, a=len(content))
    assert put(server, upload, content[:1000])[0] == 200
    parts = urlsplit(server.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as line:
        path = f"PUT /api/v1/uploads/{upload}/files/0?offset=1000 HTTP/1.1\r\nHost: x\r\n"
        rest = f"Authorization: Bearer {server.token}\r\nContent-Type: application/octet-stream\r\n"
        line.sendall(f"{path}{rest}Content-Length: 2000\r\n\r\n".encode() + content[1000:1500])
        time.sleep(0.3)
    stop(server, signal.SIGKILL)
    again = start(server.data, server.token)
    try:
        status, state = again.ask("GET", f"/api/v1/uploads/{upload}")
        assert status == 200
        arrived = state["files"][0]["received"]
        assert 1000 <= arrived <= 1500
        assert put(again, upload, content[arrived:], arrived)[0] == 200
        status, answer = again.ask("POST", f"/api/v1/uploads/{upload}/commit", b"{}")
        assert status == 202, answer
        status, job = again.ask("GET", f"/api/v1/jobs/{answer['job_id']}")
        assert (status, job["state"]) == (200, "queued")
    finally:
        stop(again)


def test_a_series_of_five_hundred_slices(server: Server) -> None:
    files = {f"series/{number:04d}.dcm": ct_slice(number) for number in range(500)}
    body = b"".join(
        b'--xyz\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n' % (name.encode(), content)
        for name, content in files.items()
    )
    before = server.memory
    status, answer = server.ask("POST", "/api/v1/studies", body + b"--xyz--\r\n", "multipart/form-data; boundary=xyz")
    assert status == 202, answer
    assert server.memory - before < 150 * MIB
    packed = PART.replace(b"a.png", b"series.zip") + zipped(files) + b"\r\n--xyz--\r\n"
    status, again = server.ask("POST", "/api/v1/studies", packed, "multipart/form-data; boundary=xyz")
    assert (status, again["study_id"], again["duplicate"]) == (202, answer["study_id"], True)
    wait_for_room(server)
