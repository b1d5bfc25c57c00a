"""kill -9 of workers and servers under load: one run of each kind, three where ``STEATOSCOPE_FULL`` is set.

``benchmarks/kill_runs.py`` makes thirty.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.service
RUNS = 3 if os.environ.get("STEATOSCOPE_FULL") else 1
STUDIES = 2
_SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "kill_runs.py"


def kill_runs(folder: Path, *options: str) -> dict[str, Any]:
    numbers = ["--runs", str(RUNS), "--studies", str(STUDIES)]
    command = [sys.executable, str(_SCRIPT), "--out", str(folder), *numbers, *options]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ran.stdout.lstrip().startswith("{"), ran.stderr[-3000:]
    document = json.loads(ran.stdout)
    assert ran.returncode == 0, document
    assert isinstance(document, dict)
    return document


def check(document: dict[str, Any]) -> None:
    assert document["studies"] >= document["answered"] == 2 * RUNS * STUDIES
    assert document["states"] == {"done": document["studies"]}
    for fault in ("answered_but_absent", "without_result", "with_two_results", "ended_twice", "left_in_scratch"):
        assert document[fault] == 0, fault
    assert document["inconsistencies"] == document["audit_chain"] == []
    assert sum(document["kills"].values()) == sum(document["runs"].values())


def test_embedded_on_sqlite(tmp_path: Path) -> None:
    check(kill_runs(tmp_path, "--seed", "4"))


def test_postgresql_and_redis(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    check(kill_runs(tmp_path, "--seed", "5", "--url", postgres_url, "--broker", redis_url))
