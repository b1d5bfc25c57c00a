"""Recipe R4 trained on everything: packed models, their settings, and their answers without torch."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from steatoscope.core.errors import SteatoscopeError, UsageError  # noqa: E402
from steatoscope.core.image import Clip  # noqa: E402
from steatoscope.imaging.phantoms.us import simulate_us  # noqa: E402
from steatoscope.imaging.preprocess.us_sector import find_sector  # noqa: E402
from steatoscope.learning.evaluation.hmrs import HmrsPlan, train_r4  # noqa: E402
from steatoscope.learning.evaluation.hmrs_train import train_hmrs_models  # noqa: E402
from steatoscope.learning.inference.us_graph import GraphModel, GraphView  # noqa: E402
from steatoscope.learning.model_folder import read_folder  # noqa: E402
from steatoscope.learning.recipes import RECIPES  # noqa: E402
from steatoscope.learning.training.hmrs_folds import HmrsReading  # noqa: E402
from steatoscope.learning.training.hmrs_study import HmrsStudy  # noqa: E402
from steatoscope.learning.training.hmrs_whole import fit_whole  # noqa: E402

PLAN = HmrsPlan("tiny", subjects=28, frames=1, epochs=1, bf16=False)
Made = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The three models of a tiny plan after one step each."""
    out = tmp_path_factory.mktemp("hmrs-models")
    return out, train_hmrs_models(PLAN, None, out, steps=1)


def _view(name: str | None, kind: str = "AR") -> GraphView:
    frames = simulate_us(12.0, 5, view=kind, frames=2).clip.frames  # type: ignore[arg-type]
    sector = find_sector(Clip(frames))
    assert sector is not None
    return GraphView(name, frames, sector)


def test_three_models_are_packed_and_say_what_they_are(made: Made) -> None:
    out, found = made
    assert {name: row["folder"] for name, row in found["models"].items()} == {
        "r4-hmrs-ar": ".", "r4-hmrs-hr": "HR", "r4-hmrs-two-branch": "two-branch",
    }  # fmt: skip
    for name, row in found["models"].items():
        folder = read_folder(out / row["folder"])
        assert (folder.name, folder.sha256) == (name, row["sha256"])
        settings = folder.settings["graph_grader"]
        assert settings["preparation"] == "centre-360"
        assert settings["scale"] == "mrs_pdff"
        assert settings["simulated"] is True
        assert settings["half_width"] is None
        card = folder.file("card.md").decode()
        assert "(simulated)" in card
        assert "no cross-validation was run" in card
        assert len(folder.training_sha256) == 2 * 28


def test_one_view_answers_as_the_network_does(made: Made) -> None:
    out, _ = made
    view = _view(None)
    (answer,) = GraphModel(read_folder(out)).predict_views([view])
    assert 0.0 <= answer.value_percent <= 100.0
    assert (answer.interval.low, answer.interval.high) == (0.0, 100.0)
    from steatoscope.learning.inference.us_graph_view import centred
    from steatoscope.learning.models.hmrs_cnn import HmrsCNN
    from steatoscope.learning.training.export import round_weights
    from steatoscope.learning.training.hmrs import Pairs, predict_hmrs
    from steatoscope.learning.training.hmrs_cohort import Frames

    network = HmrsCNN()
    network.load_state_dict(torch.load(out / "whole-AR" / "network.pt", weights_only=True))
    round_weights(network)
    frames = Frames(centred(view.frames), np.zeros(2, dtype=np.intp))
    own = predict_hmrs(network, [frames], Pairs(np.arange(2)[:, None], np.zeros(2), np.zeros(2, dtype=np.intp)))
    assert answer.value_percent == pytest.approx(own.mean(), abs=0.01)


def test_two_branches_need_both_views(made: Made) -> None:
    model = GraphModel(read_folder(made[0] / "two-branch"))
    (answer,) = model.predict_views([_view("HR", "HR"), _view("AR")])
    assert 0.0 <= answer.value_percent <= 100.0
    with pytest.raises(SteatoscopeError) as caught:
        model.predict_views([_view("AR")])
    assert caught.value.code == "E_VIEW"


def test_a_finished_network_is_read_back(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, found = made
    shutil.copytree(out, tmp_path / "again")
    monkeypatch.setattr("steatoscope.learning.training.hmrs_whole.train_hmrs", None)
    again = train_hmrs_models(PLAN, None, tmp_path / "again", steps=1, resume=True)
    assert again == found


def test_length_and_interval_come_from_left_out_subjects(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def folds(study: HmrsStudy, *_: object, **__: object) -> list[HmrsReading]:
        """Four folds that kept epochs 3, 5, 5 and 9, every subject read two points too high."""
        numbers = np.array_split(np.arange(len(study.fat)), 4)
        return [
            HmrsReading(branch, fold, study.fat[own] + 2.0, study.fat[own], own, epochs=kept)
            for branch in ("AR", "HR", "both")
            for fold, (own, kept) in enumerate(zip(numbers, (3, 5, 5, 9), strict=True))
        ]

    lengths: list[int] = []

    def fitted(*args: Any, **words: Any) -> object:
        lengths.append(args[4].epochs)
        return fit_whole(*args, **{**words, "steps": 1})

    monkeypatch.setattr("steatoscope.learning.evaluation.hmrs_scores.RESAMPLES", 50)
    monkeypatch.setattr("steatoscope.learning.evaluation.hmrs_train.cross_validated", folds)
    monkeypatch.setattr("steatoscope.learning.evaluation.hmrs_train.fit_whole", fitted)
    (tmp_path / "folds").mkdir()
    for name in ("frames-AR.npz", "frames-HR.npz"):
        shutil.copyfile(made[0] / "folds" / name, tmp_path / "folds" / name)
    found = train_hmrs_models(PLAN, None, tmp_path)
    assert lengths == [5, 5, 5]
    row = found["models"]["r4-hmrs-two-branch"]
    assert row["half_width"] == pytest.approx(2.0)
    folder = read_folder(tmp_path / "two-branch")
    assert folder.settings["graph_grader"]["half_width"] == pytest.approx(2.0)
    assert folder.training["metrics"]["bias_percent"] == {"value": 2.0, "ci95": [2.0, 2.0]}
    assert "| rmse_percent | 2.000 | 2.000 to 2.000 |" in folder.file("card.md").decode()


def test_wrong_input_is_named(made: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no plan 'huge'"):
        train_r4(None, tmp_path, plan="huge")
    with pytest.raises(UsageError, match="needs --data"):
        train_r4(None, tmp_path, plan="real-full")
    with pytest.raises(UsageError, match="another plan, seed, data or weights"):
        train_hmrs_models(PLAN, None, made[0], seed=1, steps=1, resume=True)


@pytest.mark.realdata
def test_real_patients_make_a_model_on_their_own_scale(data_dir: Path, tmp_path: Path) -> None:
    found = train_r4(data_dir, tmp_path, plan="real-small", steps=1)
    folder = read_folder(tmp_path)
    settings = folder.settings["graph_grader"]
    assert list(found["models"]) == ["r4-hmrs-histology"] == [folder.name]
    assert (settings["scale"], settings["simulated"], settings["inputs"]) == ("histology", False, {"frames": None})
    assert "simulated" not in folder.file("card.md").decode()
    assert len(folder.training_sha256) == 80


def test_the_registry_names_what_there_is() -> None:
    recipe = RECIPES["r4-hmrs-regression"]
    assert recipe.runner.endswith("hmrs:run_r4")
    assert recipe.trainer.endswith("hmrs:train_r4")
