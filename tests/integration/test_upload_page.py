"""The upload page in a browser: files, a folder, faults, clinical values, pause, resumption, keyboard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from service_kit import Bench
from steatoscope.service.storage.tables import Study, Upload
from upload_kit import HTML, ct_slice, folder_of, png

pytestmark = [pytest.mark.service, pytest.mark.slow]
BrowserPage = Callable[..., AbstractContextManager[Any]]


def studies(bench: Bench) -> list[Study]:
    with bench.service.database.reading() as session:
        found = list(session.query(Study).order_by(Study.created_at))
        for study in found:
            assert study.files
            assert study.patient.subject
        return found


def test_choose_check_describe_send(bench: Bench, browser_page: BrowserPage, tmp_path: Path) -> None:
    from browser import check_accessible, check_width

    files = folder_of(tmp_path / "f", {"a.png": png(1), "b.png": png(2), "evil.html": HTML, "c.dcm": ct_slice()})
    with browser_page(bench, "clinician", viewport={"width": 360, "height": 800}) as page:
        page.goto("/upload")
        page.set_input_files("#files", [str(files / name) for name in ("a.png", "b.png", "evil.html")])
        page.locator(".badge-refused").wait_for()
        check_accessible(page)
        check_width(page)
        page.click("#send")
        page.locator("#fault:not([hidden])").wait_for()
        assert "evil.html" in page.inner_text("#fault")
        page.click("#remove-refused")
        page.locator("tr:has-text('a.png') select").select_option("AR")
        page.locator("tr:has-text('b.png') select").select_option("HR")
        page.fill("#subject", "S-12")
        page.click("summary:has-text('Clinical')")
        page.fill("#clinical-bmi_kg_m2", "300")
        page.click("#send")
        page.locator("#clinical-bmi_kg_m2[aria-invalid]").wait_for()
        page.fill("#clinical-bmi_kg_m2", "31,5")
        page.select_option("#clinical-diabetes", "true")
        check_accessible(page)
        page.click("#send")
        page.wait_for_url("**/studies/*/status")
    (study,) = studies(bench)
    assert (study.patient.subject, study.views) == ("S-12", {"a.png": "AR", "b.png": "HR"})
    assert study.clinical == {"bmi_kg_m2": 31.5, "diabetes": True}


def test_a_folder_by_keyboard(bench: Bench, browser_page: BrowserPage, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "series", {f"{n}.dcm": ct_slice(n) for n in range(30)})
    (folder / ".DS_Store").write_bytes(b"x")
    with browser_page(bench, "clinician") as page:
        page.goto("/upload")
        page.set_input_files("#folder", str(folder))
        page.locator("#patient-words:has-text('will not be kept')").wait_for()
        assert "30 files" in page.inner_text("#chosen-summary")
        assert "Doe" not in page.inner_text("main")
        page.focus("#send")
        page.keyboard.press("Enter")
        page.wait_for_url("**/studies/*/status")
    (study,) = studies(bench)
    assert len(study.files) == 30
    assert study.modality == "CT"


def test_a_lost_network_pause_and_resumption(bench: Bench, browser_page: BrowserPage, tmp_path: Path) -> None:
    big = folder_of(tmp_path / "big", {"a.png": png(1, side=3000)})
    with browser_page(bench, "clinician") as page:
        page.goto("/upload")
        failed: list[str] = []

        def lose_one(route: Any) -> None:
            if len(failed) < 2:
                failed.append(route.request.url)
                route.abort()
            else:
                route.continue_()

        page.route("**/files/0?offset=*", lose_one)
        page.set_input_files("#files", str(big / "a.png"))
        page.locator(".badge-ok").wait_for()
        page.click("#send")
        page.locator("#progress-state:has-text('trying again')").wait_for()
        page.click("#pause")
        page.locator("#resume").wait_for()
        page.reload()
        page.unroute("**/files/0?offset=*")
        page.set_input_files("#files", str(big / "a.png"))
        page.locator(".badge-ok").wait_for()
        page.click("#send")
        page.wait_for_url("**/studies/*/status")
    assert len(studies(bench)) == 1
    with bench.service.database.reading() as session:
        assert [upload.state for upload in session.query(Upload)] == ["done"]


def test_cancel_leaves_nothing(bench: Bench, browser_page: BrowserPage, tmp_path: Path) -> None:
    files = folder_of(tmp_path / "f", {"a.png": png(1)})
    with browser_page(bench, "clinician") as page:
        page.goto("/upload")
        page.route("**/files/0?offset=*", lambda route: route.abort())
        page.set_input_files("#files", str(files / "a.png"))
        page.locator(".badge-ok").wait_for()
        page.click("#send")
        page.locator("#progress-state:has-text('trying again')").wait_for()
        page.click("#cancel")
        page.locator("#upload").wait_for()
        page.wait_for_timeout(300)
    assert studies(bench) == []
    with bench.service.database.reading() as session:
        assert session.query(Upload).count() == 0
    assert list(bench.service.settings.inbox.iterdir()) == []


def test_dropped_folders_are_walked(bench: Bench, browser_page: BrowserPage) -> None:
    walk = """async () => {
      const { dropped } = await import("/static/js/uploads_pick.js");
      const file = (name) => ({ isFile: true, name, file: (done) => done(new File(["x"], name)) });
      const folder = (name, rounds) => ({ isFile: false, name, createReader: () => {
        const waiting = [...rounds, []];
        return { readEntries: (done) => done(waiting.shift()) };
      } });
      const tree = folder("study", [[file("1.dcm")], [folder("more", [[file("2.dcm")]]), file("3.dcm")]]);
      const item = (entry) => ({ kind: "file", webkitGetAsEntry: () => entry });
      const found = await dropped({ items: [item(tree), item(file("a.png"))], files: [] });
      return found.map((one) => one.name);
    }"""
    with browser_page(bench, "clinician") as page:
        page.goto("/upload")
        assert page.evaluate(walk) == ["study/1.dcm", "study/more/2.dcm", "study/3.dcm", "a.png"]


def test_two_tabs_lead_to_one_study_and_again_is_said(bench: Bench, browser_page: BrowserPage, tmp_path: Path) -> None:
    files = folder_of(tmp_path / "f", {"a.png": png(1, side=3000)})
    with browser_page(bench, "clinician") as page:
        other = page.context.new_page()
        tabs = (page, other)
        for tab in tabs:
            tab.goto("/upload?subject=S-5")
            tab.set_input_files("#files", str(files / "a.png"))
            tab.locator(".badge-ok").wait_for()
        for tab in tabs:
            tab.click("#send", no_wait_after=True)
        for tab in tabs:
            tab.wait_for_url("**/studies/*/status*")
        assert len({tab.url.partition("?")[0] for tab in tabs}) == 1
        page.goto("/upload?subject=S-5")
        page.set_input_files("#files", str(files / "a.png"))
        page.click("#send")
        page.locator(".notice:has-text('nothing new was done')").wait_for()
        page.click("text=Analyse again")
        assert page.input_value("#subject") == "S-5"
        assert page.is_checked("#force")
    (study,) = studies(bench)
    assert study.patient.subject == "S-5"
