"""The frame of every page in a real browser: landmarks, language, theme, keyboard, narrow screens."""

from __future__ import annotations

import pytest
from browser import BrowserPage, check_accessible, check_width
from playwright.sync_api import Page

from service_kit import Bench

pytestmark = pytest.mark.service
ABSENT = "/nothing-here"


def _choose(page: Page, name: str, value: str) -> None:
    page.locator("details.menu > summary").click()
    page.select_option(f"select[name={name}]", value)
    with page.expect_navigation():
        page.locator("form[action='/preferences'] button").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_refusal_is_accessible_and_leads_back(
    bench: Bench, browser_page: BrowserPage, scheme: str, language: str
) -> None:
    with browser_page(bench, color_scheme=scheme, locale=language) as page:
        page.goto(ABSENT)
        assert page.locator("html").get_attribute("lang") == language
        check_accessible(page)
        assert page.get_by_role("main").get_by_role("link").first.get_attribute("href") == "/"


def test_nothing_scrolls_sideways_on_a_small_phone(bench: Bench, browser_page: BrowserPage) -> None:
    with browser_page(bench, viewport={"width": 360, "height": 740}) as page:
        page.goto(ABSENT)
        page.locator("details.menu > summary").click()
        check_width(page)


def test_the_chosen_language_and_theme_stay(bench: Bench, browser_page: BrowserPage) -> None:
    with browser_page(bench, locale="en", color_scheme="light") as page:
        page.goto(ABSENT)
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        _choose(page, "language", "de")
        assert page.locator("html").get_attribute("lang") == "de"
        _choose(page, "theme", "dark")
        page.goto(ABSENT)
        assert page.locator("html").get_attribute("lang") == "de"
        assert page.locator("html").get_attribute("data-theme") == "dark"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_the_keyboard_reaches_content_and_menu(bench: Bench, browser_page: BrowserPage) -> None:
    with browser_page(bench) as page:
        page.goto(ABSENT)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.locator("details.menu > summary").focus()
        page.keyboard.press("Enter")
        assert page.locator("details.menu").get_attribute("open") is not None
        page.keyboard.press("Tab")
        page.keyboard.press("Escape")
        assert page.locator("details.menu").get_attribute("open") is None
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
