"""How pages answer while studies are analysed: 50 users polling, on an idle server and while 4 jobs run.

Run with ``python benchmarks/service_load.py --out FOLDER`` on an idle machine with two cores. It starts the real
``steatoscope serve`` on a fresh data folder, uploads one simulated CT and waits for it, then polls with ``--users``
people, each with an own token and ``--think`` seconds between two requests, the pages in turn: work list, result,
status, job as JSON. First one person alone, then all on the idle server, then all while ``--jobs`` worker processes
each have a job. The goal is a ratio of the 95th percentiles (loaded to idle, same users) of at most 3. The people are
one asyncio process beside the server, so their own waiting for a core is part of the times: as seen, not as served.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GOAL = 3.0
Times = dict[str, list[float]]


@dataclass(frozen=True)
class Server:
    """A running server, and a token for each person."""

    port: int
    process: subprocess.Popen[bytes]
    tokens: list[str]

    def call(self, path: str, body: bytes | None = None, kind: str = "", method: str | None = None) -> Any:
        """One request of the first person; JSON answer."""
        headers = {"Authorization": f"Bearer {self.tokens[0]}", **({"Content-Type": kind} if kind else {})}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def state(self, job: str) -> str:
        """State of a job."""
        return str(self.call(f"/api/v1/jobs/{job}")["state"])

    def upload(self, scan: Path, subject: str) -> tuple[str, str]:
        """Queue one study; returns the ids of study and job."""
        edge, parts = "----steatoscope-load", []
        fields = [("subject", None, subject.encode())]
        fields += [("files", path.name, path.read_bytes()) for path in sorted(scan.rglob("*")) if path.is_file()]
        for name, file, content in fields:
            head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"'
            head += f'; filename="{file}"\r\nContent-Type: application/octet-stream' if file else ""
            parts.append(head.encode() + b"\r\n\r\n" + content + b"\r\n")
        body = b"".join(parts) + f"--{edge}--\r\n".encode()
        told = self.call("/api/v1/studies", body, f"multipart/form-data; boundary={edge}")
        return told["study_id"], told["job_id"]


def add_people(folder: Path, count: int) -> list[str]:
    """Clinicians in a fresh installation, each with a token."""
    from steatoscope.apps.wiring.service import open_service
    from steatoscope.apps.wiring.settings import service_settings
    from steatoscope.service.access.passwords import digest_of, new_secret
    from steatoscope.service.storage.users import add_user, issue_token

    service, tokens = open_service(service_settings(folder)), []
    with service.database.writing() as session:
        for index in range(count):
            tokens.append(new_secret("sts_"))
            user = add_user(session, f"person-{index}", ["clinician"])
            issue_token(session, user, "load", digest=digest_of(tokens[-1]))
    service.database.dispose()
    return tokens


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, workers: int, people: int) -> Iterator[Server]:
    """``steatoscope serve`` on a fresh folder, stopped at the end."""
    tokens, port = add_people(folder, people), free_port()
    command = [sys.executable, "-m", "steatoscope", "serve", "--port", str(port), "--data-dir", str(folder)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([*command, "--workers", str(workers)], stdout=log, stderr=log)
    server = Server(port, process, tokens)
    try:
        _until(lambda: _answers(port), 60, "the server does not answer")
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _until(ready: Any, seconds: float, words: str) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise SystemExit(words)
        time.sleep(0.2)


async def _get(streams: Any, path: str, token: str) -> int:
    """One GET on an open connection; returns the status once the body is read."""
    reader, writer = streams
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    if "transfer-encoding: chunked" in head:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.readexactly(int(head.partition("content-length:")[2].split()[0]))
    return int(head.split()[1])


async def person(port: int, token: str, pages: dict[str, str], end: float, think: float, times: Times) -> None:
    """Asks for the pages in turn until the time is over."""
    names = list(pages)
    random.Random(token).shuffle(names)
    await asyncio.sleep(random.Random(token).uniform(0, think))
    streams = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < end:
        for name in names:
            begin = time.perf_counter()
            status = await _get(streams, pages[name], token)
            times[name].append(time.perf_counter() - begin)
            if status != 200:
                raise RuntimeError(f"{pages[name]} answers {status}")
            await asyncio.sleep(think)
    streams[1].close()


async def poll(server: Server, people: int, pages: dict[str, str], seconds: float, think: float) -> Times:
    """Seconds of every answer by page, for some people at once."""
    times: Times = {name: [] for name in pages}
    end = time.monotonic() + seconds
    tasks = [person(server.port, token, pages, end, think, times) for token in server.tokens[:people]]
    await asyncio.gather(*tasks)
    return times


def figures(times: Times) -> dict[str, dict[str, float]]:
    """Milliseconds by page and over all: middle, 95th percentile, longest, and how many."""
    rows = {**times, "all": [second for page in times.values() for second in page]}
    return {
        name: {
            "n": len(row),
            "p50_ms": round(1000 * statistics.median(row), 1),
            "p95_ms": round(1000 * statistics.quantiles(row, n=20)[-1], 1),
            "max_ms": round(1000 * max(row), 1),
        }
        for name, row in rows.items()
    }


def phantom(folder: Path, kind: str, seed: int) -> Path:
    """A simulated scan."""
    from steatoscope.apps.cli.main import run

    path = folder / f"{kind}-{seed}"
    run(["phantom", kind, "--fat", "15", "--seed", str(seed), "--out", str(path)])
    return path


def prepare(server: Server, scans: list[Path]) -> dict[str, str]:
    """One finished and one cancelled study; the pages that people look at."""
    study, job = server.upload(scans[0], "S-0")
    stopped, stopped_job = server.upload(scans[1], "S-1")
    server.call(f"/api/v1/jobs/{stopped_job}", method="DELETE")
    _until(lambda: server.state(job) == "done", 300, "the first study does not finish")
    _until(lambda: server.state(stopped_job) == "cancelled", 60, "the second study is not cancelled")
    return {
        "work list": "/studies",
        "result": f"/studies/{study}",
        "status": f"/studies/{stopped}/status",
        "job": f"/api/v1/jobs/{job}",
    }


def measure(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """All three measurements on one server."""
    scans = [phantom(work, ("ct", "mr")[seed % 2], seed) for seed in range(2 + options.jobs * options.rounds)]
    with running(work / "data", options.jobs, options.users) as server:
        pages = prepare(server, scans[:2])

        def people(count: int, seconds: float, think: float) -> dict[str, dict[str, float]]:
            return figures(asyncio.run(poll(server, count, pages, seconds, think)))

        people(4, 3, 0.2)
        alone = people(1, options.seconds / 2, 0.1)
        idle = people(options.users, options.seconds, options.think)
        jobs = [server.upload(scan, f"S-{index}")[1] for index, scan in enumerate(scans[2:], 2)]
        states = lambda: [server.state(job) for job in jobs]  # noqa: E731
        _until(lambda: states().count("running") == options.jobs, 120, "not all jobs are taken")
        loaded = people(options.users, options.seconds, options.think)
        ended = states()
    return {
        "users": options.users,
        "think_s": options.think,
        "jobs": options.jobs,
        "jobs_at_the_end": {name: ended.count(name) for name in sorted(set(ended))},
        "one user, idle": alone,
        "all users, idle": idle,
        "all users, jobs": loaded,
        "ratio_p95": {name: round(loaded[name]["p95_ms"] / idle[name]["p95_ms"], 2) for name in loaded},
        "goal": GOAL,
        "machine": {"cores": os.cpu_count(), "cpu": platform.machine(), "python": platform.python_version()},
    }


def table(found: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    wanted = ("one user, idle", "all users, idle", "all users, jobs")
    head = (
        f"| page | {' | '.join(f'{name}: p50 / p95 ms' for name in wanted)} | ratio of p95 |\n|---|---|---|---|---|\n"
    )
    rows = []
    for page, ratio in found["ratio_p95"].items():
        cells = [f"{found[name][page]['p50_ms']} / {found[name][page]['p95_ms']}" for name in wanted]
        rows.append(f"| {page} | {' | '.join(cells)} | {ratio} |\n")
    return head + "".join(rows)


def main() -> None:
    """Measure and write ``service_load.json`` and ``service_load.md``; ends with 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=4, help="worker processes, and jobs that run at once")
    parser.add_argument("--rounds", type=int, default=4, help="jobs queued for each worker")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--think", type=float, default=2.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = measure(options, Path(name))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "service_load.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (options.out / "service_load.md").write_text(table(found), encoding="utf-8")
    print(json.dumps(found, indent=1))
    print(table(found))
    sys.exit(0 if found["ratio_p95"]["all"] <= GOAL else 1)


if __name__ == "__main__":
    main()
