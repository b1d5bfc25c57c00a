"""Recipe R3: the ladder on one set of folds, fusion with missing views, ensembles, calibration, packed models."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from grading_kit import FAT, painted_clip, painted_folder  # noqa: E402

from steatoscope.core.errors import SteatoscopeError  # noqa: E402
from steatoscope.learning.evaluation.grading_baselines import hand_index  # noqa: E402
from steatoscope.learning.evaluation.grading_scores import by_frame, by_patient, scored  # noqa: E402
from steatoscope.learning.evaluation.r3 import PLANS, run_r3, train_r3  # noqa: E402
from steatoscope.learning.inference.us_graph import GraphModel, GraphView  # noqa: E402
from steatoscope.learning.model_folder import read_folder  # noqa: E402
from steatoscope.learning.models.plain_cnn import PlainCNN  # noqa: E402
from steatoscope.learning.training.grading_cv import chosen_frames, renamed  # noqa: E402
from steatoscope.learning.training.grading_data import GradingSet, read_grading  # noqa: E402
from steatoscope.learning.training.grading_folds import r3_folds  # noqa: E402
from steatoscope.learning.training.grading_keep import Reading  # noqa: E402
from steatoscope.learning.training.grading_nets import headed, start_at  # noqa: E402
from steatoscope.learning.training.grading_outputs import Outputs, mean_outputs  # noqa: E402
from steatoscope.learning.training.losses import class_and_value  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread", "few_resamples")


@pytest.fixture(scope="module")
def folder(graded_folder: Path) -> Path:
    """A painted set of twelve patients."""
    return graded_folder


@pytest.fixture(scope="module")
def data(folder: Path) -> GradingSet:
    """The set, prepared."""
    return read_grading(folder)


def test_folds_have_an_inner_part_and_share_nobody(data: GradingSet) -> None:
    folds = r3_folds(data, replace(PLANS["full"], folds=3, run_folds=3), 0)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(FAT)))
    for fold in folds:
        assert len(fold.watch)
        assert sorted(np.concatenate([fold.learn, fold.watch, fold.test])) == list(range(len(FAT)))


def test_too_few_subjects_for_the_inner_folds_are_named(tmp_path: Path) -> None:
    few = read_grading(painted_folder(tmp_path, fat=(1, 2, 10, 20, 40, 50, 70, 80)))
    with pytest.raises(SteatoscopeError) as fault:
        r3_folds(few, PLANS["small"], 0)
    assert fault.value.code == "E_SUBJECTS"


def test_a_missing_view_changes_nothing_but_itself() -> None:
    network = headed("fusion", "efficientnet-lite0", 0, 10.0).eval()
    maps = torch.rand(1, 3, 1280, 2, 2)
    with torch.no_grad():
        two = network(maps[:, :2], torch.ones(1, 2))
        masked = network(maps, torch.tensor([[1.0, 1.0, 0.0]]))
    torch.testing.assert_close(two, masked)


def test_heads_start_at_the_mean_and_smoothing_is_in_the_loss() -> None:
    network = PlainCNN().eval()
    start_at(network, 30.0)
    with torch.no_grad():
        _, fat = network(torch.rand(2, 1, 112, 112))
    assert fat.mean().item() == pytest.approx(30.0, abs=3.0)
    logits, grade = torch.tensor([[9.0, 0.0, 0.0, 0.0]]), torch.tensor([0])
    value = torch.ones(1)
    plain, smooth = (
        class_and_value(logits, grade, value, value, torch.ones(4), smoothing=share) for share in (0.0, 0.1)
    )
    assert smooth > plain


def _reading(data: GradingSet, fold: int, sharp: float) -> Reading:
    patients = np.arange(fold, len(FAT), 2)
    rows = data.frames_of(patients)
    patient = data.patient[rows]
    logits = np.eye(4)[data.grade[patient]] * sharp
    logits[patient == patients[0]] = np.eye(4)[3] * sharp
    outputs = Outputs(logits, data.fat[patient] + 4.0, patient)
    return Reading("made up", fold, outputs, outputs, 1, 0.0)


def test_figures_by_patient_are_calibrated_on_inner_patients(data: GradingSet) -> None:
    readings = [_reading(data, fold, 12.0) for fold in (0, 1)]
    graded = by_patient(readings, data)
    row = scored(graded)
    assert sorted(graded.patient) == list(range(len(FAT)))
    assert min(graded.temperatures) > 1.0
    assert row["ece"] < row["ece_uncalibrated"] + 0.2
    assert row["mae_percent"] == pytest.approx(4.0)
    assert "interval_coverage_90" not in row, "six left-out patients give no interval at 90 %"
    assert "accuracy_4_ci" in row
    assert len(by_frame(readings, data).fat) == 4 * len(FAT)


def test_an_ensemble_is_the_mean_of_probabilities_and_frames_can_be_chosen(data: GradingSet) -> None:
    one = Outputs(np.log([[0.7, 0.1, 0.1, 0.1]]), np.array([10.0]), np.array([0]))
    other = Outputs(np.log([[0.1, 0.7, 0.1, 0.1]]), np.array([30.0]), np.array([0]))
    found = mean_outputs([one, other])
    np.testing.assert_allclose(np.exp(found.logits), [[0.4, 0.4, 0.1, 0.1]], atol=1e-6)
    assert found.fat[0] == 20.0
    kept = renamed("chosen", [_reading(data, 0, 3.0)], 0, data=data)
    assert len(kept.test.fat) == 3 * 6
    assert all(len(rows) == 3 for rows in chosen_frames(data).values())


def test_without_boxes_there_is_no_hepatorenal_index(data: GradingSet) -> None:
    assert np.isnan(hand_index(data)).all()


def test_the_ladder_runs_and_packs(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEATOSCOPE_CACHE", str(tmp_path / "cache"))
    document = run_r3("small", folder, tmp_path / "run")
    results = document["results"]
    notes = " ".join(document["evidence"].notes)
    assert "1 of 5 folds by patient" in notes
    assert "No intervals at 90 %" in notes
    assert not any("interval_coverage_90" in row for row in results.values())
    assert {
        "baseline CNN, from scratch", "lite0, frozen, two heads", "lite0 + attention", "lite0, fusion of 3 frames",
        "lite0, fusion of 3 frames, one missing",
    } <= results.keys()  # fmt: skip
    assert "ensemble of 2 lite0 + attention" in results
    assert "published: ensemble of five" in results
    assert len(document["manifest"]["temperatures"]["ensemble"]) == 1
    for rung in ("ensemble", "fusion"):
        model = tmp_path / rung
        shutil.copytree(tmp_path / "run", model / "work")
        train_r3(folder, model, seed=0, steps=2, resume=True, plan="small", rung=rung)
        packed = read_folder(model)
        assert packed.training["plan"]["run_folds"] == 1
        assert "in 1 of 5 folds, plan small" in packed.training["split"]
        graph = GraphModel(packed)
        for views in (1, 3):
            answer = graph.predict_views([GraphView(None, *painted_clip())] * views)[0]
            assert 0.0 <= answer.value_percent <= 100.0
            assert sum(answer.grade_probabilities.values()) == pytest.approx(1.0)
