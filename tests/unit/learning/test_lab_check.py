"""The check of an own folder before training: numbers of a whole one, named errors of broken ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from painted_kit import painted_folder
from training_folders import byra_folder, disc, manifest_rows, picture, table, write

from steatoscope.apps.cli.main import run
from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.evaluation.lab_check import check_data
from steatoscope.learning.training.sets_manifest import load_manifest

FAT = (1, 2, 3, 9, 12, 15, 20, 24, 28, 60, 70, 80)
GRADES = ("normal",) * 3 + ("mild",) * 3 + ("moderate",) * 3 + ("severe",) * 3


def own_folder(folder: Path, frames: int = 2) -> list[dict[str, Any]]:
    """Twelve painted patients, three of each grade, half of their frames in each view; returns the manifest's rows."""
    painted_folder(folder, FAT, frames)
    return [
        {
            "path": f"patient_{number:02d}/frame_{frame:02d}.png",
            "subject": f"s{number:02d}",
            "modality": "us",
            "view": ("AR", "HR")[frame % 2],
            "label_fat_percent": FAT[number - 1],
            "label_scale": "pdff",
            "label_grade": GRADES[number - 1],
        }
        for number in range(1, len(FAT) + 1)
        for frame in range(1, frames + 1)
    ]


@pytest.mark.parametrize("recipe", ["r1-unet-rcnn", "r2-resnet50-grading", "r3-multiview"])
def test_a_whole_manifest_is_told_in_numbers(recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(tmp_path / "manifest.csv", own_folder(tmp_path, 4))
    call = ["train", recipe, "--data", str(tmp_path), "--plan", "small", "--check-only"]
    assert run([*call, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["images"], found["subjects"], found["masks"]) == (48, 12, 0)
    assert found["views"] == {"AR": 24, "HR": 24}
    assert found["fat_percent"] == [1, 80]
    assert run(call) == 0
    assert "48 images of 12 subjects, 0 with outlines" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("recipe", "changed", "code"),
    [
        (recipe, changed, code)
        for recipe in ("r1-unet-rcnn", "r2-resnet50-grading", "r3-multiview", "r4-hmrs-regression")
        for changed, code in (
            ({"label_fat_percent": ""}, "E_LABEL"),
            ({"label_fat_percent": 50}, "E_LABEL"),
            ({"modality": "ct"}, "E_MODALITY"),
        )
    ]
    + [(recipe, {"view": ""}, "E_VIEW") for recipe in ("r2-resnet50-grading", "r3-multiview")],
)
def test_what_stops_the_training_stops_the_check(
    recipe: str, changed: dict[str, Any], code: str, tmp_path: Path
) -> None:
    rows = own_folder(tmp_path)
    rows[3] |= changed
    table(tmp_path / "manifest.csv", rows)
    with pytest.raises(SteatoscopeError, match=code):
        check_data(tmp_path, recipe)


@pytest.mark.parametrize(
    ("recipe", "subjects", "words"),
    [
        ("r1-unet-rcnn", 12, "12 patients, 3 of them healthy; 5 folds need 10, 5 of them healthy"),
        ("r2-resnet50-grading", 8, "There are 8 subjects for 10 folds"),
        ("r3-multiview", 4, "There are 4 subjects for 5 folds"),
        ("r4-hmrs-regression", 12, "nested folds need 7 in each"),
    ],
)
def test_too_few_subjects_for_the_folds_are_found_by_the_check(
    recipe: str, subjects: int, words: str, tmp_path: Path
) -> None:
    rows = own_folder(tmp_path, 1)
    chosen = [row for row in rows if int(row["subject"][1:]) % 3 < 2][:subjects] if subjects < len(FAT) else rows
    table(tmp_path / "manifest.csv", chosen[:2] + chosen[-2:] if subjects == 4 else chosen)
    with pytest.raises(SteatoscopeError, match="E_SUBJECTS") as caught:
        check_data(tmp_path, recipe)
    assert words in str(caught.value.cause)


@pytest.mark.parametrize("recipe", ["us-localiser", "us-steatosis", "r5-ct-anomaly"])
def test_a_recipe_that_reads_no_manifest_says_so(recipe: str, tmp_path: Path) -> None:
    table(tmp_path / "manifest.csv", manifest_rows(tmp_path, 8))
    assert run(["train", recipe, "--data", str(tmp_path), "--check-only"]) == 2
    with pytest.raises(UsageError, match=r"no manifest\.csv"):
        check_data(tmp_path, recipe)


def test_known_layouts_are_read_too(tmp_path: Path) -> None:
    byra_folder(tmp_path, (2, 3, 20, 25))
    assert check_data(tmp_path, "us-steatosis")["subjects"] == 4


@pytest.mark.parametrize(
    ("column", "value", "recipe", "code"),
    [
        ("label_grade", "huge", "r2-resnet50-grading", "E_LABEL"),
        ("label_grade", "", "r2-resnet50-grading", "E_LABEL"),
        ("label_scale", "histology", "r4-hmrs-regression", "E_LABELSCALE"),
        ("mask_path", "none.png", "r1-unet-rcnn", "E_ANNOTATION"),
        ("subject", "", "r4-hmrs-regression", "E_ANNOTATION"),
    ],
)
def test_broken_rows_are_named(tmp_path: Path, column: str, value: str, recipe: str, code: str) -> None:
    rows = manifest_rows(tmp_path)
    rows[1][column] = value
    table(tmp_path / "manifest.csv", rows)
    with pytest.raises(SteatoscopeError, match=code):
        check_data(tmp_path, recipe)
    assert run(["train", recipe, "--data", str(tmp_path), "--check-only"]) == 3


@pytest.mark.parametrize("recipe", ["r1-unet-rcnn", "r2-resnet50-grading", "r3-multiview", "r4-hmrs-regression"])
def test_an_unknown_scale_is_named_with_those_there_are(recipe: str, tmp_path: Path) -> None:
    table(tmp_path / "manifest.csv", [row | {"label_scale": "foo"} for row in manifest_rows(tmp_path)])
    with pytest.raises(SteatoscopeError, match="E_LABELSCALE") as caught:
        check_data(tmp_path, recipe)
    assert "'foo' is none of histology, pdff, mrs_pdff" in caught.value.cause


def test_a_scale_is_read_in_capital_letters_too(tmp_path: Path) -> None:
    rows = manifest_rows(tmp_path)
    rows[1]["label_scale"] = "PDFF"
    found = load_manifest(table(tmp_path / "manifest.csv", rows), label="fat_percent")
    assert {sample.labels.scale for sample in found.samples} == {"pdff"}


@pytest.mark.parametrize("recipe", ["r2-resnet50-grading", "r3-multiview"])
def test_one_grade_alone_is_named(recipe: str, tmp_path: Path) -> None:
    rows = own_folder(tmp_path, 1)[:4]
    table(tmp_path / "manifest.csv", [row | {"label_grade": "mild"} for row in rows])
    with pytest.raises(SteatoscopeError, match="E_SUBJECTS") as caught:
        check_data(tmp_path, recipe)
    assert "All 4 subjects are graded 'mild'" in caught.value.cause


def test_a_mask_of_another_size_is_named(tmp_path: Path) -> None:
    rows = manifest_rows(tmp_path)
    write(tmp_path / "mask_1.png", disc((50, 50), 20))
    table(tmp_path / "manifest.csv", rows)
    with pytest.raises(SteatoscopeError, match="E_ANNOTATION") as caught:
        check_data(tmp_path, "r2-resnet50-grading")
    assert "50 x 50" in str(caught.value.cause)


def test_a_folder_that_holds_no_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(SteatoscopeError, match="E_PATH"):
        check_data(tmp_path, "us-segmenter")


@pytest.mark.parametrize("recipe", ["r1-unet-rcnn", "r2-resnet50-grading", "r3-multiview", "r4-hmrs-regression"])
def test_an_image_smaller_than_an_analysis_takes_is_refused(recipe: str, tmp_path: Path) -> None:
    rows = own_folder(tmp_path)
    write(tmp_path / rows[5]["path"], disc((20, 20), 6))
    table(tmp_path / "manifest.csv", rows)
    with pytest.raises(SteatoscopeError, match="E_SIZE") as told:
        check_data(tmp_path, recipe)
    assert "20 x 20 pixels; at least 128" in told.value.cause
    assert str(told.value.path).endswith(rows[5]["path"])


@pytest.mark.parametrize(
    ("scale", "fat", "grade", "doubted"),
    [
        ("histology", 3, "severe", True),
        ("histology", 3, "mild", True),
        ("histology", 3, "normal", False),
        ("histology", 33, "mild", False),
        ("pdff", 9, "normal", False),
        ("pdff", 3, "severe", True),
    ],
)
def test_labels_that_contradict_each_other_are_named(
    scale: str, fat: float, grade: str, doubted: bool, tmp_path: Path
) -> None:
    rows = [
        {"path": f"{name}.png", "subject": name, "label_fat_percent": fat, "label_scale": scale, "label_grade": grade}
        for name in ("anna", "berta")
    ]
    for number, row in enumerate(rows):
        write(tmp_path / str(row["path"]), picture(number))
    found = load_manifest(table(tmp_path / "manifest.csv", rows), label="grade")
    words = [f"anna ({grade}, but {fat} % on {scale} is normal)" in told for told in found.warnings]
    assert words == ([True] if doubted else [])
