"""Benchmark of explanations: on a simulated scan the figures add up and tell a true map from a shuffled one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from steatoscope.learning.evaluation import trust_explanation
from steatoscope.learning.evaluation.report import take_evidence, write_report
from steatoscope.learning.evaluation.trust_explanation import Sizes, run_explanation
from steatoscope.learning.evaluation.trust_explanation_cases import real_cases, simulated_cases
from steatoscope.learning.evaluation.trust_explanation_model import PARTS, MapModel, ShuffledModels
from steatoscope.learning.inference.us_steatosis import load_us_steatosis


def test_one_simulated_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_explanation, "QUICK", Sizes(patients=1, scans=1, orders=1, resamples=50))
    document, evidence = take_evidence(run_explanation(None, seed=3, out=tmp_path, quick=True))
    assert list(document["results"]) == ["us-steatosis, simulated"]
    (figures,) = document["results"].values()
    assert figures["map_remainder"] < 1e-3
    assert figures["effects_remainder"] < 1e-6
    assert figures["in_tissue"] > 0.9
    assert 0.0 < figures["organs_area"] < 1.0
    assert figures["same_place_rank"] > figures["shuffled_everything_rank"]
    assert figures["deletion_gain"] == pytest.approx(figures["deletion"] - figures["deletion_random"], abs=1e-3)
    write_report(document, evidence, tmp_path)
    picture = cv2.imread(str(tmp_path / "maps.png"))
    assert picture is not None
    assert (picture.max(axis=2).astype(int) - picture.min(axis=2) > 60).any()


def test_words_are_burned_into_the_tissue_and_blank_pictures_have_no_feature() -> None:
    (case,) = simulated_cases(1, 0)
    written, where = case.with_text()
    assert 200 < where.sum() < 3000
    assert (written[where] == 255).all()
    np.testing.assert_array_equal(written[~where], case.frame[~where])
    assert np.ptp(case.blank()[case.sector.mask]) == 0
    assert not (case.organs & ~case.sector.mask).any()
    assert not np.array_equal(case.frame, case.again)


def test_shuffled_models_differ_in_their_part_alone() -> None:
    model = load_us_steatosis()
    whole, shuffled = MapModel.of(model), ShuffledModels(model, 0).by_part
    assert set(shuffled) == {*PARTS, "everything"}
    assert shuffled["heads"].network is whole.network
    assert shuffled["network"].paths is not shuffled["heads"].paths
    own, other = (one.paths[True].severity.members[0].weights for one in (whole, shuffled["heads"]))
    assert sorted(own) == pytest.approx(sorted(other))
    assert not np.array_equal(own, other)


@pytest.mark.realdata
def test_real_cases_are_patients_with_outlines(data_dir: Path) -> None:
    (case,) = real_cases(data_dir, 1)
    assert not case.simulated
    assert case.organs.any()
    assert case.frame.shape == case.again.shape == case.sector.mask.shape
