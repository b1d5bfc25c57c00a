"""kill -9 of workers and servers under load: a few runs here, thirty of each kind by ``benchmarks/kill_runs.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.service
_SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "kill_runs.py"


def kill_runs(folder: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, str(_SCRIPT), "--out", str(folder), *options]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ran.stdout.lstrip().startswith("{"), ran.stderr[-3000:]
    document = json.loads(ran.stdout)
    assert ran.returncode == 0, document
    assert isinstance(document, dict)
    return document


def check(document: dict[str, Any], studies: int) -> None:
    assert document["studies"] >= document["answered"] == studies
    assert document["states"] == {"done": document["studies"]}
    for fault in ("answered_but_absent", "without_result", "with_two_results", "ended_twice", "left_in_scratch"):
        assert document[fault] == 0, fault
    assert document["inconsistencies"] == document["audit_chain"] == []
    assert sum(document["kills"].values()) == sum(document["runs"].values())


def test_embedded_on_sqlite(tmp_path: Path) -> None:
    document = kill_runs(tmp_path, "--runs", "2", "--studies", "2", "--seed", "4")
    check(document, 8)


def test_postgresql_and_redis(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    options = ("--runs", "2", "--studies", "2", "--seed", "5", "--url", postgres_url, "--broker", redis_url)
    check(kill_runs(tmp_path, *options), 8)
