"""Messages by Celery: each names a job, minders are lent one at a time, a child that dies at its start is retried."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest

from service_kit import Bench
from steatoscope.apps.wiring import celery_app
from steatoscope.service.jobs.child import ChildDied


class FakeMinder:
    """A minder whose first runs fail."""

    def __init__(self, failures: int = 0) -> None:
        self.owner, self.failures, self.ran, self.closed = "w/0", failures, list[str](), False
        self.at_once, self.most_at_once = 0, 0

    def run_one(self, job_id: str) -> str:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        threading.Event().wait(0.02)
        self.at_once -= 1
        if self.failures:
            self.failures -= 1
            raise ChildDied("the worker did not start")
        self.ran.append(job_id)
        return "finished"

    def warm(self) -> None:
        self.ran.append("warm")

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def minder(monkeypatch: pytest.MonkeyPatch) -> FakeMinder:
    made = FakeMinder()
    monkeypatch.setattr(celery_app, "make_minder", lambda *_given, **_names: made)
    return made


def test_a_message_names_one_job() -> None:
    url = f"memory://{uuid.uuid4().hex}"
    celery_app.celery_sender(url)("job-1")
    with celery_app.make_celery(url).connection_for_read() as connection:
        message: Any = connection.SimpleQueue(celery_app.QUEUE).get(timeout=2)
        assert message.payload[0] == ["job-1"]
        assert message.headers["task"] == celery_app.TASK


def test_messages_are_acknowledged_late_and_taken_one_by_one() -> None:
    conf = celery_app.make_celery("redis://127.0.0.1:1/0").conf
    assert (conf.task_acks_late, conf.worker_prefetch_multiplier, conf.accept_content) == (True, 1, ["json"])
    assert conf.broker_transport_options["socket_connect_timeout"] <= 5
    assert not celery_app.make_celery("amqp://127.0.0.1:1//").conf.broker_transport_options


def test_a_minder_works_for_one_task_at_a_time(bench: Bench, minder: FakeMinder) -> None:
    minders = celery_app.Minders(bench.service, 1)
    assert minders.names == ["w/0"]
    minders.warm()
    tasks = [threading.Thread(target=minders.run, args=(name,)) for name in ("a", "b", "c")]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join(5)
    assert minder.ran[0] == "warm"
    assert sorted(minder.ran[1:]) == ["a", "b", "c"]
    assert minder.most_at_once == 1
    minders.close()
    assert minder.closed


def test_a_child_that_dies_at_its_start_is_started_again(bench: Bench, minder: FakeMinder) -> None:
    minders = celery_app.Minders(bench.service, 1)
    minders.stop.ask()  # no pauses
    minder.failures = 2
    minders.run("a")
    assert minder.ran == ["a"]
    minder.failures = 3
    minders.run("b")
    assert minder.ran == ["a"]
    minders.run("c")
    assert minder.ran == ["a", "c"]
