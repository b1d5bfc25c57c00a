"""Scores of masks by subject: against sums by hand, single definitions elsewhere, and the unit that is resampled."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.learning.evaluation.segmentation_scores import Score, case_rows, score_mask, summarise
from steatoscope.science.metrics.overlap import dice
from steatoscope.science.metrics.surface import surface_distances


def _blocks(shift: int) -> tuple[np.ndarray, np.ndarray]:
    truth = np.zeros((4, 20, 20), dtype=np.bool_)
    truth[:, 5:15, 5:15] = True
    return np.roll(truth, shift, axis=2), truth


def test_case_figures_equal_the_single_definitions() -> None:
    found, truth = _blocks(2)
    hu = np.tile(np.arange(20, dtype=np.float32), (4, 20, 1))
    score = score_mask("a", "volume", found, truth, spacing=(3.0, 0.5, 0.5), hu=hu)
    assert score.dice == dice(found, truth) == pytest.approx(0.8)
    assert score.assd == surface_distances(found, truth, (3.0, 0.5, 0.5)).assd
    assert score.hu_bias == pytest.approx(2.0)


def test_subjects_are_pooled_before_their_mean() -> None:
    scores = [Score("a", "1", 50, 50, 50), Score("a", "2", 0, 0, 50), Score("b", "3", 10, 20, 20)]
    found = summarise(scores)
    assert found["dice"] == pytest.approx((100 / 150 + 0.5) / 2)
    assert found["dice_pooled"] == pytest.approx(120 / 190)
    assert found["dice_case"] == pytest.approx((1.0 + 0.0 + 0.5) / 3)
    assert found["dice_worst"] == pytest.approx(0.5)
    assert "assd" not in found
    assert "hu_bias" not in found


def test_interval_comes_from_subjects_not_images() -> None:
    """Copies of one subject's images must not narrow the interval: all resamples of two subjects are known."""
    scores = [Score("a", str(k), 9, 10, 10) for k in range(50)] + [Score("b", str(k), 5, 10, 10) for k in range(50)]
    found = summarise(scores)
    assert found["dice_ci"] == [pytest.approx(0.5), pytest.approx(0.9)]


def test_one_subject_has_no_interval() -> None:
    assert "dice_ci" not in summarise([Score("a", "1", 9, 10, 10, assd=1.0)])


def test_means_leave_out_what_is_undefined() -> None:
    found = summarise([Score("a", "1", 9, 10, 10, assd=1.0, hu_bias=4.0), Score("b", "2", 0, 0, 10)])
    assert (found["assd"], found["hu_bias"]) == (1.0, 4.0)


def test_empty_masks_agree_and_have_no_distance() -> None:
    nothing = np.zeros((8, 8), dtype=np.bool_)
    score = score_mask("a", "1", nothing, nothing, spacing=(1.0, 1.0), hu=np.zeros((8, 8), np.float32))
    assert score.dice == 1.0
    assert case_rows([score], "m") == [{"subject": "a", "case": "1", "row": "m", "dice": 1.0}]


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        score_mask("a", "1", np.zeros((2, 2), np.bool_), np.zeros((3, 2), np.bool_))
    with pytest.raises(ValueError, match="no case"):
        summarise([])
