"""Labels and anchors of benchmarks on one page are each their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from steatoscope.learning.evaluation.lab_names import told_apart


@pytest.mark.parametrize(
    ("found", "labels", "anchors"),
    [
        (["r2 x/benchmark.json"], ["r2"], ["r2"]),
        (["x/benchmark.json", "y/benchmark.json"], ["r2 (x)", "r2 (y)"], ["r2-x", "r2-y"]),
        (["x/benchmark.json", "x/y/benchmark.json"], ["r2 (x)", "r2 (x/y)"], ["r2-x", "r2-xy"]),
        (["x/y/benchmark.json", "xy/benchmark.json"], ["r2 (x/y)", "r2 (xy)"], ["r2-xy", "r2-xy-1"]),
        (["x/one.json", "x/two.json"], ["r2 (one.json)", "r2 (two.json)"], ["r2-onejson", "r2-twojson"]),
    ],
)
def test_one_name_of_several_files(tmp_path: Path, found: list[str], labels: list[str], anchors: list[str]) -> None:
    named = told_apart([("r2", tmp_path / path) for path in found])
    assert [label for label, _ in named] == labels
    assert [anchor for _, anchor in named] == anchors


def test_names_that_look_alike_have_anchors_of_their_own(tmp_path: Path) -> None:
    named = told_apart([(name, tmp_path / name / "benchmark.json") for name in ("A b", "a-b", "!", "?")])
    assert [anchor for _, anchor in named] == ["a-b", "a-b-1", "benchmark", "benchmark-1"]
