"""kill -9 of a worker or of the server at a random moment, under load: is any study lost or done twice?

    python benchmarks/kill_runs.py --runs 30 --out FOLDER
    python benchmarks/kill_runs.py --runs 30 --out FOLDER --url postgresql://.../EMPTY --broker redis://.../1

Without ``--url`` the embedded set-up: ``steatoscope serve`` with its own workers on SQLite. With it ``serve`` for the
pages and workers of their own on the broker. Each run uploads studies through the API (a simulated ultrasound frame
each) and kills once: a worker (its minder or the process that analyses, by chance), or the server. Whoever was killed
is started again, an upload that was not answered is sent again, and every third run the broker is emptied too. Then
every study must have exactly one result and every upload that was answered must be there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

TIMES = {"STEATOSCOPE_LEASE_S": "3", "STEATOSCOPE_HEARTBEAT_S": "0.6"}
COMMAND = [sys.executable, "-m", "steatoscope"]
PATIENCE_S = 180.0


def children(pid: int) -> list[int]:
    """Process ids of the direct children of all threads of a process."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in path.read_text().split()]
        except OSError:
            continue
    return found


def wait_for(what: Callable[[], Any], words: str, seconds: float = PATIENCE_S) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > until:
            raise TimeoutError(f"{words} did not come about in {seconds:g} s")
        time.sleep(0.2)
    return found


@dataclass
class SetUp:
    """The processes of one installation; those that were killed are started again by ``tend``."""

    folder: Path
    url: str
    broker: str
    workers: int
    server: subprocess.Popen[bytes] | None = None
    own_workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    address: str = ""
    token: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What the processes are told."""
        extra = {"STEATOSCOPE_DATABASE_URL": self.url, "STEATOSCOPE_BROKER_URL": self.broker}
        return {**os.environ, **TIMES, **{name: value for name, value in extra.items() if value}}

    def start(self) -> None:
        """Start all, with an account that uploads."""
        self._start_server()
        account = ["users", "add", "loader", "--role", "clinician", "--data-dir", str(self.folder / "data"), "--json"]
        answer = subprocess.run([*COMMAND, *account], env=self.environment, check=True, capture_output=True)
        self.token = json.loads(answer.stdout)["token"]
        self.tend()

    def _start_server(self) -> None:
        count = "0" if self.broker else str(self.workers)
        port = self.address.rpartition(":")[2] or "0"
        options = ["--port", port, "--data-dir", str(self.folder / "data"), "--workers", count, "--json"]
        out = self.folder / "serve.out"
        with out.open("wb") as said, (self.folder / "serve.err").open("ab") as errors:
            self.server = subprocess.Popen(
                [*COMMAND, "serve", *options], env=self.environment, stdout=said, stderr=errors
            )
        wait_for(lambda: out.read_text().rstrip().endswith("}"), "the server", 60)
        self.address = json.loads(out.read_text())["url"]

    def tend(self) -> None:
        """Start again what was killed."""
        if self.server is None or self.server.poll() is not None:
            self._start_server()
        if not self.broker:
            return
        alive = [worker for worker in self.own_workers if worker.poll() is None]
        with (self.folder / "worker.err").open("ab") as errors:
            alive += [
                subprocess.Popen(
                    [*COMMAND, "worker", "--data-dir", str(self.folder / "data")],
                    env=self.environment, stdout=errors, stderr=errors,
                )
                for _ in range(self.workers - len(alive))
            ]  # fmt: skip
        self.own_workers = alive

    def minders(self) -> list[int]:
        """Process ids of the workers."""
        assert self.server is not None
        return [worker.pid for worker in self.own_workers] if self.broker else children(self.server.pid)

    def victim(self, target: str, chance: random.Random) -> int | None:
        """Whom to kill: the server, or one of the workers or of their warm children."""
        assert self.server is not None
        if target == "server":
            return self.server.pid
        minders = self.minders()
        everyone = minders + [child for minder in minders for child in children(minder)]
        return chance.choice(everyone) if everyone else None

    def kill(self, pid: int) -> None:
        """End a process for certain; one that was started here is waited for, so that ``tend`` sees its end."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        for process in [self.server, *self.own_workers]:
            if process is not None and process.pid == pid:
                process.wait(60)

    def close(self) -> None:
        """End all in the orderly way."""
        processes = [*self.own_workers, *([self.server] if self.server else [])]
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


@dataclass
class Load:
    """Uploads studies one after the other; ``answered`` are those that the server said it has."""

    set_up: SetUp
    image: bytes
    answered: list[dict[str, str]] = field(default_factory=list)
    unanswered: int = 0
    faults: list[Exception] = field(default_factory=list)

    def upload(self, count: int, name: str) -> None:
        """Send some studies; what is not answered is sent again."""
        try:
            for number in range(count):
                wait_for(lambda subject=f"{name}-{number}": self._one(subject), "an upload")
        except Exception as fault:
            self.faults.append(fault)

    def check(self) -> None:
        """Raise what went wrong in a thread that uploads."""
        if self.faults:
            raise self.faults[0]

    def _one(self, subject: str) -> bool:
        headers = {"Authorization": f"Bearer {self.set_up.token}"}
        files = {"files": (f"{subject}.png", self.image, "image/png")}
        address = f"{self.set_up.address}/api/v1/studies"
        try:
            answer = requests.post(address, headers=headers, files=files, data={"subject": subject}, timeout=30)
        except requests.RequestException:
            self.unanswered += 1
            time.sleep(0.2)
            return False
        if answer.status_code != 202:
            raise RuntimeError(f"{answer.status_code}: {answer.text[:300]}")
        self.answered.append(answer.json())
        return True


def one_run(set_up: SetUp, load: Load, target: str, studies: int, number: int, chance: random.Random) -> dict[str, Any]:
    """Upload, kill once at a random moment, wait until every job has ended."""
    uploader = threading.Thread(target=load.upload, args=(studies, f"{target}-{number}"))
    uploader.start()
    if number % 3:  # in the midst of an analysis; else at any moment, uploads included
        wait_for(lambda: count_of(set_up, "running"), "a running job")
        time.sleep(chance.uniform(0.0, 1.2))
    else:
        time.sleep(chance.uniform(0.0, 1.5 * studies))
    struck = count_of(set_up, "running")
    emptied = bool(set_up.broker) and number % 3 == 2
    if emptied:
        empty_broker(set_up.broker)
    victim = set_up.victim(target, chance)
    if victim is not None:
        set_up.kill(victim)
    killed_at = time.monotonic()
    set_up.tend()
    uploader.join()
    load.check()
    wait_for(lambda: count_of(set_up, "queued", "running") == 0, "the end of all jobs")
    return {
        "recovery_s": time.monotonic() - killed_at,
        "victim": victim is not None,
        "running": struck,
        "emptied": emptied,
    }


def empty_broker(url: str) -> None:
    import redis

    redis.Redis.from_url(url).flushdb()


@contextmanager
def installation(set_up: SetUp) -> Iterator[Any]:
    from steatoscope.apps.wiring.service import open_service
    from steatoscope.apps.wiring.settings import service_settings

    overrides = {"database_url": set_up.url} if set_up.url else {}
    service = open_service(service_settings(set_up.folder / "data", {}, **overrides), migrate=False)
    try:
        with service.database.reading() as session:
            yield service, session
    finally:
        service.database.dispose()


def count_of(set_up: SetUp, *states: str) -> int:
    """Jobs in these states."""
    from steatoscope.service.storage.tables import Job

    with installation(set_up) as (_service, session):
        return int(session.query(Job).filter(Job.state.in_(states)).count())


def verdict(set_up: SetUp, load: Load) -> dict[str, Any]:
    """What is in the database in the end."""
    from steatoscope.service.storage.audit import verify_chain
    from steatoscope.service.storage.maintenance import check_consistency
    from steatoscope.service.storage.tables import AuditEntry, Job, Result, Study

    with installation(set_up) as (service, session):
        results = Counter(row.study_id for row in session.query(Result))
        studies = {row.id: row.state for row in session.query(Study)}
        jobs = session.query(Job).all()
        ends = Counter(row.object_id for row in session.query(AuditEntry).filter(AuditEntry.action.like("job.%")))
        return {
            "studies": len(studies),
            "answered": len(load.answered),
            "answered_but_absent": sum(one["study_id"] not in studies for one in load.answered),
            "without_result": sum(results[study] == 0 for study in studies),
            "with_two_results": sum(results[study] > 1 for study in studies),
            "states": dict(Counter(studies.values())),
            "attempts": dict(sorted(Counter(str(job.attempts) for job in jobs).items())),
            "ended_twice": sum(count > 1 for count in ends.values()),
            "inconsistencies": check_consistency(session, service.blobs),
            "audit_chain": verify_chain(session),
            "left_in_scratch": len(list((set_up.folder / "data" / "scratch").glob("job-*"))),
        }


def image_of(folder: Path) -> bytes:
    command = [*COMMAND, "phantom", "us", "--fat", "18", "--seed", "1", "--out", str(folder / "us")]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / "us" / "frame_001.png").read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30, help="runs of each target")
    parser.add_argument("--targets", nargs="+", default=["worker", "server"], choices=["worker", "server"])
    parser.add_argument("--studies", type=int, default=3, help="studies uploaded in each run")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--url", default="", help="an empty PostgreSQL database")
    parser.add_argument("--broker", default="", help="Redis or RabbitMQ")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="an empty folder")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    chance = random.Random(given.seed)
    set_up = SetUp(given.out, given.url, given.broker, given.workers)
    load = Load(set_up, image_of(given.out))
    runs: dict[str, list[dict[str, Any]]] = {target: [] for target in given.targets}
    set_up.start()
    try:
        for number in range(given.runs):
            for target in given.targets:
                runs[target].append(one_run(set_up, load, target, given.studies, number, chance))
                print(f"{target} {number + 1}/{given.runs}: {runs[target][-1]}", file=sys.stderr, flush=True)
    finally:
        set_up.close()
    document = {
        "name": "kill_runs",
        "set_up": "PostgreSQL and broker" if given.broker else "SQLite, embedded",
        "runs": {target: len(done) for target, done in runs.items()},
        "kills": {target: sum(run["victim"] for run in done) for target, done in runs.items()},
        "kills_while_a_job_ran": {target: sum(run["running"] > 0 for run in done) for target, done in runs.items()},
        "broker_emptied": sum(run["emptied"] for done in runs.values() for run in done),
        "longest_recovery_s": {
            target: round(max(run["recovery_s"] for run in done), 1) for target, done in runs.items()
        },
        "uploads_sent_again": load.unanswered,
        **verdict(set_up, load),
    }
    print(json.dumps(document, indent=2))
    return 0 if sound(document) else 1


def sound(document: dict[str, Any]) -> bool:
    """Whether every study has exactly one result and nothing is amiss."""
    faults = ("answered_but_absent", "without_result", "with_two_results", "ended_twice", "left_in_scratch")
    whole = document["states"] == {"done": document["studies"]} and document["studies"] >= document["answered"]
    return whole and not any(document[name] for name in (*faults, "inconsistencies", "audit_chain"))


if __name__ == "__main__":
    sys.exit(main())
