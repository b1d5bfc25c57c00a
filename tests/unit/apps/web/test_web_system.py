"""What watches the service: health, readiness, figures, request ids and logs."""

from __future__ import annotations

import io
import json
import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from web_accounts import sign_in

from service_kit import PASSWORD, Bench
from steatoscope.apps.web.system import health
from steatoscope.apps.wiring.heartbeats import beat, workers
from steatoscope.apps.wiring.logs import JsonLines, start_logging
from steatoscope.service.storage.tables import Job

ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


def _beat(bench: Bench, name: str = "host:1") -> None:
    with bench.service.database.writing() as session:
        beat(session, name)


@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics"])
def test_open_on_loopback_and_for_administrators_elsewhere(bench: Bench, address: str) -> None:
    _beat(bench)
    assert bench.client().get(address).status_code == 200
    assert bench.client().get(address, headers={"X-Forwarded-For": "127.0.0.1"}).status_code in (302, 401)
    assert bench.client().get(address, environ_overrides=ELSEWHERE).status_code in (302, 401)
    assert bench.client("clinician").get(address, environ_overrides=ELSEWHERE).status_code == 403
    assert bench.client("admin").get(address, environ_overrides=ELSEWHERE).status_code == 200


def test_readiness_names_the_part_that_fails(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_KEPT_S", -1.0)
    answer = bench.client().get("/readyz")
    assert (answer.status_code, answer.json["status"], answer.json["failed"]) == (200, "degraded", ["workers"])
    _beat(bench)
    assert bench.client().get("/readyz").json["status"] == "ok"
    store = Path(bench.service.settings.storage_url)
    shutil.rmtree(store, ignore_errors=True)
    store.write_text("no folder")
    answer = bench.client().get("/readyz")
    assert (answer.status_code, answer.json["status"], answer.json["failed"]) == (503, "unready", ["storage"])
    store.unlink()
    with bench.service.database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    assert bench.client().get("/readyz").json["failed"] == ["migrations"]
    bench.service.database.dispose()
    monkeypatch.setattr(bench.service.database, "_reader", lambda: (_ for _ in ()).throw(OSError("secret words")))
    answer = bench.client().get("/readyz")
    assert answer.json["failed"] == ["database", "migrations", "workers"]
    assert "secret words" not in answer.text


def test_a_busy_worker_is_alive_and_a_silent_one_is_not(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from steatoscope.apps.wiring import heartbeats
    from steatoscope.service.storage.base import now

    _beat(bench, "host:1")
    later = now() + timedelta(minutes=5)
    monkeypatch.setattr(heartbeats, "now", lambda: later)
    with bench.service.database.reading() as session:
        assert [(worker.name, worker.alive) for worker in workers(session)] == [("host:1", False)]
    monkeypatch.setattr(heartbeats, "now", lambda: later + timedelta(days=2))
    _beat(bench, "host:2")
    with bench.service.database.reading() as session:
        assert "host:1" not in [worker.name for worker in workers(session)]


def _figures(bench: Bench) -> dict[str, dict[tuple[str, ...], float]]:
    answer = bench.client().get("/metrics")
    assert answer.content_type.startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {
        sample.name: {
            **{tuple(other.labels.values()): other.value for other in family.samples if other.name == sample.name}
        }
        for family in families
        for sample in family.samples
    }


def test_figures_of_requests_and_of_the_installation(bench: Bench, analysed_ct: Path) -> None:
    study = bench.add_study(analysed_ct, subject="SECRET-CODE")
    with bench.service.database.writing() as session:
        session.add(Job(study_id=study, state="queued"))
    client = bench.client("clinician")
    client.get(f"/api/v1/nothing/{study}")
    client.get("/account")
    figures = _figures(bench)
    assert figures["steatoscope_jobs"][("done",)] == 1
    assert figures["steatoscope_jobs"][("failed",)] == 0
    assert figures["steatoscope_queue_length"][()] == 1
    assert 0 <= figures["steatoscope_queue_oldest_seconds"][()] < 60
    assert figures["steatoscope_results"][("CT",)] == 1
    counted = figures["steatoscope_requests_total"]
    assert ("GET", "/account", "200") in counted
    assert ("GET", "(no route)", "404") in counted
    words = bench.client().get("/metrics").text
    assert study not in words
    assert "SECRET-CODE" not in words


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level, stream = root.handlers[:], root.level, io.StringIO()
    start_logging(stream=stream)
    yield stream
    root.handlers[:], root.level = before, level


def _documents(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_request_has_an_id_in_answer_and_log(bench: Bench, lines: io.StringIO) -> None:
    answer = bench.client().get("/sign-in", headers={"X-Request-ID": "abcdef-12345"})
    assert answer.headers["X-Request-ID"] == "abcdef-12345"
    other = bench.client().get("/sign-in", headers={"X-Request-ID": 'bad id "injected'})
    assert len(other.headers["X-Request-ID"]) == 32
    document = next(line for line in _documents(lines) if line.get("request_id") == "abcdef-12345")
    assert (document["method"], document["route"], document["status"]) == ("GET", "/sign-in", 200)


def test_nothing_about_people_gets_into_the_log(bench: Bench, lines: io.StringIO) -> None:
    """A sign-in, a wrong one, an upload and a search by subject code leave no name, code, password or token."""
    client = bench.client("clinician")
    sign_in(bench.client(), "viewer")
    sign_in(bench.client(), "viewer", "wrong secret words")
    data = {"subject": "SUBJECT-77", "files": (io.BytesIO(b"Jane Roe"), "Roe^Jane.dcm")}
    client.post("/api/v1/studies", data=data, content_type="multipart/form-data")
    client.get("/api/v1/studies?subject=SUBJECT-77")
    bench.client().get("/account?subject=SUBJECT-77")
    logging.getLogger("waitress").error("Exception while serving /x?subject=SUBJECT-77")
    logging.getLogger("some.library").warning("Authorization: Bearer %s", bench.users["clinician"][1])
    written = lines.getvalue()
    assert len(_documents(lines)) > 5
    for secret in ("SUBJECT-77", "Roe", "Jane", PASSWORD, "wrong secret words", bench.users["clinician"][1], "viewer"):
        assert secret not in written, secret


def test_a_fault_is_logged_by_type_and_place_only() -> None:
    try:
        raise ValueError("patient Jane Roe")
    except ValueError:
        record = logging.getLogger("steatoscope.x").makeRecord(
            "steatoscope.x", logging.ERROR, __file__, 1, "unhandled", (), sys.exc_info()
        )
    line = JsonLines().format(record)
    assert "Jane" not in line
    document = json.loads(line)
    assert document["fault"] == "ValueError"
    assert document["where"][-1].startswith("test_web_system.py:")
