"""Recipe R1's packed model: trained on a user's own table, killed and resumed, read back, and used by an analysis."""

from __future__ import annotations

import json
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
from r1_kit import FAT, own_folder, read_rows, write_rows

pytest.importorskip("sklearn", reason="needs the train extra (make train)")

from steatoscope.apps.wiring.run import run_study
from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.core.image import Clip
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.catalogue import open_model
from steatoscope.learning.evaluation.r1_train import train_r1
from steatoscope.learning.evaluation.unseen import unseen
from steatoscope.learning.inference.r1_chain import mean_features
from steatoscope.learning.inference.r1_heads import LinearHead, RegionHeads, share_outside
from steatoscope.learning.inference.r1_model import CHAIN, RegionModel
from steatoscope.learning.model_folder import WeightsError, read_folder
from steatoscope.pipeline.options import AnalyseOptions

Made = tuple[Path, Path, dict[str, Any]]


@pytest.fixture(scope="module", autouse=True)
def _few_resamples() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steatoscope.learning.evaluation.r1_scores.RESAMPLES", 50)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The table, the run and what training told, uninterrupted."""
    folder = tmp_path_factory.mktemp("r1")
    data, out = own_folder(folder / "own"), folder / "run"
    return data, out, train_r1(data, out, seed=0, steps=None, resume=False, plan="small")


def test_the_pack_is_whole_and_says_on_what_it_rests(made: Made) -> None:
    data, out, told = made
    folder = read_folder(out)
    assert (folder.name, folder.sha256) == (told["model"], told["sha256"]) == ("r1-unet-rcnn", folder.sha256)
    own = list(data.glob("*/*.png"))
    assert len(own) == told["patients"] == len(FAT)
    for path in own:
        with pytest.raises(SteatoscopeError) as fault:
            unseen([path], folder)
        assert fault.value.code == "E_LEAK"
    detector = open_model("us-localiser")
    assert detector.training_sha256 < folder.training_sha256
    assert len(folder.training_sha256 - detector.training_sha256) == len(own)
    card = folder.file("card.md").decode()
    for words in (
        "Learnt from simulated images",
        "scale pdff",
        "us-localiser",
        "| accuracy of four grades |",
        "simulated",
    ):
        assert words in card, words
    assert folder.training["simulated"] is True
    low, high = folder.training["metrics"]["accuracy_4"]["ci95"]
    assert low <= folder.training["metrics"]["accuracy_4"]["value"] <= high
    assert {name for name in folder.files if name.endswith(".onnx")} == {"dense.onnx", "region.onnx", "mask.onnx"}


def test_a_training_killed_midway_ends_as_the_uninterrupted_one(made: Made, tmp_path: Path) -> None:
    data, whole, told = made
    command = [sys.executable, str(Path(__file__).with_name("r1_kit.py")), str(data), str(tmp_path / "run")]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        while len(list(tmp_path.glob("run/work/frames/*/*.npz"))) < 3:
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("run/work/frames/*/*.npz")}
    assert 3 <= len(kept) < len(FAT)
    again = train_r1(data, tmp_path / "run", seed=0, steps=None, resume=True, plan="small")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert again == told
    assert (tmp_path / "run" / CHAIN).read_bytes() == (whole / CHAIN).read_bytes()


def test_a_view_is_read_and_its_map_adds_up_to_its_value(made: Made) -> None:
    model = RegionModel.open(read_folder(made[1]))
    frames = simulate_us(14.0, 99, frames=2, size=(217, 318)).clip.frames
    sector = find_sector(Clip(frames))
    assert sector is not None
    found = model.predict(frames, sector)
    assert not found.out_of_distribution
    assert found.interval.low <= found.value_percent <= found.interval.high
    assert sum(found.grade_probabilities.values()) == pytest.approx(1.0)
    assert found.probability == pytest.approx(1.0 - found.grade_probabilities["normal"])
    means = [float(model.heads.scores(one.regions).mean()) for one in found.frames]
    assert np.sqrt(found.value_percent) == pytest.approx(np.clip(np.mean(means), 0.0, 10.0), abs=1e-6)
    healthy = model.heads.healthy[0] ** 2
    points = (found.value_percent - healthy) / (np.sqrt(found.value_percent) - model.heads.healthy[0])
    effects = [points * (model.heads.scores(one.regions).mean() - model.heads.healthy[0]) for one in found.frames]
    assert np.mean(effects) == pytest.approx(found.value_percent - healthy, abs=1e-6)
    liver = np.any([one.liver_mask for one in found.frames], axis=0)
    around = cv2.dilate(liver.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert found.heatmap.any()
    assert not found.heatmap[~around].any()
    assert all(one.score >= model.region_level and one.mask.any() for one in found.regions)


def test_without_a_region_on_a_liver_a_view_is_foreign(made: Made) -> None:
    model = RegionModel.open(read_folder(made[1]))
    frames = simulate_us(14.0, 99, size=(217, 318)).clip.frames
    sector = find_sector(Clip(frames))
    assert sector is not None
    found = model.predict(np.zeros_like(frames), sector)
    assert found.out_of_distribution
    assert found.regions == ()
    assert not found.heatmap.any()


def test_an_analysis_shows_what_the_model_found(made: Made, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "frame.png"), simulate_us(25.0, 77, size=(434, 636)).clip.frames[0])
    code, document = run_study(
        [tmp_path / "frame.png"], tmp_path / "out", AnalyseOptions(modality="US", model=str(made[1]))
    )
    assert code == 0
    assert document["fat"]["scale"] == "pdff"
    assert document["fat"]["method"].startswith("r1-unet-rcnn")
    assert document["fat"]["interval"]["low"] <= document["fat"]["value_percent"] <= document["fat"]["interval"]["high"]
    assert document["segmentation"]["liver"]["method"] == "r1-unet-rcnn 1.0.0"
    assert document["segmentation"]["kidney"] is None
    assert document["explanation"]["heatmap"] == "overlay.png"
    assert document["baseline"]["reference"] == "the patients graded normal in the model's training set"
    assert {"W_SIMULATED", "W_OOD"} <= {code["code"] for code in document["quality"]["codes"]}
    assert "r1-unet-rcnn" in [model["name"] for model in document["models"]]
    assert (tmp_path / "out" / "mask-liver.png").is_file()


def test_a_changed_chain_is_not_used(made: Made, tmp_path: Path) -> None:
    shutil.copytree(made[1], tmp_path / "run", ignore=shutil.ignore_patterns("work"))
    document = json.loads((tmp_path / "run" / CHAIN).read_text())
    (tmp_path / "run" / CHAIN).write_text(json.dumps({**document, "temperature": 1.0}))
    with pytest.raises(WeightsError):
        RegionModel.open(read_folder(tmp_path / "run"))


def _heads(local: np.ndarray) -> RegionHeads:
    head = LinearHead(np.zeros(2), np.ones(2), np.full(2, 2.0), np.array([[1.0, 3.0]]), np.array([0.5]))
    return RegionHeads(
        np.zeros(2), np.full(2, 4.0), ("normal", "severe"), head, head, 2.0, 1.0, (1.0, 0.5), local, 0.1
    )  # fmt: skip


def test_heads_have_their_closed_forms() -> None:
    heads = _heads(np.arange(9.0))
    assert heads.score(np.array([3.0, 5.0])) == pytest.approx(0.5 + 1.0 + 3.0 * 2.0)
    assert heads.scores(np.array([[3.0, 5.0]])) == pytest.approx([0.5 + 1.0 + 3.0 * 1.5])  # 5 is cut to 4
    assert heads.score(np.array([np.nan, 1.0])) == pytest.approx(0.5 - 0.5)
    assert heads.healthy_z(2.0) == 2.0
    np.testing.assert_allclose(heads.abnormality(np.array([-1.0, 4.0, 8.5])), [0.0, 1 - 6 / 10, 1 - 1 / 10])
    assert heads.outside(np.array([[5.0, 1.0], [1.0, -1.0]])) == 0.5
    assert share_outside(np.zeros((0, 2)), heads.low, heads.high) == 0.0
    assert np.isnan(mean_features(np.zeros((0, 2)))).all()


def test_heads_come_back_from_their_json(made: Made) -> None:
    heads = RegionModel.open(read_folder(made[1])).heads
    again = RegionHeads.read(json.loads(json.dumps(heads.document())))
    features = np.random.default_rng(0).uniform(0.0, 2.0, (5, heads.low.size))
    np.testing.assert_allclose(again.scores(features), heads.scores(features), rtol=1e-6)
    assert again.grades(features[0]) == pytest.approx(heads.grades(features[0]))
    assert sum(again.grades(features[0]).values()) == pytest.approx(1.0)


def _broken(made: Made, folder: Path, change: Any) -> Path:
    """The table with changed rows; pictures are where they were."""
    rows = [[str(made[0] / row[0]), *row[1:]] for row in read_rows(made[0])]
    folder.mkdir(parents=True)
    write_rows(folder, change(rows))
    return folder


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda rows: rows[:5], "E_SUBJECTS"),
        (lambda rows: [row for row in rows if row[5] != "normal"], "E_SUBJECTS"),
        (lambda rows: [[*rows[0][:5], "steatotic"], *rows[1:]], "E_LABEL"),
        (lambda rows: [[*rows[0][:3], "", *rows[0][4:]], *rows[1:]], "E_LABEL"),
        (lambda rows: [[*rows[0][:4], "histology", rows[0][5]], *rows[1:]], "E_LABELSCALE"),
    ],
    ids=["five patients", "nobody healthy", "unknown grade", "no fat", "two scales"],
)
def test_a_table_that_cannot_be_learnt_from_is_named(made: Made, tmp_path: Path, change: Any, code: str) -> None:
    data = _broken(made, tmp_path / "own", change)
    with pytest.raises(SteatoscopeError) as fault:
        train_r1(data, tmp_path / "out", seed=0, steps=None, resume=False, plan="small")
    assert fault.value.code == code


def test_frames_of_two_sizes_in_a_view_are_named(made: Made, tmp_path: Path) -> None:
    from steatoscope.learning.training.r1_regions import sector_frames
    from steatoscope.learning.training.sets import Sample

    paths = [made[0] / "p01" / "frame_001.png", tmp_path / "other.png"]
    cv2.imwrite(str(paths[1]), np.zeros((100, 120), dtype=np.uint8))
    with pytest.raises(SteatoscopeError) as fault:
        list(sector_frames([Sample(path, "p01", "p01", "us") for path in paths]))
    assert fault.value.code == "E_SIZE"


def test_wrong_choices_are_named(made: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes no --steps"):
        train_r1(made[0], tmp_path, seed=0, steps=5, resume=False, plan="small")
    with pytest.raises(UsageError, match="no detector for ultrasound"):
        train_r1(made[0], tmp_path, seed=0, steps=None, resume=False, plan="small", weights="ct-localiser")
    with pytest.raises(UsageError, match="no plan"):
        train_r1(made[0], tmp_path, seed=0, steps=None, resume=False, plan="huge")
