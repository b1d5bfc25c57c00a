"""The report: the contract's keys, strictness, and a digest that depends on content alone."""

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from steatoscope.core.report import Report, report_digest


def document() -> dict[str, Any]:
    return {
        "schema": "steatoscope.report/1",
        "subject": "S-1",
        "modality": "CT",
        "inputs": [{"path": "a.dcm", "sha256": "0" * 64, "kind": "dicom-ct", "frames": 3, "view": None}],
        "fat": None,
        "steatosis": None,
        "grade": None,
        "fatty_area": None,
        "segmentation": {},
        "regions": [],
        "lesion": None,
        "measurements": [],
        "baseline": None,
        "change": None,
        "clinical": None,
        "explanation": None,
        "quality": {"status": "refused", "codes": []},
        "models": [],
        "provenance": {"version": "0", "config": {}, "seeds": {}, "report_digest": "", "created": "2026-01-01"},
        "timings_ms": {"read": 1.0},
    }


def test_contract_keys_are_there_and_error_only_when_set() -> None:
    keys = set(Report.model_validate(document()).document())
    assert set(document()) <= keys
    assert "error" not in keys
    assert "category" not in keys


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError):
        Report.model_validate({**document(), "surprise": 1})


def test_numbers_that_are_not_numbers_are_refused() -> None:
    broken = {**document(), "timings_ms": {"read": float("nan")}}
    with pytest.raises(ValidationError):
        Report.model_validate(broken)


def test_digest_ignores_paths_times_and_itself() -> None:
    other = copy.deepcopy(document())
    other["inputs"][0]["path"] = "elsewhere/b.dcm"
    other["timings_ms"] = {"read": 99.0}
    other["provenance"].update(report_digest="x", created="2031-05-05")
    assert report_digest(other) == report_digest(document())


def test_digest_sees_content() -> None:
    other = copy.deepcopy(document())
    other["inputs"][0]["sha256"] = "1" * 64
    assert report_digest(other) != report_digest(document())
