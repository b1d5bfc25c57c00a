"""Recipe R1: nothing leaks, healthy livers are the baseline, it runs on real frames, and it says what it cannot do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from steatoscope.core.errors import SteatoscopeError, UsageError
from steatoscope.learning.catalogue import open_model
from steatoscope.learning.evaluation import r1
from steatoscope.learning.evaluation.r1_data import PLANS, read_study
from steatoscope.learning.evaluation.r1_read import read_regions
from steatoscope.learning.evaluation.r1_scores import (
    Truth,
    healthy_distance,
    healthy_z,
    learned,
    ranked,
    robust_z,
    row_of,
)
from steatoscope.learning.training.r1_regions import MODEL, check_unseen
from steatoscope.learning.training.sets import Sample


def _study(count: int = 32, repeats: int = 1) -> tuple[np.ndarray, Truth]:
    """Features of which the first follows the root of fat, and the truth."""
    rng = np.random.default_rng(1)
    fat = np.repeat([1.0, 15.0, 45.0, 80.0], count // 4) + rng.uniform(0.0, 3.0, count)
    features = rng.normal(size=(count, 4))
    features[:, 0] = np.sqrt(fat) + rng.normal(0.0, 0.2, count)
    grade = np.repeat(np.arange(4), count // 4).astype(np.intp)
    return features, Truth.of(grade, fat, 4, repeats, 0)


def test_every_repeat_tests_each_patient_once() -> None:
    _, truth = _study(repeats=2)
    assert len(truth.repeats) == 2
    for folds in truth.repeats:
        assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(32))
        assert all(not np.intersect1d(train, test).size for train, test in folds)


def test_a_feature_that_follows_fat_is_found_and_noise_is_not() -> None:
    features, truth = _study()
    good = row_of(learned("linear", features, truth, 0), truth)
    noise = row_of(learned("linear", features[:, 1:], truth, 0), truth)
    assert good["accuracy_4"] > 0.5 > noise["accuracy_4"]
    assert good["mae_percent"] < 10.0 < noise["mae_percent"]
    assert good["accuracy_4_ci"][0] <= good["accuracy_4"] <= good["accuracy_4_ci"][1]


def test_healthy_livers_are_the_baseline() -> None:
    features, truth = _study()
    z = healthy_z(features, truth, 0)
    assert len(z) == 1
    assert ranked(z, truth)["auc"] > 0.95
    assert float(np.median(z[0][truth.grade == 0])) == pytest.approx(0.0, abs=1.5)
    assert ranked(healthy_distance(features[:, :1], truth), truth)["auc"] > 0.9


def test_robust_z_of_known_numbers() -> None:
    healthy = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    found = robust_z(np.array([[2.0 + 1.4826, 9.0], [np.nan, 5.0]]), healthy)
    assert found == pytest.approx(np.array([[1.0, 0.0], [0.0, 0.0]]))


def test_a_frame_that_the_detector_was_trained_on_is_a_leak(tmp_path: Path) -> None:
    model = open_model(MODEL)
    sample = Sample(tmp_path / "frame.png", "patient_01", "patient_01", "us")
    sample.__dict__["sha256"] = next(iter(model.training_sha256))  # as if the file were one of them
    with pytest.raises(SteatoscopeError) as fault:
        check_unseen(model, [sample])
    assert fault.value.code == "E_LEAK"


def test_wrong_words_and_missing_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no plan"):
        r1.run_r1("huge", tmp_path, tmp_path)
    with pytest.raises(SteatoscopeError) as fault:
        r1.run_r1("small", tmp_path, tmp_path)
    assert fault.value.code == "E_PATH"


@pytest.mark.realdata
def test_the_chain_reads_real_frames_it_has_not_seen(data_dir: Path, tmp_path: Path) -> None:
    study = read_study(data_dir, PLANS["small"], 0)
    model = open_model(MODEL)
    check_unseen(model, study.source.samples)
    few = replace(study, chosen=dict(list(study.chosen.items())[:2]))
    found = read_regions(model, few, tmp_path, resume=False, told=None)
    assert len({one.features.shape for one in found}) == 1
    assert all(one.cpu_ms > 0.0 for one in found)
    again = read_regions(model, few, tmp_path, resume=True, told=None)
    np.testing.assert_array_equal(again[0].features, found[0].features)
