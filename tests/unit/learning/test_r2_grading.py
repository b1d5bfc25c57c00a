"""Recipe R2: splits, heads on cached maps, Grad-CAM, the run and the model that it packs."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from grading_kit import FAT, painted_clip, painted_folder  # noqa: E402

from steatoscope.core.errors import SteatoscopeError, UsageError  # noqa: E402
from steatoscope.learning.evaluation.r2 import PLANS, run_r2, train_r2  # noqa: E402
from steatoscope.learning.evaluation.report import take_evidence, write_report  # noqa: E402
from steatoscope.learning.inference.us_graph import GraphModel  # noqa: E402
from steatoscope.learning.model_folder import read_folder  # noqa: E402
from steatoscope.learning.models.grading import FourGradeNet  # noqa: E402
from steatoscope.learning.training.grading_cv import grade_percent  # noqa: E402
from steatoscope.learning.training.grading_data import GradingSet, find_folder, grading_set, read_grading  # noqa: E402
from steatoscope.learning.training.grading_features import Bank  # noqa: E402
from steatoscope.learning.training.grading_fit import Training, answers, train_grader  # noqa: E402
from steatoscope.learning.training.grading_folds import r2_folds  # noqa: E402
from steatoscope.learning.training.grading_nets import grad_cam, headed  # noqa: E402
from steatoscope.learning.training.grading_outputs import fitted_temperature  # noqa: E402
from steatoscope.learning.training.sets_byra2018 import load_byra2018  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread", "few_resamples")


@pytest.fixture(scope="module")
def folder(graded_folder: Path) -> Path:
    """A painted set of twelve patients."""
    return graded_folder


@pytest.fixture(scope="module")
def data(folder: Path) -> GradingSet:
    """The set, prepared."""
    return read_grading(folder)


@pytest.fixture(scope="module")
def bank(data: GradingSet) -> Bank:
    """Maps that tell the grade: no encoder is needed to test the heads."""
    rng = np.random.default_rng(0)
    maps = (
        rng.normal(0.0, 0.1, (len(data), 2, 1280, 2, 2))
        + np.abs(np.eye(1280)[data.grade[data.patient]] * 20.0)[:, None, :, None, None]
    )
    return Bank(data, maps.astype(np.float16), {"source": "made up", "sha256": None, "encoder": "none"}, "none")


def test_the_folder_is_found_below_the_data(folder: Path) -> None:
    assert find_folder(folder.parent.parent) == folder.parent.parent / "us/byra2018"
    for missing in (None, folder.parent):
        with pytest.raises(SteatoscopeError) as fault:
            find_folder(None if missing is None else missing.parent.parent)
        assert fault.value.code == "E_PATH"


def test_each_patient_is_tested_once_and_in_one_part_only(data: GradingSet) -> None:
    folds = r2_folds(data, replace(PLANS["full"], folds=4, run_folds=4), 0)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(FAT)))
    for fold in folds:
        parts = np.concatenate([fold.learn, fold.watch, fold.test])
        assert sorted(parts) == list(range(len(FAT)))


def test_varied_copies_differ_and_come_again(data: GradingSet) -> None:
    assert not np.array_equal(data.picture(0, 1), data.picture(0))
    np.testing.assert_array_equal(data.picture(0, 1), data.picture(0, 1))
    assert not np.array_equal(data.picture(0, 1), data.picture(0, 2))


def test_missing_labels_mixed_scales_and_too_few_subjects_are_named(folder: Path, tmp_path: Path) -> None:
    whole = load_byra2018(folder)
    first, *rest = whole.samples

    def broken(**labels: Any) -> str:
        changed = replace(first, labels=replace(first.labels, **labels))
        with pytest.raises(SteatoscopeError) as fault:
            grading_set(replace(whole, samples=(changed, *rest)))
        return fault.value.code

    assert broken(grade=None) == "E_LABEL"
    assert broken(fat_percent=None) == "E_LABEL"
    assert broken(scale="pdff") == "E_LABELSCALE"
    few = painted_folder(tmp_path / "few", fat=(1, 2, 10, 20, 40, 50, 70, 80))
    with pytest.raises(SteatoscopeError) as fault:
        run_r2("small", few, tmp_path / "out")
    assert fault.value.code == "E_SUBJECTS"
    alone = painted_folder(tmp_path / "alone", fat=(1, 2, 10, 20, 40, 50, 70))
    with pytest.raises(SteatoscopeError, match="severe"):
        read_grading(alone)
    with (few / "labels.csv").open(encoding="utf-8", newline="") as stream:
        kept = list(csv.reader(stream))[:-1]
    with (few / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(kept)
    with pytest.raises(SteatoscopeError, match="not in labels"):
        read_grading(few)


def test_heads_learn_and_a_patient_in_two_parts_is_refused(bank: Bank) -> None:
    everyone = np.arange(len(FAT))
    learn, rest = everyone[::3], np.setdiff1d(everyone, everyone[::3])
    network = headed("r2", "efficientnet-lite0", 0, 0.0)
    history = train_grader(network, bank, rest, learn, Training(20, 0, peak=1e-3, plateau=True))
    found = answers(network, bank, learn)
    assert (found.logits.argmax(axis=1) == bank.data.grade[found.patient]).all()
    assert history.best_step is not None
    with pytest.raises(ValueError, match="in the training and in the watching part"):
        train_grader(network, bank, rest, everyone, Training(1, 0))
    with pytest.raises(UsageError):
        headed("wishes", "efficientnet-lite0", 0, 0.0)


def test_grad_cam_is_what_gradients_say() -> None:
    torch.manual_seed(1)
    head = FourGradeNet("efficientnet-lite0").head.eval()
    maps = torch.rand(2, 1280, 3, 3, requires_grad=True)
    hidden = torch.relu(head[0](maps.mean(dim=(2, 3))))
    logits = head[3](hidden)
    for grade in range(4):
        (slope,) = torch.autograd.grad(logits[:, grade].sum(), maps, retain_graph=True)
        weights = slope.sum(dim=(2, 3), keepdim=True) / 9
        expected = torch.relu((weights * maps).sum(dim=1))
        torch.testing.assert_close(grad_cam(head, maps)[:, grade], expected, rtol=1e-4, atol=1e-6)


def test_temperature_undoes_sharpening() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 4))
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    grade = np.array([rng.choice(4, p=row) for row in share], dtype=np.intp)
    assert fitted_temperature(3.0 * logits, grade) == pytest.approx(3.0, rel=0.15)
    assert fitted_temperature(np.zeros((0, 4)), np.zeros(0, dtype=np.intp)) == 1.0


def test_an_absent_grade_takes_its_neighbours_percent(data: GradingSet) -> None:
    kept = np.flatnonzero(data.grade != 2)
    found = grade_percent(data, kept)
    assert found[1] < found[2] < found[3]


def test_the_recipe_runs_and_packs_a_model(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEATOSCOPE_CACHE", str(tmp_path / "cache"))
    out, heard = tmp_path / "run", list[str]()
    document = run_r2("small", folder.parent.parent, out, told=heard.append)
    row = document["results"]["lite0, frozen, head of R2, last weights"]
    assert {"accuracy_4", "macro_f1", "recall_normal"} <= row.keys()
    assert {"published", "baseline: GLCM + SVM", "baseline: random forest"} <= document["results"].keys()
    assert (document["n_subjects"], document["n_images"]) == (12, 48)
    assert (document["n_tested"], document["left_out"]) == (2, 0)
    assert document["data"].endswith("plan small, 2 of 12 subjects tested")
    assert "Here: 12 subjects (byra2018), 2 of them tested" in document["comparability"]
    assert any("1 of 10 folds by patient" in note for note in document["evidence"].notes)
    manifest = document["manifest"]
    assert manifest["weights"]["sha256"]
    assert {"learn", "watch", "test"} <= manifest["split"][0].keys()
    assert heard
    with pytest.raises(UsageError, match="another plan, seed, data or weights"):
        run_r2("small", folder.parent.parent, out, seed=1, resume=True)
    write_report(*take_evidence(document), tmp_path / "report")
    model = tmp_path / "model"
    shutil.copytree(out, model / "work")
    train_r2(folder, model, seed=0, steps=4, resume=True, plan="small")
    packed = read_folder(model)
    assert packed.training["plan"]["name"] == "small"
    assert "(2 of 12 patients in 1 of 10 folds, plan small)" in packed.training["split"]
    assert not any(name.endswith("_ci") for name in packed.training["metrics"])
    assert "an interval over them means nothing" in (model / "card.md").read_text(encoding="utf-8")
    graph = GraphModel(packed)
    answer = graph.predict(*painted_clip())
    assert sum(answer.grade_probabilities.values()) == pytest.approx(1.0)
    assert graph.training_sha256
