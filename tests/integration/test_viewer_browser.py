"""The result page in a browser: every overlay draws, window and keys work, a corrected outline becomes version 2."""

from __future__ import annotations

import base64
import gzip
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from browser import BrowserPage, check_accessible, check_width
from playwright.sync_api import Page

from results_kit import measured, newest, run_jobs
from service_kit import Bench, make_bench
from steatoscope.apps.web.results.masks import encode_runs
from steatoscope.service.report.viewer_layers import unpacked

pytestmark = pytest.mark.service
DRAWN = "#viewer canvas[data-drawn]"
TO_ITS_IMAGE = (
    "(name) => { const v = document.getElementById('viewer').viewer;"
    " const boxes = name === 'boxes' ? v.scene.boxes.slice(0, 1).map((one) => one.index) : [];"
    " const own = v.scene.masks.find((one) => one.key === name)?.indexes ?? boxes;"
    " if (own.length) v.setIndex(own[own.length >> 1]); }"
)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, dict[str, str]]]:
    """One installation with a simulated CT, MR and ultrasound study, each measured."""
    from steatoscope.apps.cli.main import run

    folder = tmp_path_factory.mktemp("viewer")
    bench = make_bench(folder / "data")
    found = {}
    for kind in ("ct", "mr", "us"):
        run(["phantom", kind, "--fat", "18", "--seed", "3", "--out", str(folder / kind)])
        found[kind] = measured(bench, folder / kind, subject=f"S-{kind}")
    yield bench, found
    bench.service.database.dispose()


def picture(page: Page) -> np.ndarray[Any, Any]:
    """The pixels of the canvas after it was drawn anew."""
    page.evaluate(
        "() => new Promise((done) => { const v = document.getElementById('viewer').viewer;"
        " const off = v.on('drawn', () => { off(); done(); }); v.refresh(); })"
    )
    width, height, text = page.evaluate(
        "() => { const c = document.querySelector('#viewer canvas');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let s = '';"
        " for (let k = 0; k < d.length; k += 8192) s += String.fromCharCode(...d.subarray(k, k + 8192));"
        " return [c.width, c.height, btoa(s)]; }"
    )
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)


def until(page: Page, expression: str) -> None:
    """Wait until an expression holds (the page's policy forbids what Playwright's own waiting uses)."""
    end = time.monotonic() + 15
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def differs(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> int:
    return int((first != second).any(axis=-1).sum())


def open_study(page: Page, study: str) -> None:
    page.goto(f"/studies/{study}")
    page.wait_for_selector(DRAWN)


@pytest.mark.parametrize(
    ("kind", "overlays"),
    [
        ("ct", ["liver", "spleen", "kidney", "fatty", "fill", "letters"]),
        ("mr", ["liver", "fatty", "fill", "letters"]),
        ("us", ["liver", "kidney", "sites", "fill"]),
    ],
)
def test_every_overlay_changes_the_picture(
    studies: tuple[Bench, dict[str, str]], browser_page: BrowserPage, kind: str, overlays: list[str]
) -> None:
    bench, found = studies
    with browser_page(bench, "viewer", viewport={"width": 1400, "height": 900}) as page:
        open_study(page, found[kind])
        shown = [box.get_attribute("data-overlay") for box in page.locator("[data-overlay]").all()]
        assert set(overlays) <= set(shown)
        for name in shown:
            page.evaluate(TO_ITS_IMAGE, name)
            before = picture(page)
            page.locator(f"[data-overlay={name}]").click()
            assert differs(before, picture(page)) > 20, name
            page.locator(f"[data-overlay={name}]").click()
            assert differs(before, picture(page)) == 0, name
        before = picture(page)
        page.get_by_label("Map over the image").select_option(index=1)
        mapped = picture(page)
        assert differs(before, mapped) > 500
        page.get_by_label("Opacity").fill("100")
        assert differs(mapped, picture(page)) > 500


def test_window_keys_wheel_and_drag(studies: tuple[Bench, dict[str, str]], browser_page: BrowserPage) -> None:
    bench, found = studies
    with browser_page(bench, "viewer", viewport={"width": 1400, "height": 900}) as page:
        open_study(page, found["ct"])
        canvas = page.locator("#viewer canvas").first
        start = page.evaluate("document.getElementById('viewer').viewer.state")
        before = picture(page)
        page.get_by_label("Preset").select_option("wide")
        assert differs(before, picture(page)) > 5000
        page.get_by_label("Level").fill("50")
        page.get_by_label("Level").press("Enter")
        state = page.evaluate("document.getElementById('viewer').viewer.state")
        assert (state["center"], state["width"]) == (50, 2000)
        canvas.focus()
        for key in ("ArrowDown", "ArrowDown", "PageUp", "]", "+", "l"):
            canvas.press(key)
        state = page.evaluate("document.getElementById('viewer').viewer.state")
        assert state["index"] == start["index"] + 2 - 10
        assert state["width"] > 2000
        assert state["zoom"] > 1
        assert not page.locator("[data-overlay=liver]").is_checked()
        canvas.press("0")
        place = canvas.bounding_box()
        assert place is not None
        page.mouse.move(place["x"] + 200, place["y"] + 200)
        page.mouse.wheel(0, 200)
        until(page, f"document.getElementById('viewer').viewer.index > {state['index']}")
        page.mouse.down()
        page.mouse.move(place["x"] + 300, place["y"] + 240, steps=4)
        page.mouse.up()
        dragged = page.evaluate("document.getElementById('viewer').viewer.state")
        assert dragged["center"] > 30
        assert dragged["width"] > 150
        canvas.press("?")
        assert page.locator("dialog[open]").is_visible()
        page.keyboard.press("Escape")
        canvas.press("Space")
        index = page.evaluate("document.getElementById('viewer').viewer.index")
        until(page, f"document.getElementById('viewer').viewer.index !== {index}")
        canvas.press("Space")


def test_the_readout_tells_stored_values(studies: tuple[Bench, dict[str, str]], browser_page: BrowserPage) -> None:
    bench, found = studies
    client = bench.client("viewer")
    meta = client.get(f"/api/v1/studies/{found['ct']}/viewer").get_json()["scenes"][0]
    raw = client.get(f"/api/v1/studies/{found['ct']}/viewer/s0-image/{meta['start']}?version=1").data
    low, high = np.frombuffer(raw, np.uint8).reshape(2, meta["rows"], meta["columns"]).astype(np.int16)
    values = low | (high << 8)
    with browser_page(bench, "viewer", viewport={"width": 1400, "height": 900}) as page:
        open_study(page, found["ct"])
        # There is no sample before the stored values have come.
        sample = page.wait_for_function(
            "() => { const v = document.getElementById('viewer').viewer;"
            " const p = v.painter.matrix.transformPoint(new DOMPoint(60.5, 70.5)); return v.sampleAt(p.x, p.y); }"
        ).json_value()
    assert (sample["column"], sample["row"]) == (60, 70)
    assert sample["value"] == values[70, 60]


def test_a_corrected_outline_becomes_version_two(
    studies: tuple[Bench, dict[str, str]], browser_page: BrowserPage
) -> None:
    bench, found = studies
    study = found["ct"]
    with browser_page(bench, "clinician", viewport={"width": 1400, "height": 900}) as page:
        open_study(page, study)
        first = page.locator("#fat-value").inner_text()
        page.get_by_role("button", name="Correct the liver outline").click()
        canvas = page.locator("#viewer canvas").first
        before = picture(page)
        page.get_by_role("button", name="Remove", exact=True).click()
        place = canvas.bounding_box()
        assert place is not None
        page.mouse.move(place["x"] + place["width"] * 0.36, place["y"] + place["height"] * 0.42)
        page.mouse.down()
        page.mouse.move(place["x"] + place["width"] * 0.46, place["y"] + place["height"] * 0.5, steps=8)
        page.mouse.up()
        drawn = picture(page)
        assert differs(before, drawn) > 100
        canvas.focus()
        canvas.press("u")
        until(page, "document.getElementById('viewer').editor.edited.size === 0")
        canvas.press("r")
        until(page, "document.getElementById('viewer').editor.edited.size === 1")
        index, mask = page.evaluate(
            "() => { const [[k, one]] = document.getElementById('viewer').editor.edited; return [k, [...one.mask]]; }"
        )
        page.get_by_label("Note (why it was corrected)").fill("vessel taken out")
        page.get_by_role("button", name="Measure again").click()
        page.wait_for_selector("#job-notice")
        assert run_jobs(bench) == 1
        page.wait_for_selector("#job-notice", state="detached", timeout=15_000)
        page.wait_for_selector(DRAWN)
        assert page.locator("#versions tbody tr").count() == 2
        assert "vessel taken out" in page.locator("#versions").inner_text()
        page.get_by_role("link", name="Version 1").click()
        assert page.locator("#fat-value").inner_text() == first
        assert page.get_by_text("There is a newer one").is_visible()
    result, job = newest(bench, study)
    assert (result.version, result.kind, job.kind) == (2, "corrected", "remeasure")
    content = bench.client("viewer").get(f"/api/v1/studies/{study}/files/mask-liver.nii.gz").data
    assert np.array_equal(_nifti(content)[index].ravel(), np.array(mask, np.uint8))


@pytest.mark.parametrize("kind", ["mr", "us"])
def test_a_correction_through_the_api_is_measured(studies: tuple[Bench, dict[str, str]], kind: str) -> None:
    bench, found = studies
    client, path = bench.client("clinician"), f"/api/v1/studies/{found[kind]}"
    scene = client.get(f"{path}/viewer").json["scenes"][0]
    before = newest(bench, found[kind])[0]
    layer = next(one for one in scene["masks"] if one["key"] == "liver")
    index = layer["indexes"][len(layer["indexes"]) // 2] if kind == "mr" else 0
    plane = client.get(f"{path}/viewer/{layer['layer']}/{index}").data
    mask = unpacked(plane, (scene["rows"], scene["columns"]))
    mask[: scene["rows"] // 2] = False
    body = {"base_version": before.version, "planes": [{"index": index, "runs": encode_runs(mask)}]}
    assert client.post(f"{path}/mask", json=body).status_code == 202
    assert run_jobs(bench) == 1
    after = newest(bench, found[kind])[0]
    assert (after.version, after.kind) == (before.version + 1, "corrected")
    assert after.report["segmentation"]["liver"]["method"] == "given mask"
    again = client.get(f"{path}/viewer").json["scenes"][0]
    layer = next(one for one in again["masks"] if one["key"] == "liver")
    measured_with = unpacked(client.get(f"{path}/viewer/{layer['layer']}/{index}").data, mask.shape)
    if kind == "mr":
        assert np.array_equal(measured_with, mask)
    else:
        assert not (measured_with & ~mask).any()
        assert (measured_with & mask).sum() > 0.95 * mask.sum()
    assert client.get(f"{path}/report?version={before.version}").json["fat"] == before.report["fat"]


def _nifti(content: bytes) -> np.ndarray[Any, Any]:
    import nibabel

    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(content))
    return np.asarray(image.dataobj).transpose(2, 1, 0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1920])
def test_pages_are_accessible_at_any_width(
    studies: tuple[Bench, dict[str, str]], browser_page: BrowserPage, theme: Any, width: int
) -> None:
    bench, found = studies
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": theme}
    with browser_page(bench, "clinician", **options) as page:
        for kind in ("mr", "us"):
            open_study(page, found[kind])
            check_width(page)
            check_accessible(page)
        page.get_by_role("button", name="Correct the liver outline").click()
        check_accessible(page)
        check_width(page)


def test_sign_off_stands_beside_the_result(studies: tuple[Bench, dict[str, str]], browser_page: BrowserPage) -> None:
    bench, found = studies
    with browser_page(bench, "clinician", viewport={"width": 1400, "height": 900}) as page:
        open_study(page, found["mr"])
        grade = newest(bench, found["mr"])[0].grade
        page.get_by_label("Amend the grade").check()
        page.get_by_label("Grade", exact=True).select_option("mild" if grade != "mild" else "severe")
        page.get_by_label("Comment").fill("<b>contrast given</b>")
        page.get_by_role("button", name="Sign off").click()
        page.wait_for_selector(".reviews")
        assert "<b>contrast given</b>" in page.locator(".reviews").inner_text()
    assert newest(bench, found["mr"])[0].grade == grade


@pytest.mark.parametrize("width", [360, 1400])
def test_two_viewers_follow_each_other(
    studies: tuple[Bench, dict[str, str]], browser_page: BrowserPage, width: int
) -> None:
    """As on the comparison page."""
    bench, found = studies
    with browser_page(bench, "viewer", viewport={"width": width, "height": 900}) as page:
        open_study(page, found["ct"])
        linked = page.evaluate(
            "async (study) => { const { createViewer } = await import('/static/js/viewer.js');"
            " const place = document.createElement('div'); place.className = 'viewer';"
            " document.querySelector('.images').append(place);"
            " const other = await createViewer(place, { studyId: study, version: 1 });"
            " const own = document.getElementById('viewer').viewer;"
            " own.on('change', (s) => { other.setIndex(s.index); other.setWindow(s.center, s.width); });"
            " other.on('change', (s) => { own.setIndex(s.index); own.setWindow(s.center, s.width); });"
            " own.setIndex(7); other.setWindow(10, 99); return [own.state, other.state]; }",
            found["ct"],
        )
    assert [one["index"] for one in linked] == [7, 7]
    assert [(one["center"], one["width"]) for one in linked] == [(10, 99), (10, 99)]
