"""The tutorial "A model of your own", command by command as it is written, on simulated images."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest

from steatoscope.apps.cli.main import run

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "own-model.md"
_FAT = {"normal": (1, 2, 3, 4, 5), "mild": (7, 9, 11, 13, 15), "moderate": (16, 17, 18, 19, 20)} | {
    "severe": (26, 30, 34, 38, 42)
}


def commands() -> list[list[str]]:
    """The commands of the page's plain fenced blocks, in order."""
    blocks = PAGE.read_text(encoding="utf-8").split("```")[1::2]
    lines = [line for block in blocks if block.startswith("\n") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def own_folder(folder: Path) -> None:
    """Five simulated subjects of each grade with two frames, and the tutorial's table."""
    rows = []
    for grade, values in _FAT.items():
        for fat in values:
            name = f"p{len(rows) + 1:02d}"
            target = folder / "scans" / name
            arguments = ["--fat", str(fat), "--seed", str(len(rows) + 1), "--frames", "2", "--out", str(target)]
            assert run(["phantom", "us", *arguments]) == 0
            rows.append([f"scans/{name}", name, "us", "HR", fat, "pdff", grade])
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        head = re.search(r"```csv\n(.*)\n", PAGE.read_text(encoding="utf-8"))
        assert head is not None
        csv.writer(stream).writerows([head.group(1).split(","), *rows])


def test_the_page_goes_the_whole_way() -> None:
    assert all(words[0] == "steatoscope" for words in commands())
    order = ["phantom", "train", "train", "benchmark", "models", "analyze", "models", "lab"]
    assert [words[1] for words in commands()] == order


@pytest.mark.slow
def test_every_command_of_the_page_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch", reason="needs the train extra (make train)")
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEATOSCOPE_MODELS", str(tmp_path / "models"))
    own_folder(tmp_path / "own")
    for words in commands():
        capsys.readouterr()
        assert run(words[1:]) == 0, (words, capsys.readouterr().err)
        printed = capsys.readouterr().out
        if words[1:3] == ["models", "show"]:
            assert "r2-grading" in printed
            assert "simulated" in printed
        if "--check-only" in words:
            assert "40 images of 20 subjects" in printed
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert report["fat"]["method"].startswith("my-grader")
    found = json.loads((tmp_path / "results" / "benchmark.json").read_text(encoding="utf-8"))
    assert found["data"].startswith("simulated")
    assert all(name.endswith("(simulated)") or name.startswith("published") for name in found["results"])
    assert "SIMULATED DATA" in (tmp_path / "laboratory" / "laboratory.html").read_text(encoding="utf-8")
