"""The check of an own folder before training: numbers of a whole one, named errors of broken ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from training_folders import byra_folder, manifest_rows, table

from steatoscope.apps.cli.main import run
from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation.lab_check import check_data


def test_a_whole_manifest_is_told_in_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(tmp_path / "manifest.csv", manifest_rows(tmp_path, 8))
    assert run(["train", "us-segmenter", "--data", str(tmp_path), "--check-only", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["images"], found["subjects"], found["masks"]) == (8, 4, 8)
    assert found["views"] == {"AR": 4, "HR": 4}
    assert found["fat_percent"] == [3, 3]
    assert run(["train", "us-segmenter", "--data", str(tmp_path), "--check-only"]) == 0
    assert "8 images of 4 subjects, 8 with outlines" in capsys.readouterr().out


def test_known_layouts_are_read_too(tmp_path: Path) -> None:
    byra_folder(tmp_path, (2, 3, 20, 25))
    assert check_data(tmp_path, "us-steatosis")["subjects"] == 4


@pytest.mark.parametrize(
    ("column", "value", "recipe", "code"),
    [
        ("label_grade", "huge", "r2-resnet50-grading", "E_LABEL"),
        ("label_grade", "", "r2-resnet50-grading", "E_LABEL"),
        ("label_scale", "histology", "us-steatosis", "E_LABELSCALE"),
        ("mask_path", "none.png", "us-segmenter", "E_ANNOTATION"),
        ("subject", "", "us-segmenter", "E_ANNOTATION"),
    ],
)
def test_broken_rows_are_named(tmp_path: Path, column: str, value: str, recipe: str, code: str) -> None:
    rows = manifest_rows(tmp_path)
    rows[1][column] = value
    table(tmp_path / "manifest.csv", rows)
    with pytest.raises(SteatoscopeError, match=code):
        check_data(tmp_path, recipe)
    assert run(["train", recipe, "--data", str(tmp_path), "--check-only"]) == 3


def test_a_folder_that_holds_no_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        check_data(tmp_path, "us-segmenter")
