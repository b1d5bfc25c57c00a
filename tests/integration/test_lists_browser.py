"""The work list, the cohort and the pages of patients in a real browser."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import pytest
from browser import BrowserPage, check_accessible, check_width
from openpyxl import load_workbook
from playwright.sync_api import Page, expect

from lists_kit import add_study, sample
from service_kit import Bench
from steatoscope.service.storage.tables import Job, Patient, Study

pytestmark = pytest.mark.service


def _subjects(page: Page) -> list[str]:
    return page.locator(".list-table tbody th a").all_inner_texts()


def _patient_page(bench: Bench, subject: str) -> str:
    with bench.service.database.reading() as session:
        return f"/patients/{session.query(Patient).filter_by(subject=subject).one().id}"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1920), ("dark", 360)])
def test_pages_are_accessible_and_fit(bench: Bench, browser_page: BrowserPage, scheme: str, width: int) -> None:
    sample(bench)
    bench.add_user("both", "clinician", "researcher")
    pages = ["/studies", "/studies?q=zzz", "/cohort", "/agreement", "/agreement?x=US", _patient_page(bench, "P-04")]
    with browser_page(
        bench, "both", color_scheme=scheme, viewport={"width": width, "height": 800}, locale="en"
    ) as page:
        for address in pages:
            page.goto(address)
            check_accessible(page)
            check_width(page)


def test_filters_sort_and_pages_work_without_scripts(bench: Bench, browser_page: BrowserPage) -> None:
    for k in range(30):
        add_study(bench, f"S-{k:02d}", "CT" if k % 2 else "MR", float(k), date(2026, 1, 1 + k))
    with browser_page(bench, "viewer", java_script_enabled=False, locale="en") as page:
        page.goto("/studies")
        page.select_option("#filter-modality", "MR")
        page.click("text=More filters")
        page.fill("#filter-fat-min", "10")
        page.click("button:has-text('Show')")
        page.click("thead >> text=Fat")
        assert _subjects(page) == [f"S-{k:02d}" for k in range(10, 30, 2)]
        assert "modality=MR" in page.url
        page.goto("/studies?sort=subject&order=asc")
        page.click("text=Next")
        assert _subjects(page) == [f"S-{k:02d}" for k in range(25, 30)]


def test_columns_are_chosen_and_remembered(bench: Bench, browser_page: BrowserPage) -> None:
    add_study(bench, "S-1")
    with browser_page(bench, "viewer", locale="en") as page:
        page.goto("/studies")
        page.click("#columns summary")
        page.get_by_label("Uploaded").uncheck()
        expect(page.locator("td[data-column=created]")).to_be_hidden()
        page.reload()
        expect(page.locator("td[data-column=created]")).to_be_hidden()
        expect(page.locator("td[data-column=grade]")).to_be_visible()


def test_buttons_follow_what_is_chosen_and_act(bench: Bench, browser_page: BrowserPage) -> None:
    for subject in ("A", "B"):
        add_study(bench, subject, fat=None, state="queued", measured=False)
    add_study(bench, "C")
    with browser_page(bench, "clinician", locale="en") as page:
        page.goto("/studies?sort=subject&order=asc")
        compare = page.get_by_role("button", name="Compare two")
        expect(compare).to_be_disabled()
        page.get_by_label("Choose A", exact=True).check()
        expect(compare).to_be_disabled()
        page.get_by_label("Choose all on this page", exact=True).check()
        expect(page.locator("[data-chosen]")).to_have_text("3 chosen")
        page.get_by_role("button", name="Cancel", exact=True).click()
        expect(page.get_by_text("2 studies changed.")).to_be_visible()
        expect(page.get_by_text("not possible in its state")).to_be_visible()
        assert page.url.endswith("/studies?sort=subject&order=asc")
        expect(page.locator("tbody").get_by_text("Cancelled")).to_have_count(2)
        for subject in ("A", "C"):
            page.get_by_label(f"Choose {subject}", exact=True).check()
        compare.click()
        assert "/compare?left=" in page.url


def test_states_refresh_by_themselves(bench: Bench, browser_page: BrowserPage) -> None:
    study_id = add_study(bench, "A", fat=None, state="running", measured=False)
    with browser_page(bench, "viewer", locale="en") as page:
        page.goto("/studies")
        page.get_by_label("Choose A", exact=True).check()
        _set(bench, study_id, "running", 0.4)
        expect(page.get_by_text("40 %")).to_be_visible()
        _set(bench, study_id, "failed", 0.4)
        expect(page.locator("tbody").get_by_text("Failed")).to_be_visible()
        expect(page.get_by_label("Choose A", exact=True)).to_be_checked()


def _set(bench: Bench, study_id: str, state: str, progress: float) -> None:
    with bench.service.database.writing() as session:
        job = session.query(Job).filter_by(study_id=study_id).one()
        job.state, job.progress = state, progress
        session.get_one(Study, study_id).state = state


def test_tables_are_downloaded_and_open(bench: Bench, browser_page: BrowserPage, tmp_path: Path) -> None:
    sample(bench)
    with browser_page(bench, "researcher", locale="en", accept_downloads=True) as page:
        page.goto("/studies?modality=CT&sort=subject&order=asc")
        with page.expect_download() as started:
            page.click("text=Excel >> nth=0")
        started.value.save_as(tmp_path / "all.xlsx")
        assert load_workbook(tmp_path / "all.xlsx")["Studies"].max_row == 1 + 10
        page.get_by_label("Choose P-01", exact=True).check()
        with page.expect_download() as started:
            page.get_by_role("button", name="Chosen as CSV").click()
        rows = list(csv.DictReader(io.StringIO(started.value.path().read_text(encoding="utf-8"))))
        assert [(row["subject"], row["modality"]) for row in rows] == [("P-01", "CT")]


def test_the_keyboard_reaches_a_study(bench: Bench, browser_page: BrowserPage) -> None:
    add_study(bench, "S-1")
    with browser_page(bench, "viewer", locale="en") as page:
        page.goto("/studies")
        page.get_by_label("Choose S-1", exact=True).focus()
        page.keyboard.press("Space")
        expect(page.get_by_label("Choose S-1", exact=True)).to_be_checked()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/patients/*")
        expect(page.get_by_role("heading", level=1)).to_have_text("Subject S-1")


@pytest.mark.parametrize("width", [360, 1280])
def test_the_longest_subject_code_widens_no_page_and_no_column(
    bench: Bench, browser_page: BrowserPage, width: int
) -> None:
    code = "X" * 80
    study = add_study(bench, code, "CT", 10.0, date(2026, 1, 1))
    other = add_study(bench, code, "MR", 12.0, date(2026, 2, 1))
    bench.add_user("all", "clinician", "researcher", "admin")
    patient = _patient_page(bench, code)
    pages = ["/", "/studies", patient, f"/studies/{study}", f"/studies/{study}/status", "/agreement"]
    pages += [f"/compare?left={study}&right={other}", f"/admin{patient}", "/admin/audit"]
    cells = "code => [...document.querySelectorAll('td, th')].filter(c => c.textContent.includes(code))"
    with browser_page(bench, "all", viewport={"width": width, "height": 800}, locale="en") as page:
        for address in pages:
            page.goto(address)
            check_width(page)
            widest = page.evaluate(
                f"{cells}.map(cell => cell.clientWidth)".replace("code =>", "code => (", 1) + ")", code
            )
            assert all(found <= 600 for found in widest), (address, widest)
