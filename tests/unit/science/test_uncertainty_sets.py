"""Grade sets against MAPIE and closed forms; coverage by Monte Carlo, marginal and by grade; one row a patient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from steatoscope.core.errors import SteatoscopeError
from steatoscope.science.uncertainty.conformal import conformal_quantile, group_quantiles, split_interval
from steatoscope.science.uncertainty.conformal_sets import (
    Rule,
    calibrate_sets,
    cross_sets,
    set_scores,
    set_sizes,
    sets_hold,
)
from steatoscope.science.uncertainty.exchangeable import worst_of_each

Values = NDArray[np.float64]


class _Given(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose inputs are its probabilities."""

    def fit(self, x: Values, y: Any) -> _Given:
        self.classes_ = np.arange(x.shape[1])
        return self

    def predict_proba(self, x: Values) -> Values:
        return x

    def predict(self, x: Values) -> Any:
        return x.argmax(axis=1)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _cohort(seed: int, n: int, skill: float = 1.5) -> tuple[Values, NDArray[np.intp]]:
    """Probabilities (n, 4) that are too sure, and true grades; grade 3 is rare and read poorly."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(4, n, p=[0.35, 0.35, 0.2, 0.1])
    logits = rng.normal(0.0, 1.0, (n, 4))
    logits[np.arange(n), truth] += np.where(truth == 3, 0.4 * skill, skill)
    return softmax(1.6 * logits, axis=1), truth.astype(np.intp)


@pytest.mark.parametrize("n", [60, 237])
def test_lac_sets_are_those_of_mapie(n: int) -> None:
    (known, truth), (new, _) = _cohort(0, n), _cohort(1, 400)
    theirs = SplitConformalClassifier(_Given().fit(known, truth), confidence_level=0.9, conformity_score="lac")
    chosen = theirs.conformalize(known, truth).predict_set(new)[1][:, :, 0]
    chosen[np.arange(400), new.argmax(axis=1)] = True
    ours = calibrate_sets(known, truth, np.arange(n)).sets(new)
    assert np.array_equal(ours, chosen)


@pytest.mark.parametrize("n", [60, 237])
def test_aps_limit_and_sets_are_those_of_mapie(n: int) -> None:
    (known, truth), (new, _) = _cohort(0, n), _cohort(1, 400)
    theirs = SplitConformalClassifier(
        _Given().fit(known, truth), confidence_level=0.9, conformity_score="aps", random_state=5
    )
    chosen = theirs.conformalize(known, truth).predict_set(new, {"include_last_label": False})[1][:, :, 0]
    draws = np.random.RandomState(5).uniform(size=n)  # MAPIE's own draws
    ours = calibrate_sets(known, truth, np.arange(n), rule="aps", draws=draws)
    chosen[np.arange(400), new.argmax(axis=1)] = True
    assert np.array_equal(ours.sets(new), chosen)


def test_scores_in_closed_form() -> None:
    row = np.array([[0.5, 0.1, 0.3, 0.1]])
    assert set_scores(row)[0] == pytest.approx([0.5, 0.9, 0.7, 0.9])
    assert set_scores(row, "aps")[0] == pytest.approx([0.5, 0.9, 0.8, 1.0])
    assert set_scores(row, "aps", [0.5])[0] == pytest.approx([0.25, 0.85, 0.65, 0.95])
    assert set_scores(row, "raps")[0] == pytest.approx([0.5, 0.95, 0.8, 1.1])


@pytest.mark.parametrize("rule", ["lac", "aps", "raps"])
def test_coverage_by_monte_carlo(rule: Rule) -> None:
    rng = np.random.default_rng(3)
    held: list[float] = []
    for split in range(250):
        (known, truth), (new, fresh) = _cohort(2 * split, 99), _cohort(2 * split + 1, 60)
        draws = (rng.random(99), rng.random(60)) if rule != "lac" else (None, None)
        sets = calibrate_sets(known, truth, np.arange(99), rule=rule, draws=draws[0]).sets(new, draws[1])
        held.append(float(sets_hold(sets, fresh).mean()))
    assert np.mean(held) == pytest.approx(0.9, abs=0.012)


def test_limits_by_grade_cover_each_grade() -> None:
    held: dict[bool, list[NDArray[np.bool_]]] = {True: [], False: []}
    sizes: dict[bool, list[float]] = {True: [], False: []}
    severe: dict[bool, list[NDArray[np.bool_]]] = {True: [], False: []}
    for split in range(60):
        (known, truth), (new, fresh) = _cohort(2 * split, 400), _cohort(2 * split + 1, 200)
        for by_class in (True, False):
            sets = calibrate_sets(known, truth, np.arange(400), by_class=by_class).sets(new)
            hold = sets_hold(sets, fresh)
            held[by_class].append(hold)
            severe[by_class].append(hold[fresh == 3])
            sizes[by_class].append(float(set_sizes(sets).mean()))
    assert np.concatenate(severe[False]).mean() < 0.75
    assert 0.87 < np.concatenate(severe[True]).mean() < 0.95
    assert np.mean(sizes[True]) > np.mean(sizes[False])


def test_a_grade_with_too_few_patients_is_in_every_set() -> None:
    known, truth = _cohort(5, 40)
    limits = calibrate_sets(known, truth, np.arange(40), by_class=True).limits
    few = np.bincount(truth, minlength=4) < 9
    assert few.any()
    assert np.array_equal(np.isinf(limits), few)
    sets = calibrate_sets(known, truth, np.arange(40), by_class=True).sets(_cohort(6, 30)[0])
    assert sets[:, few].all()


def test_cross_sets_of_equal_fits_are_split_sets() -> None:
    (known, truth), (new, _) = _cohort(7, 101), _cohort(8, 80)
    own = set_scores(known)[np.arange(101), truth]
    layers = np.broadcast_to(set_scores(new), (101, 80, 4))
    crossed = cross_sets(own, layers, np.arange(101))
    crossed[np.arange(80), new.argmax(axis=1)] = True
    assert np.array_equal(crossed, calibrate_sets(known, truth, np.arange(101)).sets(new))


def test_several_rows_of_a_patient_are_refused() -> None:
    known, truth = _cohort(9, 30)
    names = np.array([f"P{k // 2}" for k in range(30)])
    with pytest.raises(SteatoscopeError, match="counts more than once") as caught:
        calibrate_sets(known, truth, names)
    assert caught.value.code == "E_REPEATED"
    assert "'P0' has 2 rows" in caught.value.cause
    for call in (
        lambda: conformal_quantile(np.ones(30), 0.9, names),
        lambda: split_interval([1.0], np.ones(30), 0.9, names),
    ):
        with pytest.raises(SteatoscopeError):
            call()
    with pytest.raises(SteatoscopeError):
        cross_sets(np.ones(30), np.ones((30, 2, 4)), names)


def test_frames_as_patients_would_cover_too_little() -> None:
    rng = np.random.default_rng(10)
    wrong, right = [], []
    for _ in range(600):
        patient, names = rng.normal(0.0, 1.0, 12), np.repeat(np.arange(12), 10)
        frames = np.abs(patient[names] + rng.normal(0.0, 0.3, 120))
        new = np.abs(rng.normal(0.0, 1.0) + rng.normal(0.0, 0.3, 10)).max()
        wrong.append(new <= conformal_quantile(frames))
        right.append(new <= conformal_quantile(worst_of_each(frames, names)))
    assert np.mean(wrong) < 0.82
    assert 0.88 <= np.mean(right) <= 0.97


def test_quantiles_of_groups() -> None:
    residuals, groups = np.concatenate([np.arange(1.0, 20.0), [50.0, 60.0]]), np.repeat([0, 2], [19, 2])
    found = group_quantiles(residuals, groups)
    assert found == {0: 18.0, 2: math.inf}


def test_wrong_input() -> None:
    with pytest.raises(ValueError, match="add up"):
        set_scores([[0.5, 0.2]])
    with pytest.raises(ValueError, match="rule"):
        set_scores([[0.5, 0.5]], "best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="truth"):
        calibrate_sets([[0.5, 0.5]], [0, 1], [0])
    with pytest.raises(ValueError, match="patients"):
        calibrate_sets([[0.5, 0.5]], [0], [0, 1])
    with pytest.raises(ValueError, match="layer"):
        cross_sets([0.1], np.zeros((2, 1, 2)), [0])
    with pytest.raises(ValueError, match="one shape"):
        worst_of_each([1.0], [1, 2])
