"""``benchmark`` and ``train`` as commands: which function runs, with what, and what wrong usage is told."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from steatoscope.apps.cli import benchmark as command
from steatoscope.apps.cli import extras
from steatoscope.apps.cli import train as training
from steatoscope.apps.cli.main import run
from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning import catalogue
from steatoscope.learning.evaluation.unseen import unseen


def _document(name: str) -> dict[str, Any]:
    return {"name": name, "data": "toy", "n_subjects": 1, "n_images": 1, "left_out": 0, "results": {"m": {"dice": 0.5}}}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Every runner is replaced by one that notes how it was called."""
    noted: list[tuple[str, dict[str, Any]]] = []

    def function(chosen: command.Benchmark, attribute: str) -> Any:
        def runner(*positional: object, **named: object) -> dict[str, Any]:
            noted.append((attribute, {"positional": positional, **named}))
            return _document(attribute)

        return runner

    monkeypatch.setattr(command, "_function", function)
    monkeypatch.setattr(
        catalogue,
        "open_model",
        lambda name: SimpleNamespace(name=name, version="1", sha256="0", entry={"modality": "CT"}),
    )
    return noted


def _printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_without_a_model_the_recipe_is_cross_validated(
    calls: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "TRAIN_EXTRA", ())
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    arguments = ["benchmark", "ct_liver", "--data", str(data), "--out", str(out), "--seed", "4", "--quick", "--json"]
    assert run(arguments) == 0
    assert calls == [("run_ct_liver", {"positional": (data,), "seed": 4, "out": out, "quick": True})]
    printed = _printed(capsys)
    assert printed == json.loads((out / "benchmark.json").read_text(encoding="utf-8"))
    assert {"steatoscope", "python", "machine"} <= set(printed["environment"])
    assert (out / "benchmark.html").is_file()
    assert "| m | 0.500 |" in (out / "benchmark.md").read_text(encoding="utf-8")


def test_with_a_model_that_model_is_scored_and_named(
    calls: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "TRAIN_EXTRA", ("no_such_library",))
    out = tmp_path / "out"
    (tmp_path / "data").mkdir()
    arguments = ["benchmark", "ct_liver", "--data", str(tmp_path / "data"), "--out", str(out), "--json"]
    assert run([*arguments, "--model", "ct-segmenter"]) == 0
    assert calls[0][0] == "score_ct_liver"
    assert calls[0][1]["positional"][1].name == "ct-segmenter"
    assert _printed(capsys)["model"] == {"name": "ct-segmenter", "version": "1", "sha256": "0"}


def test_a_missing_train_extra_is_told_with_the_way_to_it(
    calls: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "TRAIN_EXTRA", ("no_such_library",))
    arguments = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--json"]
    for words in (["benchmark", "aul"], ["train", "us-segmenter"]):
        assert run([*words, *arguments]) == 2
        assert "pip install 'steatoscope[train]'" in _printed(capsys)["error"]["message"]
    assert calls == []
    assert not (tmp_path / "out").exists()


def test_the_products_own_benchmarks_keep_their_signatures(calls: list[Any], tmp_path: Path) -> None:
    assert run(["benchmark", "phantom", "--out", str(tmp_path / "o"), "--seed", "3"]) == 0
    assert run(["benchmark", "mr_pdff", "--data", str(tmp_path), "--out", str(tmp_path / "o")]) == 0
    assert calls == [
        ("run_phantom_benchmark", {"positional": (), "seed": 3}),
        ("run_mr_pdff", {"positional": (tmp_path,)}),
    ]


def test_benchmarks_of_trust_run_with_and_without_data(calls: list[Any], tmp_path: Path) -> None:
    assert run(["benchmark", "uncertainty", "--out", str(tmp_path / "o"), "--quick"]) == 0
    assert run(["benchmark", "uncertainty", "--data", str(tmp_path), "--out", str(tmp_path / "p"), "--seed", "2"]) == 0
    assert calls == [
        ("run_uncertainty", {"positional": (None,), "seed": 0, "out": tmp_path / "o", "quick": True}),
        ("run_uncertainty", {"positional": (tmp_path,), "seed": 2, "out": tmp_path / "p", "quick": False}),
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonesuch"], "choose from " + ", ".join(sorted(command.BENCHMARKS))),
        (["aul"], "needs --data with annotations.json and images/"),
        (["phantom", "--model", "ct-segmenter"], "takes no --model"),
        (["mr_liver", "--data", ".", "--model", "ct-segmenter"], "a model for ct, but benchmark mr_liver is about mr"),
    ],
)
def test_wrong_usage_is_told(
    calls: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(["benchmark", *arguments, "--out", str(tmp_path / "out"), "--json"]) == 2
    assert words in _printed(capsys)["error"]["message"]
    assert not (tmp_path / "out").exists()


def test_a_missing_folder_is_invalid_input(calls: list[Any], tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert run(["benchmark", "aul", "--data", missing, "--out", str(tmp_path / "out")]) == 3
    assert run(["train", "us-segmenter", "--data", missing, "--out", str(tmp_path / "out")]) == 3


def test_unseen_counts_by_content_and_refuses_a_whole_leak(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_text(path.name)
    sha_of_b = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
    assert unseen(paths, SimpleNamespace(training_sha256=frozenset({sha_of_b}))) == ([paths[0], paths[2]], 1)
    paths[1].rename(tmp_path / "z")
    with pytest.raises(SteatoscopeError, match="E_LEAK"):
        unseen([tmp_path / "z"], SimpleNamespace(training_sha256=frozenset({sha_of_b})))
    with pytest.raises(SteatoscopeError, match="E_EMPTY"):
        unseen([], SimpleNamespace(training_sha256=frozenset()))


def test_train_calls_the_recipe_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[dict[str, Any]] = []

    def recipe(data: Path, out: Path, *, seed: int, steps: int | None, resume: bool) -> Mapping[str, Any]:
        noted.append({"data": data, "out": out, "seed": seed, "steps": steps, "resume": resume})
        return {"model": "toy"}

    monkeypatch.setattr(extras, "TRAIN_EXTRA", ())
    monkeypatch.setattr(training, "load_recipe", lambda place: recipe)
    data, out = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    arguments = ["train", "us-segmenter", "--data", str(data), "--out", str(out), "--json"]
    assert run([*arguments, "--steps", "7", "--seed", "2"]) == 0
    assert _printed(capsys) == {"recipe": "us-segmenter", "seed": 2, "run": str(out), "model": "toy"}
    out.mkdir()
    (out / "old").write_text("x")
    assert run(arguments) == 2
    assert "--resume" in _printed(capsys)["error"]["message"]
    assert run([*arguments, "--resume"]) == 0
    assert noted == [
        {"data": data, "out": out, "seed": 2, "steps": 7, "resume": False},
        {"data": data, "out": out, "seed": 0, "steps": None, "resume": True},
    ]


def test_unknown_recipes_are_listed() -> None:
    with pytest.raises(UsageError, match="choose from anomaly-classifier, ct-localiser, ct-segmenter, mr-segmenter"):
        training.find_recipe("resnet")


@pytest.mark.parametrize("name", sorted(training.RECIPES))
def test_every_recipe_exists(name: str) -> None:
    pytest.importorskip("torch")
    assert callable(training.load_recipe(training.find_recipe(name)))


@pytest.mark.parametrize("name", sorted(command.BENCHMARKS))
def test_every_benchmark_exists(name: str) -> None:
    chosen = command.BENCHMARKS[name]
    module = importlib.import_module(chosen.module)
    wanted = (
        [f"run_{name}", f"score_{name}"] if chosen.learned else [f"run_{name}" + "_benchmark" * (name == "phantom")]
    )
    assert all(callable(getattr(module, attribute)) for attribute in wanted)
