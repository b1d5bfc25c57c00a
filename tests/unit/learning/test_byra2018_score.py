"""Figures of the Byra 2018 benchmark and the scoring of a model on a folder: no training image, no torch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.measurement import Interval
from steatoscope.imaging.preprocess.us_sector import polar_coordinates
from steatoscope.learning.evaluation.byra2018 import score_byra2018
from steatoscope.learning.evaluation.byra2018_controls import tick_period
from steatoscope.learning.evaluation.byra2018_figures import Answers, paired, scored, shift_row, spearman
from steatoscope.learning.evaluation.byra2018_score import hand_index
from steatoscope.learning.inference.byra2018_data import Patient, read_byra2018
from steatoscope.learning.inference.us_first import USFatPrediction

FAT = np.array([1.0, 2.0, 3.0, 8.0, 20.0, 30.0, 40.0, 50.0, 70.0, 75.0])
SHAPE, APEX = (434, 636), (317.5, 7.0)
RADIUS, ANGLE = polar_coordinates(SHAPE, APEX)
INSIDE = (RADIUS > 4) & (RADIUS < 360) & (np.abs(ANGLE) < 0.916)


def answers(value, probability=None):
    value = np.asarray(value, dtype=np.float64)
    p = value / 100.0 if probability is None else np.asarray(probability)
    return Answers(p, value, value, p, value - 10.0, value + 10.0, tuple(("normal", "mild") for _ in value))


def test_figures_are_scikit_learns_and_scipys():
    rng = np.random.default_rng(0)
    value = np.clip(FAT + rng.normal(0, 15, FAT.size), 0, 100)
    found = scored(answers(value), FAT, resamples=50)
    assert found["auc"] == pytest.approx(roc_auc_score(FAT >= 5, value), abs=1e-4)
    assert found["auc_over_33"] == pytest.approx(roc_auc_score(FAT > 33, value), abs=1e-4)
    assert found["spearman"] == pytest.approx(spearmanr(value, FAT)[0], abs=1e-4)
    assert found["mae_percent"] == pytest.approx(np.abs(value - FAT).mean(), abs=1e-4)
    assert found["bias_severe"] == pytest.approx((value - FAT)[-2:].mean(), abs=1e-4)
    grades = [np.digitize(x, [5.0, 33.0001, 66.0001]) for x in (FAT, value)]
    assert found["qwk"] == pytest.approx(cohen_kappa_score(*grades, weights="quadratic"), abs=1e-4)
    assert found["interval_coverage_90"] == pytest.approx(np.mean(np.abs(value - FAT) <= 10), abs=1e-4)
    assert found["set_coverage_90"] == 0.6
    assert found["mean_set_size"] == 2.0
    low, high = found["mae_percent_ci"]
    assert low <= found["mae_percent"] <= high


def test_coverage_is_told_by_true_grade_and_the_error_beside_that_of_chance():
    value = FAT + np.array([0.0, 11.0, 12.0, 0.0, 0.0, 0.0, 0.0, 20.0, -15.0, -20.0])
    found = scored(answers(value), FAT, resamples=20)
    shares = [found[f"interval_coverage_{name}"] for name in ("normal", "mild", "moderate", "severe")]
    assert shares == pytest.approx([1 / 3, 1.0, 0.5, 0.0], abs=1e-4)
    assert [found[f"set_coverage_{name}"] for name in ("mild", "moderate", "severe")] == [1.0, 0.0, 0.0]
    low, high = found["ece_if_calibrated_ci"]
    assert 0.0 < low < found["ece_if_calibrated"] < high < 0.6


def test_a_method_that_only_ranks_has_no_values():
    found = scored(Answers.ranking(FAT), FAT, resamples=20)
    assert found["auc"] == found["spearman"] == 1.0
    assert "mae_percent" not in found
    assert "ece" not in found
    assert "ece_if_calibrated" not in found


def test_paired_difference_of_a_method_with_itself_is_zero():
    one = answers(FAT + 3.0)
    found = paired(one, one, FAT, resamples=50)
    assert found["auc"] == found["mae_percent"] == 0.0
    assert found["mae_percent_ci"] == [0.0, 0.0]
    better = paired(answers(FAT + 1.0), answers(FAT[::-1].copy()), FAT, resamples=50)
    assert better["auc_ci"][0] > 0


def test_shift_row_says_how_far_values_moved():
    found = shift_row(answers(FAT + 4.0), answers(FAT), FAT, resamples=50)
    assert found["mean_shift_percent"] == pytest.approx(4.0)
    assert found["auc_change"] == 0.0


def test_spearman_of_a_constant_is_unknown():
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))


@dataclass
class Stub:
    """Calls brightness fat."""

    training_sha256: frozenset[str] = frozenset()
    version: str = "0"
    seen: list[int] = field(default_factory=list)

    def predict(self, frames, sector):
        self.seen.append(len(frames))
        value = float(frames[0][sector.mask].mean())
        shares = {"normal": 1 - value / 255, "mild": value / 255, "moderate": 0.0, "severe": 0.0}
        heat = np.zeros(frames.shape[1:], np.float32)
        interval = Interval(max(value - 20, 0.0), value + 20, 0.9)
        return USFatPrediction(value, interval, value / 255, 0.5, value >= 5, shares, (), {}, 0.0, False, False, heat)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    rows = ["patient_id,fat_percent"]
    for number, fat in enumerate((1, 30, 60, 90), start=1):
        home = tmp_path / f"patient_{number:02d}"
        home.mkdir()
        for frame in (1, 2):
            speckle = cv2.GaussianBlur(rng.normal(0, 25, SHAPE), (0, 0), 1.0)
            image = np.where(INSIDE, np.clip(60 + fat + speckle, 5, 250), 0).astype(np.uint8)
            cv2.imwrite(str(home / f"frame_{frame:02d}.png"), image)
        rows.append(f"{number},{fat}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path


def test_a_model_is_scored_on_all_patients_and_on_single_frames(folder):
    stub = Stub()
    found = score_byra2018(folder, stub, name="stub", resamples=20)
    assert (found["n_subjects"], found["n_images"], found["left_out"]) == (4, 8, 0)
    assert found["results"]["stub"]["spearman"] == 1.0
    assert found["results"]["stub, first frame"]["auc"] == 1.0
    assert stub.seen == [2, 1] * 4
    assert [case["fat_percent"] for case in found["cases"]] == [1.0, 30.0, 60.0, 90.0]


def test_training_images_are_left_out_and_counted(folder):
    patients = read_byra2018(folder)
    known = frozenset({*patients[0].sha256, patients[1].sha256[0]})
    found = score_byra2018(folder, Stub(known), resamples=20)
    assert (found["n_subjects"], found["n_images"], found["left_out"]) == (3, 5, 3)


def test_nothing_left_is_a_leak(folder):
    known = frozenset(sha256 for patient in read_byra2018(folder) for sha256 in patient.sha256)
    with pytest.raises(SteatoscopeError) as caught:
        score_byra2018(folder, Stub(known))
    assert caught.value.code == "E_LEAK"


def test_patients_without_a_sector_are_counted(folder):
    shutil.rmtree(folder / "patient_04")
    (folder / "patient_04").mkdir()
    cv2.imwrite(str(folder / "patient_04" / "frame_01.png"), np.zeros(SHAPE, np.uint8))
    found = score_byra2018(folder, Stub(), resamples=20)
    assert found["no_sector"] == 1
    assert found["n_subjects"] == 3


def test_hand_index_is_the_mean_ratio_of_the_boxes():
    frames = np.full((2, 100, 100), 50, np.uint8)
    frames[:, 10:38, 10:38] = 100
    frames[1, 60:88, 60:88] = 25
    boxes = {1: ((10.0, 10.0), (60.0, 60.0)), 2: ((10.0, 10.0), (60.0, 60.0))}
    patient = Patient("p", frames, (1, 2), 5.0, ("a", "b"), boxes)
    assert hand_index(patient) == pytest.approx((2.0 + 4.0) / 2.0)
    assert np.isnan(hand_index(Patient("p", frames, (1, 2), 5.0, ("a", "b"), {})))


@pytest.mark.parametrize("period", [19.0, 22.5])
def test_depth_ticks_are_measured_along_the_edge(period):
    from steatoscope.imaging.preprocess.us_sector import Sector

    sector = Sector(INSIDE, APEX, 4.0, 360.0, -0.916, 0.916, "sector", 0.9)
    ticks = (np.abs((RADIUS + period / 2) % period - period / 2) < 1.2) & (ANGLE < -0.92) & (ANGLE > -1.0)
    assert tick_period(np.where(ticks, 200.0, 0.0), sector) == pytest.approx(period, abs=0.3)


def test_scoring_needs_no_torch_and_no_scikit_learn():
    code = (
        "import sys, steatoscope.learning.evaluation.byra2018 as b, steatoscope.learning.inference.us_steatosis\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'timm')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
