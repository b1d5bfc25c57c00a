"""Protocols on toy learners that would shine if anything leaked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.evaluation import protocols as by
from steatoscope.learning.evaluation.protocols import Cases
from steatoscope.learning.evaluation.protocols_studies import WHOLE, ablations, learning_curve

_SUBJECTS, _FRAMES = 24, 6


def _memory() -> Cases:
    """Each subject has a mark of its own that says nothing of its truth: only a leak can be better than chance."""
    rng = np.random.default_rng(0)
    marks = np.repeat(rng.normal(size=(_SUBJECTS, 3)), _FRAMES, axis=0)
    truth = np.repeat(rng.uniform(0, 30, _SUBJECTS), _FRAMES)
    subjects = np.repeat(np.arange(_SUBJECTS), _FRAMES)
    sites = np.array(["north", "south", "west"])[subjects % 3]
    return Cases(marks + 0.01 * rng.normal(size=marks.shape), truth, subjects, sites)


def _line() -> Cases:
    """Truth is a line of the first input; the second input is noise."""
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(60, 2))
    return Cases(inputs, 3 * inputs[:, 0] + 0.1 * rng.normal(size=60), np.arange(60))


def _nearest(known: Cases, unseen: NDArray[Any]) -> NDArray[Any]:
    """Answers with the truth of the nearest training row: knows every subject that it has met."""
    gaps = np.linalg.norm(unseen[:, None] - known.inputs[None], axis=2)
    return np.asarray(known.truth[gaps.argmin(axis=1)])


def _line_of(columns: list[int]) -> by.FitPredict:
    def fit(known: Cases, unseen: NDArray[Any]) -> NDArray[Any]:
        weights = np.linalg.lstsq(known.inputs[:, columns], known.truth, rcond=None)[0]
        return np.asarray(unseen[:, columns] @ weights)

    return fit


def _mean(known: Cases, unseen: NDArray[Any]) -> NDArray[Any]:
    return np.full(len(unseen), known.truth.mean())


def _mae(truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    return float(np.mean(np.abs(truth - predicted)))


def _error(cases: Cases, found: by.Answers) -> float:
    return _mae(cases.truth[found.tested], found.predicted[found.tested])


def test_frames_drawn_without_their_subject_are_a_leak_that_raises() -> None:
    cases = _memory()
    rows = np.random.default_rng(0).permutation(len(cases))
    with pytest.raises(SteatoscopeError, match="E_LEAK") as told:
        by.answers(cases, _nearest, [(rows[:100], rows[100:])])
    assert "subject" in told.value.cause
    renamed = Cases(cases.inputs, cases.truth, np.arange(len(cases)))
    hidden = by.answers(renamed, _nearest, [(rows[:100], rows[100:])])
    assert _error(renamed, hidden) < 1.0, "the toy learner does profit from a leak, where nothing names the subject"


@pytest.mark.parametrize("protocol", ["hold_out", "k_fold", "nested", "leave_one_site_out"])
def test_no_protocol_lets_a_subject_be_remembered(protocol: str) -> None:
    cases = _memory()
    found = {
        "hold_out": lambda: by.hold_out(cases, _nearest, share=0.25),
        "k_fold": lambda: by.k_fold(cases, _nearest, folds=4),
        "nested": lambda: by.nested(cases, {"nearest": _nearest}, _mae, outer=4, inner=3),
        "leave_one_site_out": lambda: by.leave_one_site_out(cases, _nearest),
    }[protocol]()
    assert _error(cases, found) > 4.0
    for train, test in found.folds:
        assert not np.intersect1d(cases.subjects[train], cases.subjects[test]).size
    if protocol != "hold_out":
        assert np.isfinite(found.predicted).all()


def test_a_learner_is_never_given_the_truth_of_what_it_is_tested_on() -> None:
    cases, met = _line(), []

    def spy(known: Cases, unseen: NDArray[Any]) -> NDArray[Any]:
        met.append((set(known.truth.tolist()), len(unseen)))
        return np.zeros(len(unseen))

    found = by.k_fold(cases, spy, folds=3)
    for (known, count), (_, test) in zip(met, found.folds, strict=True):
        assert count == len(test)
        assert not known & set(cases.truth[test].tolist())


def test_folds_of_numbers_are_stratified_by_quartile() -> None:
    rng = np.random.default_rng(4)
    cases = Cases(np.zeros((80, 1)), rng.exponential(10, 80), np.arange(80))
    means = [np.median(cases.truth[test]) for _, test in by.folds_of(cases, 4)]
    assert max(means) - min(means) < 3.0


def test_nested_selection_takes_what_is_better_inside() -> None:
    cases = _line()
    found = by.nested(cases, {"mean": _mean, "line": _line_of([0, 1])}, _mae, outer=4, inner=3)
    assert found.chosen == ("line",) * 4
    assert _error(cases, found) < 0.2
    with pytest.raises(ValueError, match="no candidate"):
        by.nested(cases, {}, _mae)


def test_an_external_set_must_share_no_subject_and_no_file() -> None:
    cases = _line()
    half, other = cases.of(np.arange(30)), cases.of(np.arange(30, 60))
    assert _mae(other.truth, by.external(half, other, _line_of([0]))) < 0.2
    with pytest.raises(SteatoscopeError, match="E_LEAK"):
        by.external(half, cases, _line_of([0]))
    names = np.array([f"{n}" for n in range(60)])
    copied = Cases(cases.inputs, cases.truth, np.arange(60) + 100, content=names)
    source = Cases(cases.inputs, cases.truth, np.arange(60), content=names)
    with pytest.raises(SteatoscopeError) as told:
        by.external(source, copied, _line_of([0]))
    assert "content 0" in told.value.cause


def test_sites_are_left_out_one_by_one_and_must_be_known() -> None:
    cases = _memory()
    assert by.leave_one_site_out(cases, _mean).chosen == ("north", "south", "west")
    for sites, code in ((None, "E_ANNOTATION"), (np.array(["", "a"] * 72), "E_ANNOTATION")):
        with pytest.raises(SteatoscopeError, match=code):
            by.leave_one_site_out(Cases(cases.inputs, cases.truth, cases.subjects, sites), _mean)
    with pytest.raises(SteatoscopeError, match="E_SUBJECTS"):
        by.leave_one_site_out(Cases(cases.inputs, cases.truth, cases.subjects, np.array(["a"] * 144)), _mean)
    with pytest.raises(SteatoscopeError, match="E_LEAK"):
        by.leave_one_site_out(Cases(cases.inputs, cases.truth, cases.subjects, np.array(["a", "b"] * 72)), _mean)


def test_too_few_subjects_and_wrong_answers_are_named() -> None:
    cases = _line().of(np.arange(3))
    with pytest.raises(SteatoscopeError, match="E_SUBJECTS"):
        by.k_fold(cases, _mean, folds=4)
    with pytest.raises(ValueError, match="predictions for"):
        by.k_fold(cases, lambda known, unseen: np.zeros(7), folds=3)
    with pytest.raises(ValueError, match="share"):
        by.hold_out(cases, _mean, share=0.9)
    with pytest.raises(ValueError, match="one row each"):
        Cases(np.zeros(3), np.zeros(2), np.zeros(3))


def test_the_same_seed_gives_the_same_answers_and_another_one_other_folds() -> None:
    cases = _memory()
    one, again, other = (by.k_fold(cases, _nearest, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.predicted, again.predicted)
    assert not np.array_equal(one.fold, other.fold)


def test_a_learning_curve_falls_with_subjects_on_the_same_test_folds() -> None:
    rng = np.random.default_rng(2)
    inputs = rng.normal(size=(80, 12))
    cases = Cases(inputs, inputs.sum(axis=1) + 0.5 * rng.normal(size=80), np.arange(80))
    points = learning_curve(cases, _line_of(list(range(12))), _mae, shares=(1.0, 0.2), folds=4, resamples=100)
    assert [point.subjects for point in points] == [12, 60]
    assert points[0].loss > 1.5 * points[1].loss
    assert points[1].interval is not None
    assert points[1].interval[0] < points[1].loss < points[1].interval[1]
    small, large = ({tuple(train) for train, _ in point.answers.folds} for point in points)
    assert all(any(set(few) <= set(many) for many in large) for few in small)
    assert [f[1].tolist() for f in points[0].answers.folds] == [f[1].tolist() for f in points[1].answers.folds]
    with pytest.raises(SteatoscopeError, match="E_SUBJECTS"):
        learning_curve(cases, _mean, _mae, shares=(0.01,))


def test_an_ablation_shows_which_switch_matters() -> None:
    def make(on: Any) -> by.FitPredict:
        return _line_of([column for column, name in enumerate(("signal", "noise")) if on[name]])

    rows = {row.off: row for row in ablations(_line(), make, ["signal", "noise"], _mae, resamples=200)}
    assert list(rows) == [WHOLE, "signal", "noise"]
    signal, noise = rows["signal"].difference, rows["noise"].difference
    assert signal is not None
    assert signal.interval is not None
    assert signal.interval.low > 1.0
    assert noise is not None
    assert abs(noise.value) < 0.02
    assert rows[WHOLE].difference is None
    with pytest.raises(ValueError, match="different names"):
        ablations(_line(), make, ["signal", "signal"], _mae)
