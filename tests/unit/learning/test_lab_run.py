"""A run in words: folds counted, weights named, and only true reasons given."""

from __future__ import annotations

from typing import Any

import pytest

from steatoscope.learning.evaluation.lab_run import failures_of, run_of, split_of, weights_of


@pytest.mark.parametrize(
    ("split", "wanted"),
    [
        ([["a", "b"], ["c"]], "2 folds by subject; subject lists in benchmark.json"),
        ([[["a"], ["b"]]], "2 folds by subject; subject lists in benchmark.json"),
        ([[["a"], ["b"]]] * 5, "2 folds by subject, drawn 5 times; subject lists in benchmark.json"),
        ([{"test": ["a"]}], "one fold by subject; subject lists in benchmark.json"),
        ("hold-out by patient", "hold-out by patient"),
        (None, None),
    ],
)
def test_folds_are_counted(split: Any, wanted: Any) -> None:
    assert split_of(split) == wanted


def test_splits_of_several_sets_stand_side_by_side() -> None:
    assert split_of({"ct": [["a"]], "us": [["b"], ["c"]]}).startswith("ct: one fold by subject")


def test_every_start_weight_is_named_once() -> None:
    one = {"encoder": "lite0", "source": "lite0.pth", "sha256": "ab"}
    two = {"network": "hmrs-cnn", "source": "random", "sha256": None}
    assert weights_of({"x": one, "y": {"z": one, "w": two}}) == "lite0 from lite0.pth (sha256 ab); hmrs-cnn from random"
    assert weights_of("random") == "random"
    assert weights_of(None) is None


def test_what_is_not_recorded_is_said_to_be_missing() -> None:
    rows = dict(run_of({}, {}))
    assert set(rows.values()) == {"not recorded"}
    assert dict(run_of({"run": {"seconds": 9000.0, "resumed": True}}, {}))["time"] == "2.5 h, last part only"
    assert dict(run_of({"manifest": {"seconds": 700}}, {}))["time"] == "12 min"


def test_a_split_says_how_many_were_tested_where_not_all_were() -> None:
    manifest = {"split": [{"test": ["a", "b"]}]}
    part = dict(run_of({"manifest": manifest, "n_subjects": 20, "n_tested": 2}, {}))["split"]
    assert part.endswith("in benchmark.json; 2 of 20 subjects tested")
    for known in ({}, {"n_tested": 20}):
        whole = dict(run_of({"manifest": manifest, "n_subjects": 20, **known}, {}))["split"]
        assert whole == "one fold by subject; subject lists in benchmark.json"


def test_only_a_figure_that_others_have_with_an_interval_lacks_one() -> None:
    results = {"a": {"auc": 0.5, "auc_ci": [0, 1]}, "b": {"auc": 0.5}, "speed": {"ms": 3.0}}
    assert failures_of({"left_out": 0, "results": results}) == ["'b' has no interval"]
    many = failures_of({"left_out": 1, "results": {}, "failures": [f"case {n}" for n in range(20)]})
    assert (len(many), many[-1]) == (13, "and 9 more")
