"""Two viewers side by side: linked by relative place, unlinked on wish; a healthy reference through the queue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from browser import BrowserPage, check_accessible, check_width
from playwright.sync_api import Page, expect

from lists_kit import add_study, report_of
from results_kit import add_file, run_jobs, small_ct
from service_kit import Bench
from steatoscope.core.report import Report
from steatoscope.service.report.viewer_bundle import write_viewer

pytestmark = pytest.mark.service


@pytest.fixture
def two(bench: Bench, tmp_path: Path) -> tuple[str, str]:
    """Two CT studies of one patient with small volumes of 6 slices."""
    found = []
    write_viewer(small_ct(Report.model_validate(report_of("A", "CT", 18.0))), tmp_path / "viewer.zip")
    for fat in (18.0, 9.0):
        found.append(add_study(bench, "A", "CT", fat, measurements=[("liver_hu", 60 - fat, "HU")]))
        add_file(bench, found[-1], "viewer.zip", tmp_path / "viewer.zip")
    return found[0], found[1]


def _shown(page: Page) -> list[str | None]:
    return [canvas.get_attribute("data-drawn") for canvas in page.locator("[data-compare] canvas[data-drawn]").all()]


def _until(page: Page, wanted: list[str]) -> None:
    for _ in range(100):
        if _shown(page) == wanted:
            return
        page.wait_for_timeout(100)
    assert _shown(page) == wanted


def test_viewers_move_together_until_unlinked(bench: Bench, browser_page: BrowserPage, two: tuple[str, str]) -> None:
    with browser_page(bench, "viewer", locale="en", viewport={"width": 1400, "height": 900}) as page:
        page.goto(f"/compare?left={two[0]}&right={two[1]}")
        page.wait_for_selector("[data-compare][data-ready]")
        start = _shown(page)
        canvases = page.locator("[data-compare] canvas[data-drawn]")
        canvases.first.focus()
        page.keyboard.press("Home")
        _until(page, ["0", "0"])
        page.keyboard.press("End")
        _until(page, ["5", "5"])
        page.get_by_label("Move both viewers together").uncheck()
        canvases.nth(1).focus()
        page.keyboard.press("Home")
        _until(page, ["5", "0"])
        assert len(start) == 2
        check_accessible(page)
        check_width(page)


def test_a_missing_picture_is_said_and_the_table_stays(bench: Bench, browser_page: BrowserPage) -> None:
    left, right = (add_study(bench, "A", "CT", fat) for fat in (18.0, 9.0))
    with browser_page(bench, "viewer", locale="en", viewport={"width": 360, "height": 800}) as page:
        page.goto(f"/compare?left={left}&right={right}")
        expect(page.get_by_text("The images cannot be shown.").first).to_be_visible()
        expect(page.get_by_role("heading", name="Measurements")).to_be_visible()
        check_accessible(page)
        check_width(page)


@pytest.mark.slow
def test_a_simulated_reference_is_measured_and_shown_with_its_label(bench: Bench, browser_page: BrowserPage) -> None:
    study_id = add_study(bench, "A", "US", 30.0)
    with browser_page(bench, "clinician", locale="en") as page:
        page.goto(f"/compare?left={study_id}&right=healthy:us")
        page.get_by_role("button", name="Make the simulated reference").click()
        expect(page.get_by_text("It is being measured.")).to_be_visible()
        assert run_jobs(bench) == 1
        page.goto(f"/compare?left={study_id}&right=healthy:us")
        expect(page.get_by_text("SIMULATED IMAGES")).to_be_visible()
        expect(page.get_by_text("Healthy reference", exact=True).last).to_be_visible()
    items = bench.client("viewer").get("/api/v1/studies?subject=healthy-reference-us").json["items"]
    assert [(item["simulated"], item["state"]) for item in items] == [(True, "done")], json.dumps(items)
