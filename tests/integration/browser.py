"""A real server and a real browser for tests of pages.

``with browser_page(bench, "clinician") as page: page.goto("/studies")``: the application behind waitress on a free
port of the loopback, and a page of Chromium that is signed in. At the end the test fails where a page asked another
host, broke the content security policy or threw an error in a script.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from service_kit import PASSWORD, Bench

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
_QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-default-apps",
)  # fmt: skip
BrowserPage = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests; skips where Chromium is not installed."""
    if not shutil.which(CHROMIUM):
        pytest.skip(f"no browser: {CHROMIUM} is not installed (set CHROMIUM)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_QUIET))
        yield browser
        browser.close()


@pytest.fixture
def browser_page(chromium: Browser) -> BrowserPage:
    """Opens a page on a bench: ``browser_page(bench, role=None, **options of the browser context)``."""

    @contextmanager
    def opened(bench: Bench, role: str | None = None, **options: Any) -> Iterator[Page]:
        bench.app.config.setdefault("LIVE_HEARTBEAT_S", 0.5)  # streams notice soon that their page is gone
        with serving(bench.app) as address:
            context = chromium.new_context(base_url=address, **options)
            context.set_default_timeout(15_000)
            faults: list[str] = []
            context.on("request", lambda sent: _check_origin(sent.url, address, faults))
            context.on("console", lambda said: _check_console(said, faults))
            context.on("weberror", lambda thrown: faults.append(f"script error: {thrown.error}"))
            page = context.new_page()
            try:
                if role is not None:
                    sign_in(page, role)
                yield page
            finally:
                context.close()
            assert not faults, faults

    return opened


@contextmanager
def serving(app: Any, threads: int = 16) -> Iterator[str]:
    """The application behind waitress on a free port of the loopback; yields its address."""
    from waitress.server import create_server
    from waitress.wasyncore import close_all

    server = create_server(app, host="127.0.0.1", port=0, threads=threads)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.task_dispatcher.shutdown(cancel_pending=True, timeout=5)
        server.trigger.pull_trigger(lambda: close_all(server._map, ignore_all=True))  # in the server's own thread
        thread.join(5)


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Sign in by the form, as a person does."""
    page.goto("/sign-in")
    page.locator("input[name=name], input[name=username]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(lambda address: "/sign-in" not in address)


def check_accessible(page: Page) -> None:
    """Fail where axe finds anything serious or critical on the page."""
    from axe_playwright_python.sync_playwright import Axe

    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}}).response["violations"]
    serious = [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes'][:4]]} "
        f"{one['nodes'][0].get('failureSummary', '')}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
    assert not serious, f"{page.url}: {serious}"


def check_width(page: Page) -> None:
    """Fail where the page scrolls sideways."""
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1], f"{page.url} is {widths[0]} px wide in a window of {widths[1]}"


def _check_origin(url: str, address: str, faults: list[str]) -> None:
    if not url.startswith((address + "/", "data:", "blob:")):
        faults.append(f"asked another host: {url}")


def _check_console(said: ConsoleMessage, faults: list[str]) -> None:
    if "Content Security Policy" in said.text or "Content-Security-Policy" in said.text:
        faults.append(f"policy: {said.text}")
