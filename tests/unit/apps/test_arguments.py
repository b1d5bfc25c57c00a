"""Arguments that click does not parse by itself."""

from pathlib import Path

import pytest

from steatoscope.apps.cli.arguments import gather_previous, parse_views, read_json
from steatoscope.core.errors import SteatoscopeError, UsageError


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
