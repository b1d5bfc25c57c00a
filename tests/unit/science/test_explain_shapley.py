"""Shapley effects against their axioms, closed forms and the average over all orders."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from math import exp

import numpy as np
import pytest

from steatoscope.science.explain.shapley import grouped_effects, shapley_effects, shapley_of_worths

_FEATURES = {"a": 1.5, "b": -2.0, "c": 0.7, "d": 3.0}
_BACKGROUND = {"a": 0.5, "b": 1.0, "c": -0.3, "d": 2.0}


def _bent(x: Mapping[str, float]) -> float:
    return exp(0.4 * x["a"] - 0.2 * x["b"]) + x["a"] * x["c"] - max(0.0, x["b"] + x["c"])


def test_linear_value_gives_slope_times_departure():
    slopes = {"a": 2.0, "b": -1.0, "c": 0.25, "d": 0.0}
    effects = shapley_effects(lambda x: 7.0 + sum(slopes[k] * x[k] for k in slopes), _FEATURES, _BACKGROUND)
    assert effects == pytest.approx({k: slopes[k] * (_FEATURES[k] - _BACKGROUND[k]) for k in slopes})


def test_product_of_two_shares_the_interaction_equally():
    # v = x y: effect of x is (x - x0) (y + y0) / 2
    effects = shapley_effects(lambda x: x["x"] * x["y"], {"x": 3.0, "y": 5.0}, {"x": 1.0, "y": 2.0})
    assert effects == pytest.approx({"x": 2.0 * 7.0 / 2.0, "y": 3.0 * 4.0 / 2.0})


def test_efficiency_and_dummy():
    effects = shapley_effects(_bent, _FEATURES, _BACKGROUND)
    assert sum(effects.values()) == pytest.approx(_bent(_FEATURES) - _bent(_BACKGROUND), abs=1e-12)
    assert effects["d"] == 0.0


def test_equals_another_implementation():
    # shap 0.51.0 (Lundberg, NeurIPS 2017): ExactExplainer and KernelExplainer of the same value and background
    effects = shapley_effects(_bent, _FEATURES, _BACKGROUND)
    expected = {"a": 0.89399386, "b": 2.22428797, "c": 0.5, "d": 0.0}
    assert effects == pytest.approx(expected, abs=1e-8)
    assert _bent(_BACKGROUND) == pytest.approx(0.15)


def test_symmetric_features_have_equal_effects():
    effects = shapley_effects(
        lambda x: (x["p"] + x["q"]) ** 3 + x["r"], dict.fromkeys("pqr", 2.0), dict.fromkeys("pqr", 1.0)
    )
    assert effects["p"] == pytest.approx(effects["q"])
    assert effects["p"] != pytest.approx(effects["r"])


def test_equals_the_average_of_marginal_gains_over_all_orders():
    gains = dict.fromkeys(_FEATURES, 0.0)
    for order in permutations(_FEATURES):
        mixed = dict(_BACKGROUND)
        for name in order:
            before = _bent(mixed)
            mixed[name] = _FEATURES[name]
            gains[name] += _bent(mixed) - before
    assert shapley_effects(_bent, _FEATURES, _BACKGROUND) == pytest.approx({k: v / 24 for k, v in gains.items()})


def test_glove_game():
    # two left gloves and one right glove make one pair: 1/6, 1/6, 4/6 (Shapley 1953)
    worths = np.array([float(bool(s & 4) and bool(s & 3)) for s in range(8)])
    assert shapley_of_worths(worths) == pytest.approx([1 / 6, 1 / 6, 4 / 6])


def test_groups_move_together_and_ungrouped_features_stay():
    groups = {"pair": ("a", "b"), "alone": ("c",)}
    effects = grouped_effects(_bent, _FEATURES, _BACKGROUND, groups)
    start = _bent({**_FEATURES, "a": 0.5, "b": 1.0, "c": -0.3})
    assert list(effects) == ["pair", "alone"]
    assert sum(effects.values()) == pytest.approx(_bent(_FEATURES) - start)


def test_no_features_no_effects_and_each_coalition_is_asked_once():
    assert shapley_effects(lambda _: 3.0, {}, {}) == {}
    asked: list[tuple[float, ...]] = []

    def value(x: Mapping[str, float]) -> float:
        asked.append(tuple(x.values()))
        return sum(x.values())

    shapley_effects(value, _FEATURES, _BACKGROUND)
    assert len(asked) == len(set(asked)) == 16


def test_wrong_games_are_refused():
    with pytest.raises(ValueError, match="without a background: \\['b'\\]"):
        shapley_effects(sum, {"a": 1.0, "b": 2.0}, {"a": 0.0})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one group only"):
        grouped_effects(_bent, _FEATURES, _BACKGROUND, {"x": ("a",), "y": ("a", "b")})
    many = {str(k): 1.0 for k in range(15)}
    with pytest.raises(ValueError, match="up to 14"):
        shapley_effects(lambda x: sum(x.values()), many, many)
    with pytest.raises(ValueError, match="2\\^n"):
        shapley_of_worths(np.zeros(6))
