import numpy as np
import pytest

from steatoscope.learning.evaluation.aul_scores import (
    ImageResult,
    average_precision,
    froc,
    hits_of,
    operating_points,
    recall_at,
    summarise_masses,
)


def image(case, finding, wanted, found, scores, *, operating=0.5, mass=None, liver=None):
    return ImageResult(
        case, case, finding, np.array(wanted, float).reshape(-1, 4), np.array(found, float).reshape(-1, 4),
        np.array(scores, float), operating, mass, liver,
    )  # fmt: skip


BOX, NEAR, FAR = [0, 0, 10, 10], [0, 0, 10, 8], [50, 50, 60, 60]


def test_a_mass_is_hit_once_and_by_the_best_score():
    found = np.array([NEAR, BOX, FAR], dtype=float)
    assert hits_of(found, np.array([0.4, 0.9, 0.8]), np.array([BOX], dtype=float)).tolist() == [False, True, False]
    assert hits_of(found[:0], np.zeros(0), np.array([BOX], dtype=float)).size == 0
    assert hits_of(found, np.array([0.4, 0.9, 0.8]), np.zeros((0, 4))).tolist() == [False, False, False]


def test_average_precision_by_hand():
    hits, scores = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.6])
    # precision 1 up to recall 1/3, 2/3 up to recall 2/3, the third mass is never found
    assert average_precision(hits, scores, 3) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)
    assert average_precision(hits, scores, 2) == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert np.isnan(average_precision(hits, scores, 0))
    # A weight of two equals the box twice.
    twice = average_precision(np.array([True, True, False]), np.array([0.9, 0.9, 0.8]), 3)
    weighted = average_precision(np.array([True, False]), np.array([0.9, 0.8]), 3, np.array([2.0, 1.0]))
    assert weighted == pytest.approx(twice)


def test_average_precision_equals_scikit_learn_where_the_envelope_changes_nothing():
    sklearn = pytest.importorskip("sklearn.metrics")
    hits = np.array([True, True, False, True, False, False])
    scores = np.linspace(1.0, 0.1, 6)
    assert average_precision(hits, scores, 3) == pytest.approx(sklearn.average_precision_score(hits, scores))


def test_recall_at_a_number_of_false_boxes():
    hits, scores = np.array([False, True, False, False, True]), np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    assert recall_at(hits, scores, 2, 1) == pytest.approx(0.5)
    assert recall_at(hits, scores, 2, 3) == pytest.approx(1.0)
    assert recall_at(hits, scores, 2, 2) == pytest.approx(0.5)
    assert recall_at(hits[1:2], scores[1:2], 2, 2) == pytest.approx(0.5)


def test_figures_of_a_small_set():
    results = [
        image("a", "benign", [BOX], [NEAR, FAR], [0.9, 0.6], mass=(80, 90, 100), liver=(50, 60, 80)),
        image("b", "malignant", [BOX], [], [], mass=(0, 0, 100), liver=(70, 70, 70)),
        image("c", "normal", [], [FAR], [0.4], mass=None, liver=None),
        image("d", "normal", [], [BOX], [0.7], mass=None, liver=(10, 10, 10)),
    ]
    found = summarise_masses(results, resamples=50)
    assert found["ap50"] == pytest.approx(0.5)
    assert found["recall_at_1_fp"] == found["recall_operating"] == pytest.approx(0.5)
    assert found["false_masses_on_normal"] == pytest.approx(0.5)
    assert found["false_boxes_per_image"] == pytest.approx(2 / 4)
    assert found["mass_dice"] == pytest.approx((160 / 190 + 0) / 2)
    assert found["mass_dice_pooled"] == pytest.approx(160 / 290)
    assert found["liver_dice"] == pytest.approx((100 / 140 + 1 + 1) / 3)
    low, high = found["ap50_ci"]
    assert low <= 0.5 <= high
    assert froc(results, [0.0, 1.0]) == {0.0: 0.5, 1.0: 0.5}


def test_operating_points_trade_masses_for_false_ones():
    results = [
        image("a", "benign", [BOX], [BOX], [0.6]),
        image("c", "normal", [], [FAR, NEAR], [0.4, 0.3]),
    ]
    low, high = operating_points(results, [0.2, 0.5])
    assert (low["recall"], low["false_masses_on_normal"], low["false_boxes_per_image"]) == (1.0, 1.0, 1.0)
    assert (high["recall"], high["false_masses_on_normal"], high["false_boxes_per_image"]) == (1.0, 0.0, 0.0)
