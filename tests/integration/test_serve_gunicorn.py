"""The grown-up set-up as processes: gunicorn for the pages, a Celery worker, PostgreSQL and Redis between them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from steatoscope.apps.cli.main import run

pytestmark = pytest.mark.service


def wait_for(what: Callable[[], Any], seconds: float = 90.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.1)
    return found


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False


def test_a_study_goes_through_gunicorn_and_celery(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    pytest.importorskip("gunicorn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    given = {"DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": postgres_url, "BROKER_URL": redis_url}
    environment = {**os.environ, **{f"STEATOSCOPE_{name}": value for name, value in given.items()}}
    command = [sys.executable, "-m", "steatoscope"]
    account = [*command, "users", "add", "anna", "--role", "clinician", "--json"]
    made = subprocess.run(account, env=environment, capture_output=True, check=True)
    headers = {"Authorization": f"Bearer {json.loads(made.stdout)['token']}"}
    run(["phantom", "us", "--fat", "18", "--seed", "1", "--out", str(tmp_path / "us")])
    gunicorn = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "8", "--bind", address]
    with ExitStack() as ending, (tmp_path / "said").open("wb") as said:
        for process in ([*gunicorn, "steatoscope.apps.web.wsgi:create()"], [*command, "worker"]):
            started = subprocess.Popen(process, env=environment, stdout=said, stderr=said)
            ending.callback(started.wait, 30)
            ending.callback(started.terminate)
        wait_for(lambda: answers(f"http://{address}/healthz"))
        image = (tmp_path / "us" / "frame_001.png").read_bytes()
        sent = requests.post(
            f"http://{address}/api/v1/studies", headers=headers, files={"files": ("a.png", image)}, timeout=30
        )
        assert sent.status_code == 202, sent.text
        job = f"http://{address}/api/v1/jobs/{sent.json()['job_id']}"

        def ended() -> str | None:
            state = requests.get(job, headers=headers, timeout=30).json()["state"]
            return state if state not in ("queued", "running") else None

        assert wait_for(ended) == "done", (tmp_path / "said").read_text()
        report = f"http://{address}/api/v1/studies/{sent.json()['study_id']}/report"
        assert requests.get(report, headers=headers, timeout=30).json()["modality"] == "US"


def test_the_data_folder_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from steatoscope.apps.web.wsgi import create

    monkeypatch.delenv("STEATOSCOPE_DATA_DIR", raising=False)
    with pytest.raises(RuntimeError, match="STEATOSCOPE_DATA_DIR"):
        create()
