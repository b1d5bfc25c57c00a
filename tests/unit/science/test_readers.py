"""Reader studies: agreements against published figures and an independent implementation."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.science.metrics.readers import (
    NONE,
    Readings,
    agreement_of_all,
    agreement_of_two,
    consensus,
    reader_study,
)

# votes of 14 raters on 10 subjects in 5 classes; kappa 0.210 (worked example in the literature on Fleiss' kappa)
_VOTES = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def _names(count: int) -> np.ndarray:
    return np.array([f"s{number:02d}" for number in range(count)])


def _study(grades: list[list[int]], classes: int = 4, truth: list[int] | None = None) -> Readings:
    table = np.array(grades, dtype=np.intp)
    readers = tuple("ABCDEFGHIJKLMNOP"[: table.shape[1]])
    return Readings(table, _names(len(table)), readers, classes, None if truth is None else np.array(truth))


def test_all_readers_agree_as_in_the_worked_example() -> None:
    rows = [np.repeat(np.arange(5), counts).tolist() for counts in _VOTES]
    found = agreement_of_all(_study(rows, classes=5), resamples=100)
    assert found["fleiss_kappa"] == pytest.approx(0.210, abs=5e-4)
    assert found["fleiss_kappa_ci"][0] < 0.210 < found["fleiss_kappa_ci"][1]
    assert (found["cases"], found["readers"]) == (10, 14)


def test_two_readers_agree_as_cohen_published() -> None:
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: kappa 0.4
    first = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    second = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    found = agreement_of_two(first, second, _names(50), 2, resamples=200)
    assert found["kappa"] == pytest.approx(0.4)
    assert found["agreement"] == pytest.approx(0.7)
    assert found["kappa_ci"][0] < 0.4 < found["kappa_ci"][1]


def test_weighted_kappas_equal_another_implementation() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(2)
    first = rng.integers(0, 4, 80)
    second = np.clip(first + rng.integers(-1, 2, 80), 0, 3)
    found = agreement_of_two(first, second, _names(80), 4, resamples=10)
    for name, weights in (("kappa", None), ("kappa_linear", "linear"), ("kappa_quadratic", "quadratic")):
        assert found[name] == pytest.approx(metrics.cohen_kappa_score(first, second, weights=weights))


def test_consensus_by_majority_and_median() -> None:
    study = _study([[0, 0, 3], [0, 1, 2], [1, 2, NONE], [NONE, NONE, NONE], [3, 3, 3]])
    assert consensus(study).tolist() == [0, 1, 2, NONE, 3]
    assert consensus(_study([[0, 0, 3, 3, 1]])).tolist() == [1]
    assert consensus(_study([[0, 0, 0, 3, 3]]), "median").tolist() == [0]


def test_cases_without_a_grade_do_not_count() -> None:
    study = _study([[0, 0, 0], [1, 1, NONE], [2, 2, 2], [3, NONE, 3]])
    assert agreement_of_all(study, resamples=20)["cases"] == 2
    assert reader_study(study, resamples=20)["pairs"]["A and B"]["cases"] == 3


def test_the_model_is_no_reader_and_stands_against_each_their_consensus_and_the_truth() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 30)
    people = np.stack([np.clip(truth + rng.integers(-1, 2, 30), 0, 3) for _ in range(3)], axis=1)
    table = np.column_stack([people, truth])
    study = Readings(table, _names(30), ("ann", "bob", "cyd", "model"), 4, truth)
    found = reader_study(study, model="model", resamples=50)
    assert set(found["pairs"]) == {"ann and bob", "ann and cyd", "bob and cyd"}
    assert set(found["model"]) == {"model and ann", "model and bob", "model and cyd", "model and consensus"} | {
        "model and truth"
    }
    assert found["model"]["model and truth"]["kappa"] == pytest.approx(1.0)
    assert set(found["truth"]) == {"ann", "bob", "cyd", "consensus"}
    with pytest.raises(ValueError, match="no reader is called"):
        reader_study(study, model="other")


def test_grades_outside_the_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="0 to 3"):
        _study([[0, 4]])
