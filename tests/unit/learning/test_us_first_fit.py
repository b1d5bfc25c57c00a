"""Fitting by patient on made-up features with a known answer."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="fitting needs scikit-learn (train or dev extra)")

from steatoscope.learning.inference.us_first_features import band_names
from steatoscope.learning.training.us_first_card import write_us_first
from steatoscope.learning.training.us_first_fit import (
    PatientTable,
    conformal_quantile,
    evaluate,
    fit_parts,
    left_out_scores,
    score_row,
)

NAMES = (*band_names(), "contrast_spread", "speckle_sd")


def table(count=40, noise=0.3, seed=0, link=1.0):
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 10, (count, len(NAMES)))
    values[:, -2:] = rng.normal((18, 14), 1, (count, 2))
    root = np.clip(4 + link * 0.2 * values[:, 3] - link * 0.1 * values[:, 6] + rng.normal(0, noise, count), 0, 10)
    return PatientTable(NAMES, values, root**2)


def test_known_weights_are_recovered():
    data = table(noise=0.02, link=0.5)
    fit = fit_parts(data)["regression"]
    per_unit = np.array(fit["weights"]) / np.array(fit["spreads"])
    assert per_unit[3] == pytest.approx(0.1, abs=0.01)
    assert per_unit[6] == pytest.approx(-0.05, abs=0.01)


def test_left_out_scores_do_not_see_the_patient():
    data = table()
    scores = left_out_scores(data)
    changed = PatientTable(data.names, data.values, data.fat.copy())
    changed.fat[7] = 90.0
    again = left_out_scores(changed)
    assert again[7] == pytest.approx(scores[7], abs=1e-12)
    assert not np.allclose(again[np.arange(40) != 7], scores[np.arange(40) != 7])


def test_nothing_to_learn_scores_like_chance_and_intervals_still_cover():
    found = evaluate(table(count=24, noise=2.0, link=0.0, seed=5))
    assert found["auc"]["value"] < 0.75
    assert found["interval_coverage_90"]["value"] >= 0.78


def test_conformal_quantile_rank():
    sizes = np.arange(1.0, 41.0)
    assert conformal_quantile(sizes, 0.9) == 37.0
    assert conformal_quantile(np.arange(1.0, 6.0), 0.9) == 5.0


def test_conformal_coverage_by_monte_carlo():
    rng = np.random.default_rng(3)
    hits = [abs(rng.normal()) <= conformal_quantile(np.abs(rng.normal(size=40)), 0.9) for _ in range(3000)]
    assert np.mean(hits) == pytest.approx(37 / 41, abs=0.02)


def test_same_fit_writes_the_same_bytes(tmp_path):
    data = table()
    rows = [{"name": "none", "auc": 0.9, "mean_change_points": 0.0, "mae_percent": 1.0, "accuracy": 1.0}]
    training = {"data": "made up", "patients": 40, "frames": 40, "sha256": ["0" * 64]}
    head = {"name": "us-first", "version": "1.0.0", "training": training, "perturbations": rows}
    metrics = evaluate(table(count=20))
    documents = [head | fit_parts(data) | {"metrics": metrics} for _ in range(2)]
    assert write_us_first(documents[0], tmp_path / "a") == write_us_first(documents[1], tmp_path / "b")
    assert (tmp_path / "a" / "card.md").read_bytes() == (tmp_path / "b" / "card.md").read_bytes()
    assert score_row(documents[0]["regression"], data.row(0)) == pytest.approx(np.sqrt(data.fat[0]), abs=1.0)
