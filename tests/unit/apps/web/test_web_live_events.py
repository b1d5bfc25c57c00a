"""The event stream: changes, end, heartbeat, known states, bounded places, one look for all."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from test_web_live_api import add_job

from service_kit import Bench
from steatoscope.apps.web.live.api import LIVE
from steatoscope.apps.web.live.documents import Estimates
from steatoscope.apps.web.live.events import stream
from steatoscope.apps.web.live.watch import Watcher
from steatoscope.service.storage.tables import Job


def parsed(chunks: Iterator[str]) -> list[dict[str, Any]]:
    """Events of a stream as an event source reads them."""
    events = []
    for block in "".join(chunks).split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if "event" in fields:
            events.append({**fields, "data": json.loads(fields["data"])})
    return events


@pytest.fixture
def watcher(bench: Bench) -> Watcher:
    return Watcher(bench.service.database, Estimates(), interval_s=0.02)


def change(bench: Bench, job_id: str, **columns: Any) -> None:
    with bench.service.database.writing() as session:
        job = session.get_one(Job, job_id)
        for name, value in columns.items():
            setattr(job, name, value)


def test_a_stream_tells_each_change_and_the_end(bench: Bench, watcher: Watcher) -> None:
    job_id = add_job(bench)

    def work() -> None:
        time.sleep(0.15)
        change(bench, job_id, state="running", stage="read")
        time.sleep(0.15)
        change(bench, job_id, state="done", progress=1.0)

    worker = threading.Thread(target=work)
    worker.start()
    events = parsed(stream(watcher, job_id, bench.users["clinician"][0], longest_s=5))
    worker.join()
    assert [event["data"].get("state") for event in events] == ["queued", "running", "done", None]
    assert [event["event"] for event in events] == ["state", "state", "state", "end"]
    assert events[0]["data"]["owned"] is True
    assert len({event["id"] for event in events if "id" in event}) == 3


def test_a_known_state_is_not_told_again(bench: Bench, watcher: Watcher) -> None:
    job_id = add_job(bench)
    first = parsed(stream(watcher, job_id, None, longest_s=0.1))
    assert parsed(stream(watcher, job_id, None, known=first[0]["id"], longest_s=0.2)) == []


def test_a_silent_stream_beats_and_then_ends(bench: Bench, watcher: Watcher) -> None:
    chunks = list(stream(watcher, add_job(bench), None, heartbeat_s=0.05, longest_s=0.3))
    assert sum(chunk.startswith(":") for chunk in chunks) >= 3
    assert "event: end" not in "".join(chunks)


def test_an_erased_job_ends_the_stream(bench: Bench, watcher: Watcher) -> None:
    events = parsed(stream(watcher, "erased", None, longest_s=2))
    assert [event["event"] for event in events] == ["gone", "end"]


def test_many_streams_share_one_look(bench: Bench, watcher: Watcher) -> None:
    ids = [add_job(bench) for _ in range(3)]
    readers = [
        threading.Thread(target=lambda job_id=job_id: list(stream(watcher, job_id, None, longest_s=0.5)))
        for job_id in ids * 4
    ]
    began = time.monotonic()
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    # Looking for each stream of its own would be twelve times as many.
    assert watcher.looks <= 2 * (time.monotonic() - began) / 0.02 + 5
    time.sleep(0.1)
    assert not [thread for thread in threading.enumerate() if thread is watcher._thread]


def test_places_for_streams_are_bounded_and_given_back(bench: Bench) -> None:
    job_id = add_job(bench, state="done")
    client = bench.client("viewer")
    places = bench.app.extensions[LIVE].places
    taken = 0
    while places.acquire(blocking=False):
        taken += 1
    assert client.get(f"/api/v1/jobs/{job_id}/events").status_code == 503
    places.release()
    for _ in range(3):
        answer = client.get(f"/api/v1/jobs/{job_id}/events")
        assert answer.mimetype == "text/event-stream"
        assert [event["event"] for event in parsed(iter([answer.text]))] == ["state", "end"]
        answer.close()
    for _ in range(taken - 1):
        places.release()


def test_the_last_event_id_is_honoured(bench: Bench) -> None:
    job_id = add_job(bench)
    bench.app.config["LIVE_LONGEST_S"] = 0.7
    client = bench.client("viewer")
    first = parsed(iter([client.get(f"/api/v1/jobs/{job_id}/events").text]))
    again = client.get(f"/api/v1/jobs/{job_id}/events", headers={"Last-Event-ID": first[0]["id"]})
    assert parsed(iter([again.text])) == []
