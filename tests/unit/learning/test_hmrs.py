"""Recipe R4 from plan to document: folds, a killed run, figures, baselines, manifest, wrong input."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra (make train)")

from hmrs_kit import TINY  # noqa: E402

from steatoscope.core.errors import SteatoscopeError, UsageError  # noqa: E402
from steatoscope.learning.evaluation.hmrs import run_hmrs, run_r4  # noqa: E402
from steatoscope.learning.evaluation.hmrs_cv import FOLDS, parts_of  # noqa: E402
from steatoscope.learning.evaluation.hmrs_plans import RealPlan, study_of  # noqa: E402
from steatoscope.learning.evaluation.hmrs_scores import HISTOLOGY, MRS, figures  # noqa: E402
from steatoscope.learning.evaluation.report import take_evidence, write_report  # noqa: E402
from steatoscope.learning.models.hmrs_cnn import HmrsCNN  # noqa: E402
from steatoscope.learning.training.hmrs_folds import network_for  # noqa: E402

Run = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def _few_resamples() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steatoscope.learning.evaluation.hmrs_scores.RESAMPLES", 100)
        yield


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A whole run of the tiny plan, uninterrupted."""
    out = tmp_path_factory.mktemp("hmrs") / "whole"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = run_hmrs(TINY, None, out)
    torch.set_num_threads(threads)
    return out, found


def _killed_within(folder: Path, place: str) -> None:
    """Run the tiny plan in a process of its own and kill it as soon as ``place`` is there."""
    script = Path(__file__).with_name("hmrs_kit.py")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, str(script), str(folder)], stdout=log, stderr=log)
        while not (folder / place).is_file():
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL


def test_a_run_killed_in_a_fold_ends_with_the_same_figures(tiny: Run, tmp_path: Path) -> None:
    whole, document = tiny
    for name in ("frames-AR.npz", "frames-HR.npz"):
        shutil.copyfile(whole / name, tmp_path / name)
    _killed_within(tmp_path, "fold-1-AR/checkpoint.pt")
    assert not (tmp_path / "fold-1-AR" / "reading.npz").is_file()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    resumed = run_hmrs(TINY, None, tmp_path, resume=True)
    torch.set_num_threads(threads)
    assert resumed["results"] == document["results"]
    assert resumed["cases"] == document["cases"]
    one, other = (torch.load(folder / "fold-1-AR" / "network.pt", weights_only=True) for folder in (whole, tmp_path))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_document_has_every_row_with_intervals_and_says_simulated(tiny: Run, tmp_path: Path) -> None:
    document, evidence = take_evidence(tiny[1])
    rows = document["results"]
    for name in ("one view, AR (simulated)", "one view, HR (simulated)", "two branches (simulated)"):
        for row in (rows[name], rows[f"{name}, by frame"]):
            assert row["rmse_percent_ci"][0] <= row["rmse_percent"] <= row["rmse_percent_ci"][1]
            assert {"accuracy_4_ci", "mae_percent_ci", "bias_percent_ci"} <= row.keys()
    ours = [name for name in rows if not name.startswith("published")]
    assert all("(simulated)" in name for name in ours)
    assert sum(name.startswith("baseline") for name in ours) == 3
    assert rows["published: AR"] == {"rmse_percent": 1.11}
    assert rows["published: view not said"] == {"pearson": 0.983, "accuracy_4": 0.9}
    assert len(document["cases"]) == document["n_subjects"] == 28
    assert evidence.confusions[0].labels == ("S0", "S1", "S2", "S3")
    assert all(int(confusion.counts.sum()) == 28 for confusion in evidence.confusions)
    assert any("random weights" in note for note in evidence.notes)
    write_report(document, evidence, tmp_path)
    assert "simulated" in (tmp_path / "benchmark.html").read_text(encoding="utf-8")


def test_the_manifest_names_data_folds_seeds_and_machine(tiny: Run) -> None:
    found = tiny[1]["manifest"]
    assert len(found["data"]) == 2 * 28
    assert len({row["sha256"] for row in found["data"]}) == 2 * 28
    tested = [name for fold in found["split"] for name in fold["test"]]
    assert len(tested) == len(set(tested)) == 28
    for fold in found["split"]:
        assert not set(fold["test"]) & {*fold["learn"], *fold["watch"]}
        assert not set(fold["learn"]) & set(fold["watch"])
    assert len(found["networks"]) == FOLDS * 3
    assert all(network["kept_epoch"] in (1, 2) for network in found["networks"])
    assert found["weights"] == {"network": "hmrs-cnn", "source": "random", "sha256": None}
    assert {"python", "torch", "numpy"} <= found["versions"].keys()
    assert {"machine", "processor", "cores", "device", "threads"} <= found["hardware"].keys()
    assert found["seconds"] > 0


def test_folds_hold_every_class_in_every_part(tiny: Run) -> None:
    study = study_of(TINY, None, tiny[0], 0)
    for part in parts_of(study, 0):
        for numbers in (part.learn, part.watch, part.test):
            assert set(study.strata[numbers]) == {0, 1, 2, 3}


def test_two_branches_begin_as_the_networks_of_their_own_fold(tiny: Run) -> None:
    out, _ = tiny
    joined = network_for("both", out / "fold-2", seed=5)
    for branch, view in ((joined.ar, "AR"), (joined.hr, "HR")):  # type: ignore[union-attr]
        single = HmrsCNN()
        single.load_state_dict(torch.load(out / f"fold-2-{view}" / "network.pt", weights_only=True))
        own = branch.state_dict()
        assert all(torch.equal(own[name], value) for name, value in single.features.state_dict().items())


def test_wrong_input_is_named(tiny: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no plan 'huge'; choose from small, medium, full, real-small, real-full"):
        run_r4("huge", None, tmp_path)
    with pytest.raises(UsageError, match="another plan, seed, data or weights"):
        run_r4("small", None, tiny[0], resume=True)
    with pytest.raises(UsageError, match="another plan, seed, data or weights"):
        run_hmrs(TINY, None, tiny[0], seed=1, resume=True)
    with pytest.raises(UsageError, match="holds a run already"):
        run_hmrs(TINY, None, tiny[0])
    with pytest.raises(UsageError, match="needs --data"):
        run_r4("real-small", None, tmp_path / "real")
    with pytest.raises(UsageError, match="no hub ships weights"):
        run_r4("small", None, tmp_path / "hub", weights="hub")
    with pytest.raises(SteatoscopeError) as caught:
        run_r4("real-small", tmp_path, tmp_path / "empty")
    assert caught.value.code == "E_PATH"


def test_too_few_patients_are_named(tmp_path: Path) -> None:
    rows, draw = ["patient_id,fat_percent,class"], np.random.default_rng(0)
    for number in range(1, 13):
        rows.append(f"{number},{5 * number},1")
        folder = tmp_path / "data" / f"patient_{number:02d}"
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "frame_01.png"), draw.integers(0, 255, (160, 200), dtype=np.uint8))
    (tmp_path / "data" / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(SteatoscopeError, match="E_SUBJECTS") as caught:
        run_r4("real-small", tmp_path / "data", tmp_path / "out")
    assert caught.value.code == "E_SUBJECTS"
    assert "stratum of 3" in str(caught.value.cause)


def test_start_weights_come_from_a_file_and_are_recorded(tmp_path: Path) -> None:
    torch.manual_seed(4)
    given = HmrsCNN()
    torch.save(given.state_dict(), tmp_path / "start.pt")
    found = network_for("AR", tmp_path / "fold-0", 0, str(tmp_path / "start.pt"))
    assert torch.equal(found.dense.weight, given.dense.weight)
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "other.pt")
    with pytest.raises(SteatoscopeError) as caught:
        network_for("AR", tmp_path / "fold-0", 0, str(tmp_path / "other.pt"))
    assert caught.value.code == "E_WEIGHTS"


def test_figures_have_their_closed_forms() -> None:
    fat = np.array([1.0, 3.12, 5.0, 10.0, 20.0, 30.0])
    value = fat + np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    row = figures(value, fat, np.arange(6))
    assert row["rmse_percent"] == row["mae_percent"] == 1.0
    assert row["bias_percent"] == 0.0
    assert row["accuracy_4"] == 1.0
    assert row["pearson"] == pytest.approx(np.corrcoef(value, fat)[0, 1], abs=1e-4)
    assert "auc" not in row
    np.testing.assert_array_equal(MRS.of(np.array([3.12, 3.13, 8.77, 13.69, 13.7])), [0, 1, 1, 2, 3])
    np.testing.assert_array_equal(HISTOLOGY.of(np.array([4.9, 5.0, 33.0, 66.0, 67.0])), [0, 1, 1, 2, 3])
    assert figures(fat, fat, np.arange(6), HISTOLOGY)["auc"] == 1.0


@pytest.mark.realdata
def test_real_patients_stay_on_one_side_and_keep_their_scale(data_dir: Path, tmp_path: Path) -> None:
    study = study_of(RealPlan("one", frames=1), data_dir, tmp_path, 0)
    assert study.scale == "histology"
    assert study.views["real"].pixels.shape == (40, 360, 360)
    assert not study.simulated
    parts = parts_of(study, 0)
    assert sorted(np.concatenate([part.test for part in parts]).tolist()) == list(range(40))
    for part in parts:
        assert not set(part.test) & {*part.learn, *part.watch}


@pytest.mark.realdata
def test_real_frames_from_plan_to_document(data_dir: Path, tmp_path: Path) -> None:
    document = run_hmrs(RealPlan("one", frames=1, epochs=1), data_dir / "us" / "byra2018", tmp_path)
    rows = document["results"]
    assert {"one branch, real frames", "one branch, real frames, by frame"} <= rows.keys()
    assert {"baseline: GLCM + SVM", "baseline: random forest", "baseline: hepatorenal index, hand boxes"} <= rows.keys()
    assert "auc_over_33_ci" in rows["baseline: random forest"]
    assert not any("simulated" in name for name in rows)
    assert len(document["manifest"]["data"]) == document["n_images"] == 40
