"""Live status in a real browser on a real server: events, polling, cancelling, failure, work without scripts."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import Any

import pytest
from browser import BrowserPage, check_accessible, check_width, serving
from playwright.sync_api import Page, Route, expect

from service_kit import Bench
from steatoscope.service.storage.base import new_id, now
from steatoscope.service.storage.tables import Job, Patient, Study

pytestmark = pytest.mark.service
NEXT = {"queued": "running", "running": "done"}


def _add_job(bench: Bench, state: str = "queued", **columns: Any) -> tuple[str, str]:
    with bench.service.database.writing() as session:
        patient = Patient(subject=f"S-{new_id()[:6]}")
        session.add(patient)
        session.flush()
        owner = bench.users["clinician"][0]
        study = Study(patient_id=patient.id, owner_id=owner, modality="CT", state=state, content_digest="0" * 64)
        session.add(study)
        session.flush()
        job = Job(id=new_id(), study_id=study.id, owner_id=owner, state=state, **columns)
        session.add(job)
    return study.id, job.id


def _change(bench: Bench, job_id: str, **columns: Any) -> None:
    with bench.service.database.writing() as session:
        job = session.get_one(Job, job_id)
        for name, value in columns.items():
            setattr(job, name, value)


def _events(bench: Bench, address: str, job_id: str) -> urllib.request.Request:
    token = bench.users["viewer"][1]
    return urllib.request.Request(
        f"{address}/api/v1/jobs/{job_id}/events", headers={"Authorization": f"Bearer {token}"}
    )


def _words(page: Page) -> Any:
    return page.locator('[data-part="words"]')


def test_events_come_one_by_one_from_the_server(bench: Bench) -> None:
    _study, job_id = _add_job(bench)
    with serving(bench.app) as address:
        request = _events(bench, address, job_id)
        states, times = [], []
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            event = ""
            for raw in answer:
                name, _, value = raw.decode().strip().partition(": ")
                event = value if name == "event" else event
                if name == "data" and event == "state":
                    states.append(json.loads(value)["state"])
                    times.append(time.monotonic())
                    _change(
                        bench,
                        job_id,
                        **{"queued": {"state": "running"}, "running": {"state": "done"}}.get(states[-1], {}),
                    )
        assert states == ["queued", "running", "done"]
        assert event == "end"
        assert times[-1] - times[0] < 4


def test_the_page_follows_the_analysis(bench: Bench, browser_page: BrowserPage) -> None:
    _add_job(bench, state="queued")
    study, job_id = _add_job(bench)
    with browser_page(bench, "clinician", locale="en") as page:
        page.goto(f"/studies/{study}/status")
        expect(_words(page)).to_have_text("1 analysis goes first")
        check_accessible(page)
        _change(bench, job_id, state="running", stage="segment", progress=0.4, started_at=now())
        expect(_words(page)).to_have_text("Finding the liver")
        expect(page.locator('.steps [aria-current="step"]')).to_have_text("Finding the liver")
        assert page.locator("progress").evaluate("bar => bar.value") == pytest.approx(0.4)
        expect(page.locator('[data-part="elapsed"]')).to_have_text("2 s", timeout=8000)
        check_accessible(page)


def test_polling_takes_over_where_events_are_refused(bench: Bench, browser_page: BrowserPage) -> None:
    study, job_id = _add_job(bench)

    def refuse(route: Route) -> None:
        route.fulfill(status=503, body="{}")

    with browser_page(bench, "clinician", locale="en") as page:
        page.route("**/events", refuse)
        page.goto(f"/studies/{study}/status")
        _change(bench, job_id, state="running", stage="measure", progress=0.5, started_at=now())
        expect(_words(page)).to_have_text("Measuring")


def test_the_last_place_taken_leads_to_polling(bench: Bench, browser_page: BrowserPage) -> None:
    study, job_id = _add_job(bench)
    places = bench.app.extensions["steatoscope-live"].places
    while places.acquire(blocking=False):
        pass
    with browser_page(bench, "clinician", locale="en") as page:
        page.goto(f"/studies/{study}/status")
        _change(bench, job_id, state="running", stage="measure", started_at=now())
        expect(_words(page)).to_have_text("Measuring")


def test_cancelling_asks_first_and_then_offers_another_try(bench: Bench, browser_page: BrowserPage) -> None:
    study, job_id = _add_job(bench)
    with browser_page(bench, "clinician", locale="en") as page:
        page.goto(f"/studies/{study}/status")
        page.get_by_role("button", name="Cancel the analysis").click()
        page.get_by_role("button", name="Keep it running").click()
        assert page.evaluate("document.getElementById('cancel-dialog').open") is False
        page.get_by_role("button", name="Cancel the analysis").click()
        check_accessible(page)
        page.get_by_role("dialog").get_by_role("button", name="Cancel the analysis").click()
        expect(page.get_by_text("The analysis was cancelled.")).to_be_visible()
        page.get_by_role("button", name="Try again").click()
        expect(_words(page)).to_have_text("Next in the queue")
    with bench.service.database.reading() as session:
        assert session.get_one(Job, job_id).state == "queued"


def test_a_failure_is_told_in_plain_words(bench: Bench, browser_page: BrowserPage) -> None:
    error = {
        "code": "E_TRUNCATED",
        "message": "The file is cut short.",
        "cause": "The content ends before the image does.",
        "remedy": "Copy or export the file again.",
        "path": None,
    }
    study, job_id = _add_job(bench, state="running", stage="read", started_at=now())
    with browser_page(bench, "clinician", locale="en") as page:
        page.goto(f"/studies/{study}/status")
        _change(bench, job_id, state="failed", error=error, finished_at=now())
        expect(page.get_by_text("Copy or export the file again.")).to_be_visible()
        expect(page.get_by_text("E_TRUNCATED")).to_be_visible()
        check_accessible(page)


def test_a_colleague_follows_but_cannot_cancel(bench: Bench, browser_page: BrowserPage) -> None:
    study, _job = _add_job(bench)
    with browser_page(bench, "viewer", locale="en") as page:
        page.goto(f"/studies/{study}/status")
        expect(_words(page)).to_have_text("Next in the queue")
        assert page.locator("#cancel-form").count() == 0


def test_without_scripts_the_page_works_too(bench: Bench, browser_page: BrowserPage) -> None:
    study, job_id = _add_job(bench)
    with browser_page(bench, "clinician", java_script_enabled=False, locale="en") as page:
        page.goto(f"/studies/{study}/status")
        assert page.locator("noscript meta, meta[http-equiv=refresh]").count() == 1
        page.get_by_role("button", name="Cancel the analysis").click()
        expect(page.get_by_text("The analysis was cancelled.")).to_be_visible()
    with bench.service.database.reading() as session:
        assert session.get_one(Job, job_id).state == "cancelled"


@pytest.mark.parametrize(("scheme", "language"), [("light", "de"), ("dark", "en")])
def test_start_and_status_fit_a_phone(bench: Bench, browser_page: BrowserPage, scheme: str, language: str) -> None:
    study, _job = _add_job(bench, state="running", stage="segment", started_at=now())
    options = {"color_scheme": scheme, "locale": language, "viewport": {"width": 360, "height": 740}}
    with browser_page(bench, "clinician", **options) as page:
        for address in ("/", f"/studies/{study}/status"):
            page.goto(address)
            check_accessible(page)
            check_width(page)


def test_many_pages_watch_without_holding_the_database(bench: Bench) -> None:
    jobs = [_add_job(bench, state="running", started_at=now())[1] for _ in range(4)]
    bench.app.config["LIVE_LONGEST_S"] = 1.5
    statuses = []
    with serving(bench.app, threads=10) as address:

        def follow(job_id: str) -> None:
            request = urllib.request.Request(
                f"{address}/api/v1/jobs/{job_id}/events",
                headers={"Authorization": f"Bearer {bench.users['viewer'][1]}"},
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()
                statuses.append(answer.status)

        readers = [threading.Thread(target=follow, args=(job_id,)) for job_id in jobs]
        for reader in readers:
            reader.start()
        time.sleep(0.5)
        pool = bench.service.database.engine.pool
        held = [pool.checkedout() for _ in range(20) if not time.sleep(0.02)]  # type: ignore[attr-defined]
        for reader in readers:
            reader.join()
    assert statuses == [200] * 4
    assert min(held) == 0
