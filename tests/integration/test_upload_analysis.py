"""Stored copies give the same result as the files that were sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service_kit import Bench
from steatoscope.apps.cli.main import run
from steatoscope.service.storage.tables import Study
from upload_kit import multipart

# What differs by design: the copies' own hashes and names, what carries them, and when it was made.
_OWN = ("subject", "inputs", "provenance", "timings_ms")


def analysed(folder: Path, out: Path) -> dict[str, Any]:
    assert run(["analyze", str(folder), "--out", str(out)]) in (0, 4)
    report: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return {key: value for key, value in report.items() if key not in _OWN}


def stored_copies(bench: Bench, folder: Path, target: Path) -> Path:
    """Send a folder and fetch what was stored of it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {f"s/{path.relative_to(folder)}": path.read_bytes() for path in paths}
    answer = bench.client("clinician").post("/api/v1/studies", **multipart(files))
    assert answer.status_code == 202, answer.text
    with bench.service.database.reading() as session:
        for file in session.get_one(Study, answer.json["study_id"]).files:
            place = target / file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            bench.service.blobs.fetch(file.sha256, place)
    return target


@pytest.mark.parametrize("modality", ["ct", "mr"])
def test_simulated_dicom(bench: Bench, tmp_path: Path, modality: str) -> None:
    run(["phantom", modality, "--fat", "15", "--seed", "5", "--format", "dicom", "--out", str(tmp_path / "sent")])
    before = analysed(tmp_path / "sent", tmp_path / "a")
    after = analysed(stored_copies(bench, tmp_path / "sent", tmp_path / "copies"), tmp_path / "b")
    assert after == before
    assert after["fat"] is not None


@pytest.mark.realdata
@pytest.mark.parametrize("case", ["ct/tcga_lihc_34/images", "dicom/mr_survey_philips"])
def test_real_dicom(bench: Bench, tmp_path: Path, data_dir: Path, case: str) -> None:
    folder = data_dir / case
    before = analysed(folder, tmp_path / "a")
    assert analysed(stored_copies(bench, folder, tmp_path / "copies"), tmp_path / "b") == before
