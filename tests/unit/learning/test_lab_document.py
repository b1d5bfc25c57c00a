"""Benchmark documents as they are read: whole ones pass, damaged ones are named with their path and the place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steatoscope.apps.cli.main import run
from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation.lab_document import read_document


def _document(**more: Any) -> dict[str, Any]:
    row = {"accuracy_4": 0.5, "accuracy_4_ci": [0.4, 0.6], "bias": -2.0, "assd": 3.0, "assd_unit": "mm", "qwk": None}
    return {"name": "toy", "data": "d", "n_subjects": 3, "n_images": 9, "left_out": 0, "results": {"a": row}} | more


def _written(folder: Path, document: Any) -> Path:
    path = folder / "benchmark.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_whole_document_is_read_and_its_nulls_are_left_out(tmp_path: Path) -> None:
    found = read_document(_written(tmp_path, _document(manifest=None, run={"seconds": 2})))
    assert found == _document(run={"seconds": 2})
    refusals = {"a": {"n": 3, "codes": "E_OOD 1"}, "b": {"n": 2, "codes": None}}
    assert read_document(_written(tmp_path, _document(results=refusals)))["results"] == refusals


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"results": "x"}, "results is not an object"),
        ({"results": {"a": 3}}, "the row 'a' is not an object"),
        ({"results": None}, "it has no results"),
        ({"manifest": "x"}, "manifest is not an object"),
        ({"recipe": ["x"]}, "recipe is not an object"),
        ({"notes": "x"}, "notes is not a list"),
        ({"name": 3}, "name is not text"),
        ({"name": " "}, "name is empty"),
        ({"model": {}}, "model has no name"),
        ({"n_subjects": "three"}, 'n_subjects is not a count: "three"'),
        ({"n_images": -1}, "n_images is not a count: -1"),
        ({"left_out": 0.5}, "left_out is not a count: 0.5"),
        ({"results": {"a": {"accuracy_4": 7.5}}}, "accuracy_4 of 'a' is no share between 0 and 1: 7.5"),
        ({"results": {"a": {"accuracy_4": float("nan")}}}, "NaN is no number"),
        ({"results": {"a": {"own": float("inf")}}}, "Infinity is no number"),
        ({"results": {"a": {"auc_moderate": "high"}}}, "auc_moderate of 'a' is not a number: \"high\""),
        ({"results": {"a": {"own": 1.0}, "b": {"own": "x"}}}, "own of 'b' is not a number"),
        ({"results": {"a": {"auc": True}}}, "auc of 'a' is not a number: true"),
        ({"results": {"a": {"auc": 0.5, "auc_ci": [0.4]}}}, "auc_ci of 'a' is not an interval"),
        ({"results": {"a": {"auc": 0.5, "auc_ci": "wide"}}}, "auc_ci of 'a' is not an interval"),
    ],
)
def test_a_damaged_document_is_named_with_its_path_and_the_place(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    path = _written(tmp_path, _document(**changed))
    with pytest.raises(SteatoscopeError, match="E_FORMAT") as told:
        read_document(path)
    assert words in told.value.cause
    assert told.value.path == str(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b'{"name": "toy", "data', b'{"n": 1e999}', b"[" * 100_000, b'{"n": ' + b"9" * 5000 + b"}"],
)
def test_what_is_no_whole_json_gets_a_remedy_that_fits(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "benchmark.json"
    path.write_bytes(content)
    assert run(["lab", str(path), "--out", str(tmp_path / "out")]) == 3
    told = json.loads(capsys.readouterr().out)["error"]
    assert (told["code"], told["path"]) == ("E_FORMAT", str(path))
    assert "DICOM" not in f"{told['message']} {told['cause']} {told['remedy']}"
    assert "benchmark.json again" in told["remedy"]
    assert "codec" not in told["cause"]


def test_a_number_beyond_all_numbers_is_none(tmp_path: Path) -> None:
    text = json.dumps(_document(results={"a": {"own": 1.5}})).replace("1.5", "1e999")
    (tmp_path / "benchmark.json").write_text(text, encoding="utf-8")
    with pytest.raises(SteatoscopeError, match="own of 'a' is not a number"):
        read_document(tmp_path / "benchmark.json")
