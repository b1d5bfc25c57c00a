"""Arguments that click does not parse by itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from steatoscope.apps.cli.arguments import gather_previous, parse_views, read_json, read_report
from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.report import SCHEMA, report_digest
from steatoscope.pipeline.follow_up import ALTERED


def test_one_previous_takes_several_reports() -> None:
    given = ["analyze", "scan.dcm", "--previous", "a.json", "b.json", "c.json", "--out", "o"]
    assert gather_previous(given) == [
        "analyze", "scan.dcm", "--previous", "a.json", "--previous", "b.json", "--previous", "c.json", "--out", "o",
    ]  # fmt: skip


def test_paths_after_previous_stay_paths() -> None:
    given = ["analyze", "--previous", "a.json", "scan.dcm", "--out", "o"]
    assert gather_previous(given) == given


def test_repeated_previous_is_kept() -> None:
    given = ["--previous", "a.json", "--previous", "b.json"]
    assert gather_previous(given) == given


def test_views_are_named_paths() -> None:
    assert parse_views(["AR=a=b.png", "HR=c"]) == {"AR": Path("a=b.png"), "HR": Path("c")}


@pytest.mark.parametrize("values", [["AR"], ["=x"], ["AR="], ["AR=a", "AR=b"]])
def test_wrong_views_are_wrong_usage(values: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_views(values)


def test_json_faults_are_coded(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "cut.json").write_text('{"a": ')
    for name, code in (("none.json", "E_PATH"), ("list.json", "E_FORMAT"), ("cut.json", "E_FORMAT")):
        with pytest.raises(SteatoscopeError) as caught:
            read_json(tmp_path / name)
        assert caught.value.code == code


def _earlier(folder: Path, **fat: object) -> Path:
    value = {
        "value_percent": 8.0,
        "scale": "pdff",
        "interval": {"low": 6.0, "high": 10.0, "level": 0.9},
        "method": "fit 1",
        "statistic": "median",
    }
    path = folder / "report.json"
    path.write_text(json.dumps({"schema": SCHEMA, "subject": "a", "of_a_later_version": 1, "fat": {**value, **fat}}))
    return path


def test_an_earlier_report_may_hold_more_than_is_known(tmp_path: Path) -> None:
    assert read_report(_earlier(tmp_path, later=1))["fat"]["value_percent"] == 8.0


@pytest.mark.parametrize("fat", [{"value_percent": None}, {"value_percent": "eight"}, {"interval": {"low": 6.0}}])
def test_an_earlier_report_that_cannot_be_read_is_said(tmp_path: Path, fat: dict[str, object]) -> None:
    with pytest.raises(SteatoscopeError) as caught:
        read_report(_earlier(tmp_path, **fat))
    assert caught.value.code == "E_FORMAT"
    assert "fat." in caught.value.cause


def _signed(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text())
    document["provenance"] = {"created": "2024-01-01T00:00:00+00:00", "config": {}}
    document["provenance"]["report_digest"] = report_digest(document)
    path.write_text(json.dumps(document))
    return document


def test_an_earlier_report_with_a_changed_value_is_marked(tmp_path: Path) -> None:
    path = _earlier(tmp_path)
    assert read_report(path)[ALTERED]
    document = _signed(path)
    assert ALTERED not in read_report(path)
    document["fat"]["value_percent"] = 18.0
    path.write_text(json.dumps(document | {ALTERED: False}))
    assert read_report(path)[ALTERED]


def test_dates_and_paths_are_outside_of_the_digest(tmp_path: Path) -> None:
    path = _earlier(tmp_path)
    document = _signed(path)
    document["provenance"]["created"] = "2020-01-01T00:00:00+00:00"
    path.write_text(json.dumps(document, indent=2))
    assert ALTERED not in read_report(path)
