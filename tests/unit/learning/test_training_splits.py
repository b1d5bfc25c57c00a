"""Splits keep groups whole, repeat by seed, and raise where a subject, group or file would be on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import training_folders as made

from steatoscope.core.errors import SteatoscopeError
from steatoscope.learning.training.sets import Labels, Sample, TrainingSet
from steatoscope.learning.training.splits import binned, check_no_leak, hold_out, k_fold, leave_one_out, nested

pytest.importorskip("sklearn")


@pytest.fixture
def data(tmp_path: Path) -> TrainingSet:
    """12 subjects of 3 images in 3 classes; subjects 0 and 1 are one group."""
    samples = []
    for number in range(12):
        for frame in range(3):
            path = made.write(tmp_path / f"{number}_{frame}.png", made.picture(number * 3 + frame, (32, 32)))
            labels = Labels(finding=("normal", "benign", "malignant")[number % 3])
            group = "twins" if number < 2 else f"g{number}"
            samples.append(Sample(path, f"s{number}", group, "us", labels))
    return TrainingSet("made", tmp_path, tuple(samples), "", "")


def _classes(data: TrainingSet) -> list[str | None]:
    return [sample.labels.finding for sample in data.samples]


def _covers_once(tests: Sequence[np.ndarray], count: int) -> bool:
    return sorted(np.concatenate(tests).tolist()) == list(range(count))


@pytest.mark.parametrize("stratified", [False, True])
def test_folds_cover_every_sample_once_and_keep_groups_whole(data: TrainingSet, stratified: bool) -> None:
    strata = _classes(data) if stratified else None
    splits = k_fold(data, 4, strata=strata, seed=3)
    assert _covers_once([split.test for split in splits], 36)
    for split in splits:
        assert not set(data.groups[split.train]) & set(data.groups[split.test])
    again = k_fold(data, 4, strata=strata, seed=3)
    assert all(np.array_equal(a.test, b.test) for a, b in zip(splits, again, strict=True))
    other = k_fold(data, 4, strata=strata, seed=4)
    assert any(not np.array_equal(a.test, b.test) for a, b in zip(splits, other, strict=True))


def test_stratified_folds_share_the_classes(data: TrainingSet) -> None:
    for split in k_fold(data, 3, strata=_classes(data)):
        assert len({data.samples[index].labels.finding for index in split.test}) == 3


def test_hold_out_and_leave_one_out(data: TrainingSet) -> None:
    split = hold_out(data, 0.25, strata=_classes(data))
    assert split.test.size in (6, 9, 12)
    single = leave_one_out(data)
    assert len(single) == 11
    assert _covers_once([split.test for split in single], 36)


@pytest.mark.parametrize("outer", [0, 3])
def test_nested_inner_folds_never_touch_the_outer_test(data: TrainingSet, outer: int) -> None:
    for split in nested(data, outer, 2, strata=_classes(data)):
        seen = np.concatenate([fold.test for fold in split.inner])
        assert sorted(seen) == sorted(split.outer.train)
        for fold in split.inner:
            assert not set(data.groups[split.outer.test]) & set(data.groups[np.r_[fold.train, fold.test]])


@pytest.mark.parametrize("what", ["subject", "group", "sha256"])
def test_a_leak_raises(data: TrainingSet, what: str) -> None:
    train, test = list(data.samples[:18]), list(data.samples[18:])
    check_no_leak(train, test)
    path = train[0].path if what == "sha256" else test[0].path
    changes = {} if what == "sha256" else {what: getattr(train[0], what)}
    test[0] = replace(test[0], path=path, **changes)
    with pytest.raises(SteatoscopeError, match=what) as caught:
        check_no_leak(train, test)
    assert caught.value.code == "E_LEAK"


def test_splitters_raise_where_one_subject_is_in_two_groups(data: TrainingSet) -> None:
    torn = replace(data.samples[35], group="another")
    with pytest.raises(SteatoscopeError, match="subject s11") as caught:
        leave_one_out(replace(data, samples=(*data.samples[:35], torn)))
    assert caught.value.code == "E_LEAK"


def test_too_few_subjects_or_a_class_with_one_raise(data: TrainingSet) -> None:
    with pytest.raises(SteatoscopeError, match="11 subjects for 12 folds") as caught:
        k_fold(data, 12)
    assert caught.value.code == "E_SUBJECTS"
    strata = ["rare" if group == "g5" else "usual" for group in data.groups]
    with pytest.raises(SteatoscopeError, match="'rare' has one subject, g5"):
        k_fold(data, 3, strata=strata)


def test_numbers_are_cut_into_quartiles() -> None:
    assert np.bincount(binned(np.arange(40.0))).tolist() == [10, 10, 10, 10]
    assert binned([1, 2, 2, 3]).tolist() == [1, 2, 2, 3]


def test_classes_smaller_than_the_folds_are_named(data: TrainingSet) -> None:
    first = [list(data.groups).index(group) for group in sorted(set(data.groups))]
    with pytest.raises(SteatoscopeError) as caught:
        k_fold(data.subset(first), 9, strata=[index % 2 for index in range(len(first))])
    assert caught.value.code == "E_SUBJECTS"
    assert "for 9 folds" in caught.value.cause
