"""A search tries what Optuna would, goes on exactly where it was, and sees training patients only."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")
pytest.importorskip("optuna", reason="needs the train extra (make train)")

from grading_kit import painted_folder  # noqa: E402

from steatoscope.apps.cli.main import run  # noqa: E402
from steatoscope.core.errors import SteatoscopeError, UsageError  # noqa: E402
from steatoscope.learning.evaluation import grading_scores  # noqa: E402
from steatoscope.learning.evaluation.head_search import outer_folds, run_search  # noqa: E402
from steatoscope.learning.evaluation.head_search_model import SearchPlan  # noqa: E402
from steatoscope.learning.model_folder import read_folder  # noqa: E402
from steatoscope.learning.training.grading_data import GradingSet, read_grading  # noqa: E402
from steatoscope.learning.training.grading_features import Bank  # noqa: E402
from steatoscope.learning.training.grading_outputs import Outputs  # noqa: E402
from steatoscope.learning.training.head_search import fit_head, head_kind, inner_loss, patient_losses  # noqa: E402
from steatoscope.learning.training.search import OneOf, Span, Tried, best, search  # noqa: E402

SPACE = {"x": Span(-3.0, 3.0), "rate": Span(1e-4, 1.0, log=True), "k": OneOf((1.0, 2.0))}
FIRST = {"x": 2.0, "rate": 0.5, "k": 2.0}
RECIPE = "r2-resnet50-grading"
FAT = (1, 2, 3, 4, 10, 15, 20, 30, 40, 45, 50, 60, 70, 75, 80, 85)


def _bowl(values: dict[str, float]) -> float:
    return (values["x"] - 1.0) ** 2 + math.log10(values["rate"] / 0.01) ** 2 + values["k"]


def _plain(tried: list[Tried]) -> list[tuple[dict[str, float], float | None]]:
    return [(one.values, one.loss) for one in tried]


def test_a_bowl_is_descended_and_the_first_values_are_tried_first(tmp_path: Path) -> None:
    tried = search(tmp_path / "s.db", "bowl", SPACE, _bowl, trials=18, first=FIRST)
    assert tried[0].values == FIRST
    assert len(tried) == 18
    found = best(tried)
    # 18 random points come to about 1.6 on average; the estimator must do better than that.
    assert found.loss is not None
    assert found.loss < 1.4
    assert found.values["k"] == 1.0


def test_a_killed_search_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = search(tmp_path / "whole.db", "bowl", SPACE, _bowl, trials=9, first=FIRST, seed=4)
    calls = 0

    def killed(values: dict[str, float]) -> float:
        nonlocal calls
        calls += 1
        if calls in (1, 8):
            raise KeyboardInterrupt
        return _bowl(values)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            search(tmp_path / "broken.db", "bowl", SPACE, killed, trials=9, first=FIRST, seed=4)
    heard: list[str] = []
    again = search(tmp_path / "broken.db", "bowl", SPACE, killed, trials=9, first=FIRST, seed=4, told=heard.append)
    assert _plain(again) == _plain(whole)
    assert 0 < len(heard) < 9
    with pytest.raises(UsageError, match="another space, plan or seed"):
        search(tmp_path / "broken.db", "bowl", SPACE, killed, trials=9, first=FIRST, seed=5)


def test_a_trial_that_diverges_counts_and_is_never_chosen(tmp_path: Path) -> None:
    def sometimes(values: dict[str, float]) -> float:
        if values["x"] < 1.5:
            raise FloatingPointError("the loss is nan")
        return _bowl(values)

    tried = search(tmp_path / "s.db", "bowl", SPACE, sometimes, trials=8, first=FIRST)
    assert len(tried) == 8
    assert any(one.loss is None for one in tried)
    assert best(tried).values["x"] >= 1.5
    with pytest.raises(UsageError, match="no trial came to a finite loss"):
        best([Tried(FIRST, None, 0.0)])


def test_the_loss_of_a_patient_is_that_of_the_mean_probability() -> None:
    shares = np.array([[0.5, 0.2, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]])
    found = patient_losses(Outputs(np.log(shares) + 3.0, np.zeros(3), np.array([7, 7, 2])), np.arange(8) % 4)
    np.testing.assert_allclose(found, [-np.log(0.25), -np.log((0.1 + 0.4) / 2)])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> GradingSet:
    """Sixteen painted patients, four of each grade, prepared."""
    return read_grading(painted_folder(tmp_path_factory.mktemp("painted"), FAT, frames=1))


def _bank(data: GradingSet) -> Bank:
    told = np.abs(np.eye(64)[data.grade[data.patient]] * 4.0)
    noise = np.random.default_rng(0).normal(0.0, 0.1, (len(data), 2, 64, 1, 1))
    maps = np.concatenate([noise + told[:, None, :, None, None], np.zeros((len(data), 2, 1216, 1, 1))], axis=2)
    return Bank(data, maps.astype(np.float32), {"source": "made up"}, "efficientnet-lite0")


def test_one_grade_alone_is_not_searched(tmp_path: Path) -> None:
    alike = painted_folder(tmp_path / "data", (1, 2, 3, 4), frames=1)
    with pytest.raises(SteatoscopeError, match="nothing to tell apart") as caught:
        run_search(RECIPE, alike, tmp_path / "out")
    assert caught.value.code == "E_SUBJECTS"


def test_inner_folds_read_training_patients_only(data: GradingSet) -> None:
    head, bank = head_kind(RECIPE, 4), _bank(data)
    learn, test = outer_folds(data, SearchPlan(outer=2))[0]
    assert not np.intersect1d(learn, test).size
    values = {**head.own, "rate": 3e-3}
    before = inner_loss(head, bank, learn, values, folds=2, seed=1)
    maps = bank.maps.copy()
    maps[data.frames_of(test)] = np.nan
    assert inner_loss(head, replace(bank, maps=maps), learn, values, folds=2, seed=1) == before
    assert before < inner_loss(head, bank, learn, {**values, "rate": 1e-7}, folds=2, seed=1)


def test_values_reach_the_training(data: GradingSet) -> None:
    head, bank = head_kind(RECIPE, 2), _bank(data)
    everyone = np.arange(len(FAT), dtype=np.intp)
    network = fit_head(head, bank, everyone, {**head.own, "dropout": 0.1}, 0)
    assert [module.p for module in network.modules() if isinstance(module, torch.nn.Dropout)] == [0.1]
    still = fit_head(head, bank, everyone, {**head.own, "rate": 1e-12}, 0)
    moved = max(
        float((a - b).detach().abs().max()) for a, b in zip(network.parameters(), still.parameters(), strict=True)
    )
    assert moved > 1e-4
    with pytest.raises(UsageError, match="search is for"):
        head_kind("r4-hmrs-regression", 2)


def test_the_command_searches_resumes_and_keeps_the_values(
    data: GradingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEATOSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(grading_scores, "RESAMPLES", 50)
    words = ["search", RECIPE, "--data", str(data.source.folder), "--out", str(tmp_path / "out"), "--json"]
    sizes = ["--outer", "2", "--inner", "2", "--epochs", "2"]
    assert run([*words, *sizes, "--trials", "2"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert run([*words, *sizes, "--trials", "2"]) == 2
    capsys.readouterr()
    assert run([*words, *sizes, "--trials", "3", "--resume"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"searched values", "the recipe's own values"} == set(found["results"])
    assert found["results"]["searched values"]["auc_ci"]
    assert set(found["manifest"]["chosen"]) == {"fold 1", "fold 2", "all"}
    for study, tried in found["manifest"]["trials"].items():
        assert [one["values"] for one in tried[:2]] == [one["values"] for one in first["manifest"]["trials"][study]]
        assert len(tried) == 3
    kept = json.loads((tmp_path / "out" / "search.json").read_text(encoding="utf-8"))
    assert kept["values"] == found["manifest"]["chosen"]["all"]["values"]
    model = read_folder(tmp_path / "out" / "model")
    assert (
        json.loads((model.folder / "training.json").read_text(encoding="utf-8"))["search"]["values"] == kept["values"]
    )
    assert found["model"]["sha256"] == model.sha256
    assert "Chosen, fold 1: rate" in (tmp_path / "out" / "benchmark.md").read_text(encoding="utf-8")
