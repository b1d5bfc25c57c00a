"""Every page of the service: accessible in light and dark, in both languages, on a phone, and by keyboard alone."""

from __future__ import annotations

import pytest
from browser import BrowserPage, check_accessible, check_width
from playwright.sync_api import Page, expect

from service_kit import PASSWORD, Bench
from steatoscope.service.storage.tables import Study

pytestmark = [pytest.mark.service, pytest.mark.slow]
LOOKS = [("light", "de", 360), ("dark", "en", 1920)]
ADMIN = ("", "/users", "/models", "/models/ct-segmenter", "/settings", "/storage", "/patients", "/audit")
DISCLAIMER = {
    "en": "Research and decision support, not a diagnosis",
    "de": "keine Diagnose: Eine qualifizierte ärztliche",
}


@pytest.fixture
def filled(bench: Bench, analysed_ct: object) -> dict[str, list[str]]:
    """Addresses of all pages by the role that opens them, over an installation with two studies of one patient."""
    from pathlib import Path

    folder = Path(str(analysed_ct))
    one, two = bench.add_study(folder), bench.add_study(folder)
    with bench.service.database.reading() as session:
        patient = session.get_one(Study, one).patient_id
    reader = [
        "/",
        "/studies",
        f"/studies/{one}",
        f"/patients/{patient}",
        f"/compare?left={one}&right={two}",
        "/account",
    ]
    return {
        "": ["/sign-in"],
        "clinician": [*reader, "/upload", "/nothing-here"],
        "researcher": ["/", "/cohort", "/agreement"],
        "admin": ["/", *(f"/admin{page}" for page in ADMIN)],
    }


@pytest.mark.parametrize(("scheme", "language", "width"), LOOKS)
def test_every_page_is_accessible_and_fits(
    bench: Bench, browser_page: BrowserPage, filled: dict[str, list[str]], scheme: str, language: str, width: int
) -> None:
    options = {"color_scheme": scheme, "locale": language, "viewport": {"width": width, "height": 800}}
    found = []
    for role, addresses in filled.items():
        with browser_page(bench, role or None, **options) as page:
            for address in addresses:
                found += _faults(page, address, language)
    assert not found, "\n".join(found)


def _faults(page: Page, address: str, language: str) -> list[str]:
    answer = page.goto(address)
    page.wait_for_load_state("networkidle")
    faults = []
    if answer is None or (answer.status != 200 and address != "/nothing-here"):
        faults.append(f"{address}: status {answer and answer.status}")
    if page.locator("html").get_attribute("lang") != language:
        faults.append(f"{address}: wrong language")
    if DISCLAIMER[language] not in page.locator("footer").inner_text():
        faults.append(f"{address}: no line on the intended use")
    if page.locator("h1").count() != 1:
        faults.append(f"{address}: {page.locator('h1').count()} headings of the first level")
    for check in (check_accessible, check_width):
        try:
            check(page)
        except AssertionError as fault:
            faults.append(f"{address}: {str(fault)[:600]}")
    return faults


def test_the_navigation_shows_what_each_role_may_do(bench: Bench, browser_page: BrowserPage) -> None:
    expected = {
        "viewer": ["Work list"],
        "clinician": ["Work list", "Upload"],
        "researcher": ["Work list", "Upload", "Cohort", "Agreement"],
        "admin": ["Administration"],
    }
    for role, entries in expected.items():
        with browser_page(bench, role, locale="en") as page:
            assert page.locator(".nav a").all_inner_texts() == entries
            for entry in entries:
                page.goto("/")
                page.locator(".nav").get_by_role("link", name=entry).click()
                assert page.locator(".nav a[aria-current]").inner_text() == entry


def test_a_clinician_works_by_keyboard_alone(
    bench: Bench, browser_page: BrowserPage, filled: dict[str, list[str]]
) -> None:
    with browser_page(bench, locale="en") as page:
        page.goto("/sign-in")
        _tab_to(page, "input[name=name]")
        page.keyboard.type("clinician")
        _tab_to(page, "input[name=password]")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Welcome, clinician")
        _tab_to(page, ".nav a[href='/studies']")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Work list")
        _tab_to(page, "main table a[href*='/studies/']")
        page.keyboard.press("Enter")
        page.wait_for_url("**/studies/*")
        _tab_to(page, "input[name=decision]")
        _tab_to(page, "details.menu > summary", backwards=True)
        page.keyboard.press("Enter")
        _tab_to(page, "form[action='/sign-out'] button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/sign-in*")


def _tab_to(page: Page, selector: str, *, backwards: bool = False, most: int = 120) -> None:
    """Press Tab until what has the focus fits, and check that the focus can be seen."""
    for _ in range(most):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            visible = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert visible != "none", f"{selector} shows no focus"
            return
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
    raise AssertionError(f"{page.url}: the keyboard does not reach {selector}")


def test_a_session_that_ends_leads_to_the_sign_in_page_and_back(bench: Bench, browser_page: BrowserPage) -> None:
    with browser_page(bench, "clinician", locale="en") as page:
        page.context.clear_cookies()
        page.goto("/studies?page=1")
        assert "/sign-in" in page.url
        page.locator("input[name=name]").fill("clinician")
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("input[name=password]").press("Enter")
        page.wait_for_url("**/studies?page=1")
