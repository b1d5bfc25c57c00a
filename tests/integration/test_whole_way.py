"""A clinic's first day in a browser, on a real server with its own workers and real images: nothing is faked."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import sign_in
from playwright.sync_api import Browser, Page, expect
from serve_kit import Served, start

pytestmark = [pytest.mark.service, pytest.mark.realdata, pytest.mark.slow]
WORDS = "correct horse battery"
LONG_MS = 240_000


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    server = start(tmp_path_factory.mktemp("clinic") / "data", "--workers", "1")
    yield server
    server.process.terminate()
    assert server.process.wait(30) == 0


@pytest.fixture(scope="module")
def page(chromium: Browser, clinic: Served) -> Iterator[Page]:
    context = chromium.new_context(base_url=clinic.url, viewport={"width": 1400, "height": 900}, accept_downloads=True)
    context.set_default_timeout(20_000)
    faults: list[str] = []
    context.on(
        "request", lambda sent: None if sent.url.startswith((clinic.url, "data:", "blob:")) else faults.append(sent.url)
    )
    context.on("weberror", lambda thrown: faults.append(str(thrown.error)))
    opened = context.new_page()
    yield opened
    context.close()
    assert not faults, faults


def upload(page: Page, *files: Path | dict[str, Any], subject: str) -> str:
    """Send files by the upload page and wait until the result's page is there; returns the study's id."""
    page.goto("/upload")
    page.set_input_files("#files", list(files))  # type: ignore[arg-type]
    page.fill("#subject", subject)
    page.click("#send")
    page.wait_for_url(re.compile(r"/studies/[0-9a-f]{32}"), timeout=LONG_MS)
    page.wait_for_url(re.compile(r"/studies/[0-9a-f]{32}/?(\?.*)?$"), timeout=LONG_MS)
    found = re.search(r"/studies/([0-9a-f]{32})", page.url)
    assert found is not None
    return found[1]


def zipped(folder: Path, pattern: str) -> dict[str, Any]:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(folder.glob(pattern)):
            archive.write(path, path.name)
    return {"name": "series.zip", "mimeType": "application/zip", "buffer": content.getvalue()}


def test_1_first_run_makes_the_administrator(page: Page, clinic: Served) -> None:
    page.goto("/studies")
    expect(page).to_have_url(re.compile("/setup"))
    address = re.search(r"(/setup\?code=\S+)", clinic.said)
    assert address is not None
    page.goto(address[1])
    page.fill("#name", "ada")
    page.fill("#password", WORDS)
    page.fill("#password_again", WORDS)
    page.check("#reads_scans")
    page.get_by_role("button", name="Make the administrator").click()
    page.wait_for_url(lambda url: "/setup" not in url)
    if "/sign-in" in page.url:
        sign_in(page, "ada", WORDS)
    page.goto("/upload")
    expect(page.get_by_role("heading", name="Upload a study")).to_be_visible()


def test_2_ultrasound_ct_and_mr_are_measured(page: Page, data_dir: Path) -> None:
    us = sorted((data_dir / "us/byra2018/patient_01").glob("*.png"))
    first = upload(page, us[0], us[1], subject="PAT-1")
    expect(page.locator("#fat-value")).to_contain_text("%")
    expect(page.locator("#viewer canvas[data-drawn]").first).to_be_visible()
    ct = upload(page, zipped(data_dir / "ct/unenhanced_borderline", "*.dcm"), subject="PAT-2")
    expect(page.locator("#fat-value")).to_contain_text("%")
    mr = upload(page, data_dir / "mr/ismrm2012/17.mat", subject="PAT-3")
    expect(page.locator("#viewer canvas[data-drawn]").first).to_be_visible()
    assert len({first, ct, mr}) == 3
    page.goto("/studies")
    for subject in ("PAT-1", "PAT-2", "PAT-3"):
        expect(page.get_by_role("link", name=subject).first).to_be_visible()


def study_of(page: Page, subject: str) -> str:
    answer = page.request.get(f"/api/v1/studies?subject={subject}")
    return str(answer.json()["items"][0]["study_id"])


def test_3_every_download_opens_and_says_the_same(page: Page) -> None:
    study = study_of(page, "PAT-2")
    api = f"/api/v1/studies/{study}"
    report = page.request.get(f"{api}/report").json()
    value = report["fat"]["value_percent"]
    assert report["schema"] == "steatoscope.report/1"
    pdf = page.request.get(f"{api}/report.pdf").body()
    assert pdf.startswith(b"%PDF-")
    assert b"%%EOF" in pdf[-64:]
    from PIL import Image

    assert Image.open(io.BytesIO(page.request.get(f"{api}/overlay.png").body())).size[0] > 200
    import nibabel

    mask = page.request.get(f"{api}/files/mask-liver.nii.gz").body()
    import gzip

    voxels = np.asarray(nibabel.Nifti1Image.from_bytes(gzip.decompress(mask)).dataobj)  # type: ignore[no-untyped-call]
    assert voxels.sum() > 1000
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(page.request.get(f"{api}/report.xlsx").body()))
    cells = [cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row]
    assert any(isinstance(cell, float) and abs(cell - value) < 1e-6 for cell in cells)
    assert "liver_hu" in page.request.get(f"{api}/measurements.csv").text()
    assert "decision-support" in page.request.get(f"{api}/report.html").text()


def test_4_a_follow_up_is_compared(page: Page, data_dir: Path) -> None:
    us = sorted((data_dir / "us/byra2018/patient_01").glob("*.png"))
    second = upload(page, us[2], us[3], subject="PAT-1")
    answer = page.request.get("/api/v1/studies?subject=PAT-1").json()
    assert answer["total"] == 2
    assert page.request.get(f"/api/v1/studies/{second}/report").json()["change"] is not None
    row = answer["items"][0]
    page.goto(f"/patients/{row['patient_id']}")
    expect(page.locator("svg").first).to_be_visible()
    other = next(one["study_id"] for one in answer["items"] if one["study_id"] != second)
    page.goto(f"/compare?left={other}&right={second}")
    expect(page.locator("[data-viewer] canvas[data-drawn]")).to_have_count(2)
    expect(page.get_by_role("heading", name="Change of fat")).to_be_visible()


def test_5_sign_off_stands_beside_the_result(page: Page) -> None:
    study = study_of(page, "PAT-2")
    before = page.request.get(f"/api/v1/studies/{study}/report").json()
    page.goto(f"/studies/{study}")
    page.check("#review-amend")
    page.select_option("#review-grade", "severe")
    page.fill("#review-comment", "seen with the old scan")
    page.get_by_role("button", name="Sign off").click()
    expect(page.locator("#sign-off")).to_contain_text("seen with the old scan")
    assert page.request.get(f"/api/v1/studies/{study}/report").json() == before


def test_6_what_cannot_be_measured_is_said_with_a_remedy(page: Page, data_dir: Path) -> None:
    page.goto("/upload")
    page.set_input_files("#files", {"name": "scan.dcm", "mimeType": "text/plain", "buffer": b"this is no scan"})
    page.click("#send")
    expect(page.get_by_role("alert").filter(has_text=re.compile("format", re.I)).first).to_be_visible()
    folder = next(iter(sorted((data_dir / "ct/contrast_slices").iterdir())))
    study = upload(page, zipped(folder, "**/*"), subject="PAT-4")
    report = page.request.get(f"/api/v1/studies/{study}/report").json()
    assert report["fat"] is None
    assert report["error"]["code"] == "E_CONTRAST"
    expect(page.locator("main")).to_contain_text(report["error"]["remedy"])


def test_7_a_viewer_reads_and_no_more(page: Page, chromium: Browser, clinic: Served) -> None:
    page.goto("/admin/users")
    form = page.locator("form[action$='users']").first
    form.locator("input[name=name]").fill("vera")
    form.get_by_role("button", name="Add").click()
    password = page.locator("#fresh-password").inner_text()
    context = chromium.new_context(base_url=clinic.url)
    try:
        other = context.new_page()
        sign_in(other, "vera", password)
        other.fill("input[name=old_password]", password)
        other.fill("input[name=password]", WORDS + " v")
        other.fill("input[name=password_again]", WORDS + " v")
        other.get_by_role("button", name="Change password").click()
        other.wait_for_load_state("networkidle")
        if "/sign-in" in other.url:
            sign_in(other, "vera", WORDS + " v")
        other.goto(f"/studies/{study_of(page, 'PAT-2')}")
        expect(other.locator("#fat-value")).to_be_visible()
        expect(other.get_by_role("button", name="Sign off")).to_have_count(0)
        assert other.goto("/upload").status == 403  # type: ignore[union-attr]
        assert other.goto("/admin/users").status == 403  # type: ignore[union-attr]
    finally:
        context.close()


def test_8_an_expired_session_asks_to_sign_in_and_comes_back(page: Page, clinic: Served) -> None:
    with sqlite3.connect(clinic.data / "steatoscope.db") as database:
        database.execute("UPDATE web_sessions SET last_seen_at = '2020-01-01 00:00:00.000000'")
    page.goto("/studies?modality=CT")
    expect(page).to_have_url(re.compile("/sign-in"))
    page.fill("input[name=name]", "ada")
    page.fill("input[name=password]", WORDS)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(re.compile("/studies.*modality=CT"))


def test_9_everything_is_in_the_audit_trail(page: Page) -> None:
    entries = page.request.get("/api/v1/audit?per_page=200").json()["entries"]
    actions = {entry["action"] for entry in entries}
    assert {"study.upload", "report.read"} <= actions
    page.goto("/admin/audit?check=1")
    expect(page.locator("main")).to_contain_text("The chain is whole")
    assert "PAT-1" in json.dumps(entries)
