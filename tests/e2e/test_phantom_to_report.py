"""A simulated study in, a report out: each modality, every file, the same digest twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from calling import Steatoscope

from steatoscope.core.report import INTENDED_USE, Report

CASES = [
    ("ct", "dicom", "ct", 22.0, 3.0),
    ("ct", "nifti", "ct.nii.gz", 8.0, 3.0),
    ("mr", "mat", "mr.mat", 14.0, 1.5),
    ("mr", "dicom", "mr", 6.0, 1.5),
    ("mr", "nifti", "mr.nii.gz", 25.0, 1.5),
    ("us", "png", "us.png", 15.0, None),
    ("us", "dicom", "us.dcm", 15.0, None),
]


def simulate(steatoscope: Steatoscope, folder: Path, modality: str, fmt: str, name: str, fat: float) -> Path:
    path = folder / name
    answer = steatoscope("phantom", modality, "--fat", fat, "--seed", 3, "--format", fmt, "--out", path)
    assert answer.code == 0, answer.errors
    truth = json.loads((folder / f"{name}.truth.json").read_text())
    assert truth["pdff_percent"] == fat
    return path


def checked(document: dict[str, Any]) -> dict[str, Any]:
    jsonschema.validate(document, Report.model_json_schema(by_alias=True))
    assert document["intended_use"] == INTENDED_USE
    return document


@pytest.mark.parametrize(("modality", "fmt", "name", "fat", "tolerance"), CASES)
def test_report_from_phantom(
    steatoscope: Steatoscope, tmp_path: Path, modality: str, fmt: str, name: str, fat: float, tolerance: float | None
) -> None:
    path = simulate(steatoscope, tmp_path, modality, fmt, name, fat)
    answer = steatoscope("analyze", path, "--modality", modality, "--out", tmp_path / "out")
    report = checked(answer.document)
    written = {item.name for item in (tmp_path / "out").iterdir()}
    assert {"report.json", "report.pdf", "report.html", "overlay.png", "manifest.json"} <= written
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    if tolerance is None:
        assert (answer.code == 0) == (report["fat"] is not None)
        return
    assert answer.code == 0, report["quality"]
    assert report["fat"]["value_percent"] == pytest.approx(fat, abs=tolerance)
    assert report["fat"]["interval"]["low"] <= report["fat"]["value_percent"] <= report["fat"]["interval"]["high"]
    assert "mask-liver.nii.gz" in written


def test_same_input_twice_gives_the_same_digest(steatoscope: Steatoscope, tmp_path: Path) -> None:
    path = simulate(steatoscope, tmp_path, "ct", "dicom", "ct", 18.0)
    one = steatoscope("analyze", path, "--out", tmp_path / "one").document
    two = steatoscope("analyze", path, "--out", tmp_path / "two").document
    assert one["provenance"]["report_digest"] == two["provenance"]["report_digest"]
    assert (tmp_path / "one/report.pdf").read_bytes()[:5] == b"%PDF-"


def test_earlier_report_gives_a_change(steatoscope: Steatoscope, tmp_path: Path) -> None:
    for name, fat in (("a", 24.0), ("b", 12.0)):
        steatoscope("phantom", "ct", "--fat", fat, "--seed", 5, "--out", tmp_path / name)
    steatoscope("analyze", tmp_path / "a", "--out", tmp_path / "out-a")
    later = steatoscope(
        "analyze", tmp_path / "b", "--out", tmp_path / "out-b", "--previous", tmp_path / "out-a/report.json"
    )
    assert later.document["change"]["delta_points"] == pytest.approx(-12.0, abs=2.0)
    assert later.document["change"]["verdict"].startswith("improved")


def test_children_are_refused(steatoscope: Steatoscope, tmp_path: Path) -> None:
    path = simulate(steatoscope, tmp_path, "mr", "mat", "mr.mat", 10.0)
    form = tmp_path / "clinical.json"
    form.write_text('{"age_years": 12}')
    answer = steatoscope("analyze", path, "--clinical", form, "--out", tmp_path / "out")
    assert answer.code == 4
    assert (answer.document["error"]["code"], answer.document["fat"]) == ("E_AGE", None)
    assert answer.document["quality"]["status"] == "refused"
    assert answer.document["measurements"]
