"""Fits of the steatosis model's heads against scikit-learn, and their nesting."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from steatoscope.learning.evaluation.byra2018_nested import Study, nested
from steatoscope.learning.inference.us_steatosis_judge import LIMITS
from steatoscope.learning.training.us_steatosis_fit import (
    Material,
    MemberSpec,
    Recipe,
    fit_member,
    fit_path,
    inner_folds,
    platt,
)
from steatoscope.learning.training.us_steatosis_tables import Table, read_table, write_table

COUNT = 30
LOADINGS = np.random.default_rng(99).normal(size=112)
FAT = np.round(np.linspace(0.0, 9.0, COUNT) ** 2)


def readings(seed, noise=0.6, count=COUNT, fat=FAT):
    rng = np.random.default_rng(seed)
    root = np.sqrt(fat)[:, None]
    return {
        "a": root + rng.normal(0, noise, (count, 1)),
        "b": -2.0 * root + rng.normal(0, 2 * noise, (count, 1)),
        "middle_x": root * LOADINGS + rng.normal(0, noise, (count, 112)),
    }


SPEC = MemberSpec("both", (("a",), ("b",)), None, 2.0)
WIDE = MemberSpec("network", (("middle_x",),), 5, 1.0)
RECIPE = Recipe((SPEC, WIDE), (SPEC, WIDE))


def standard(values):
    return (values - values.mean(axis=0)) / values.std(axis=0)


def test_ridge_member_is_scikit_learns():
    clean = readings(0)
    found = fit_member(SPEC, Material(clean, (), FAT), np.arange(COUNT), 0.5, "ridge")
    columns = np.hstack([clean["a"], clean["b"]])
    other = Ridge(alpha=2.0).fit(standard(columns), np.sqrt(FAT))
    assert np.allclose(found.score(clean), other.predict(standard(columns)), atol=1e-8)


def test_logistic_member_is_scikit_learns_balanced_fit_brought_to_unit_spread():
    clean = readings(0, noise=3.0)
    found = fit_member(SPEC, Material(clean, (), FAT), np.arange(COUNT), 0.5, "logistic")
    columns = standard(np.hstack([clean["a"], clean["b"]]))
    other = LogisticRegression(C=0.5, class_weight="balanced", tol=1e-10).fit(columns, LIMITS[0] <= FAT)
    expected = standard(other.decision_function(columns))
    assert np.allclose(found.score(clean), expected, atol=1e-5)


def test_components_are_folded_into_the_weights():
    clean = readings(0)
    found = fit_member(WIDE, Material(clean, (), FAT), np.arange(COUNT), 0.5, "ridge")
    z = standard(clean["middle_x"])
    _, s, vt = np.linalg.svd(z, full_matrices=False)
    turned = z @ vt[:5].T / (s[0] / np.sqrt(COUNT))
    other = Ridge(alpha=1.0).fit(turned, np.sqrt(FAT))
    assert found.weights.shape == (112,)
    assert np.allclose(found.score(clean), other.predict(turned), atol=1e-8)


def test_copies_shrink_the_weight_of_what_they_shift():
    clean = readings(0)
    shifted = tuple(clean | {"a": clean["a"] + step} for step in (-4.0, 4.0))
    rows = np.arange(COUNT)
    plain = fit_member(SPEC, Material(clean, (), FAT), rows, 0.5, "ridge")
    robust = fit_member(SPEC, Material(clean, shifted, FAT), rows, 0.5, "ridge")
    assert abs(robust.weights[0]) < 0.5 * abs(plain.weights[0])
    assert abs(robust.weights[1]) > abs(plain.weights[1])


def test_platt_line_has_smoothed_frequencies():
    offset, slope = platt(np.zeros(20), np.arange(20) < 15)
    assert 1 / (1 + np.exp(-offset)) == pytest.approx((15 * 16 / 17 + 5 / 7) / 20, abs=1e-4)
    assert platt(np.arange(20.0), np.arange(20) >= 10)[1] > 0.1
    assert slope > 0


def test_inner_folds_spread_the_order_of_fat():
    folds = inner_folds(COUNT, FAT, 0)
    assert np.bincount(folds).tolist() == [3] * 10
    assert sorted(folds[np.argsort(FAT, kind="stable")[10:20]]) == list(range(10)) or len(set(folds)) == 10


def test_path_reads_what_it_was_shown_and_not_beyond():
    ready = Material(readings(0), (readings(1),), FAT)
    path = fit_path(ready, np.arange(COUNT), RECIPE)
    fresh = readings(5)
    values = [path.distribution({n: v[i] for n, v in fresh.items()}).value_percent for i in range(COUNT)]
    assert np.corrcoef(values, FAT)[0, 1] > 0.9
    hits = 0
    for i in range(COUNT):
        low, high = path.judge.interval(path.distribution({n: v[i] for n, v in fresh.items()}))
        hits += low <= FAT[i] <= high
    assert hits >= 0.8 * COUNT


FEW = 16
FEW_FAT = np.round(np.linspace(0.0, 9.0, FEW) ** 2)
LEAN = Recipe((SPEC,), (SPEC,))


def table(seed, fat=None):
    fat = FEW_FAT if fat is None else fat
    ready = readings(seed, fat=fat, count=fat.size)
    ends = np.cumsum([v.shape[1] for v in ready.values()])
    columns = {n: slice(int(e) - v.shape[1], int(e)) for (n, v), e in zip(ready.items(), ends, strict=True)}
    flat = np.concatenate(list(ready.values()), axis=1)
    return Table(columns, np.repeat(flat[:, None], 5, axis=1), np.repeat(flat[:, None], 5, axis=1))


def test_nested_answers_do_not_depend_on_a_patients_own_label():
    folds = [i % 5 for i in range(FEW)]
    first = nested(Study({"none": table(0)}, folds, FEW_FAT), LEAN)
    other_fat = FEW_FAT.copy()
    other_fat[7] = 80.0
    second = nested(Study({"none": table(0)}, folds, other_fat), LEAN)
    assert first["none"].value[7] == pytest.approx(second["none"].value[7])
    assert first["none"].value[8] != pytest.approx(second["none"].value[8])
    assert np.allclose(first["first frame only"].value, first["none"].value)


def test_nested_answers_read_the_localisers_that_left_the_patient_out():
    folds = [i % 5 for i in range(FEW)]
    spoiled = table(0)
    for i, fold in enumerate(folds):
        others = [k for k in range(5) if k != fold]
        if i == 7:
            spoiled.values[i, others] = 1e6
    clean = nested(Study({"none": table(0)}, folds, FEW_FAT), LEAN)["none"]
    again = nested(Study({"none": spoiled}, folds, FEW_FAT), LEAN)["none"]
    assert again.value[7] == pytest.approx(clean.value[7])
    assert again.value[8] != pytest.approx(clean.value[8])


def test_noise_has_no_skill():
    rng = np.random.default_rng(3)
    noise = readings(0, count=FEW, fat=rng.permutation(FEW_FAT))
    flat = np.concatenate(list(noise.values()), axis=1)
    columns = table(0).columns
    values = np.repeat(flat[:, None], 5, axis=1)
    study = Study({"none": Table(columns, values, values)}, [i % 5 for i in range(FEW)], FEW_FAT)
    found = nested(study, LEAN)["none"]
    assert abs(np.corrcoef(found.value, FEW_FAT)[0, 1]) < 0.6
    assert np.mean((found.low <= FEW_FAT) & (found.high >= FEW_FAT)) > 0.7


def test_tables_come_back(tmp_path):
    one = table(0)
    write_table(one, tmp_path / "t.npz")
    two = read_table(tmp_path / "t.npz")
    assert two.columns == one.columns
    assert np.allclose(two.values, one.values, atol=1e-4)
