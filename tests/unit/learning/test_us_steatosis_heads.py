"""Heads, judge and account of the steatosis model: closed forms and sums that must hold."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from steatoscope.learning.inference.us_steatosis_heads import Member, Stack, spans, stacked
from steatoscope.learning.inference.us_steatosis_judge import GRADES, HURDLE, Judge, grade_index, grade_set
from steatoscope.learning.inference.us_steatosis_path import PathHeads

RNG = np.random.default_rng(0)
READINGS = {
    "a": np.array([2.0]),
    "b": np.array([5.0]),
    "middle_x": RNG.normal(size=112),
    "middle_y": RNG.normal(size=112),
}
BLOCKS = (("a",), ("b",), ("middle_x", "middle_y"))


def member(seed):
    rng = np.random.default_rng(seed)
    return Member(f"m{seed}", BLOCKS, rng.normal(size=114), rng.normal(size=114) / 20, float(rng.normal()))


def judge():
    return Judge((0.3, 2.0), np.array([-1.5, -0.4, 0.2, 0.9, 1.1]), 1.1, 0.8)


def path():
    detection, severity = Stack((member(1), member(2))), Stack((member(3),), 4.0, 1.4)
    centres = {name: READINGS[name] * 0.5 for name in ("middle_x", "middle_y")}
    return PathHeads(detection, severity, judge(), centres)


def test_stack_is_the_mean_of_linear_members_with_a_line():
    columns = np.concatenate([[2.0, 5.0], READINGS["middle_x"] - READINGS["middle_y"]])
    one, two = member(1), member(2)
    raw = [(columns - m.means) @ m.weights + m.intercept for m in (one, two)]
    assert float(Stack((one, two), 3.0, 1.5).score(READINGS)) == pytest.approx(3.0 + 1.5 * (np.mean(raw) - 3.0))


def test_parts_add_up_to_the_score():
    stack = Stack((member(1), member(2)), 3.0, 1.5)
    assert stack.base + sum(share for _, share in stack.parts(READINGS).values()) == pytest.approx(
        float(stack.score(READINGS))
    )
    assert stack.parts(READINGS)["a"][0] == 2.0


def test_missing_reading_counts_as_the_training_mean():
    gone = READINGS | {"a": np.array([np.nan])}
    filled = READINGS | {"a": np.array([member(1).means[0]])}
    assert float(member(1).score(gone)) == pytest.approx(float(member(1).score(filled)))


def test_columns_of_many_patients():
    many = {name: np.stack([value, value + 1.0]) for name, value in READINGS.items()}
    assert stacked(BLOCKS, many).shape == (2, 114)
    assert [s.stop - s.start for s in spans(BLOCKS)] == [1, 1, 112]
    assert Stack((member(1),)).score(many)[0] == pytest.approx(float(Stack((member(1),)).score(READINGS)))


def test_members_are_read_alone_with_the_stacks_line():
    two = PathHeads(Stack((member(1),)), Stack((member(3), member(4)), 4.0, 1.4), judge(), path().centres)
    alone = [PathHeads(Stack((member(1),)), Stack((member(k),), 4.0, 1.4), judge(), {}) for k in (3, 4)]
    scores = [float(np.clip(one.severity.score(READINGS), 0.0, 10.0)) for one in alone]
    assert two.member_values(READINGS) == pytest.approx(np.square(scores))


def test_heads_survive_json():
    again = PathHeads.read(path().document())
    one, other = path().distribution(READINGS), again.distribution(READINGS)
    assert other.value_percent == pytest.approx(one.value_percent, abs=1e-3)
    assert other.probability == pytest.approx(one.probability, abs=1e-5)


def test_effects_add_up_to_the_value_over_the_means():
    heads = path()
    base = heads.judge.value(heads.detection.base, heads.severity.base)
    whole = heads.distribution(READINGS).value_percent
    effects = heads.account(READINGS).effects
    assert sum(points for _, points in effects.values()) == pytest.approx(whole - base, abs=1e-9)


def test_heat_weights_are_the_slopes_of_the_effects():
    found = path().account(READINGS)
    weights, centre = found.weights_of("middle_x")
    assert weights.shape == centre.shape == (112,)
    assert np.allclose(weights, -found.weights_of("middle_y")[0])
    assert found.weights_of("c") is None
    one = PathHeads(Stack((member(1),)), Stack((member(1),)), judge(), {"middle_x": centre}).account(READINGS)
    assert np.allclose(centre - one.mean_of("middle_y"), member(1).means[2:])
    assert one.weights_of("a")[1] == member(1).means[0]
    gaps = {name: one.weights_of(name)[0] @ (READINGS[name] - one.mean_of(name)) for name in READINGS}
    assert gaps["a"] == pytest.approx(one.effects["a"][1])
    assert gaps["middle_x"] + gaps["middle_y"] == pytest.approx(one.effects["middle_x - middle_y"][1])


@pytest.mark.parametrize("detection", np.linspace(-3, 3, 13))
@pytest.mark.parametrize("severity", [2.0, 4.5, 8.0])
def test_value_reaches_five_percent_exactly_where_the_probability_reaches_a_half(detection, severity):
    found = judge().distribution(detection, severity)
    assert (found.value_percent >= 5.0) == (found.probability >= 0.5)
    assert sum(found.grades().values()) == pytest.approx(1.0)
    assert found.grades()["normal"] == pytest.approx(1.0 - found.probability, abs=1e-6)
    low, high = judge().interval(found)
    assert low <= found.value_percent <= high


def test_certain_answers_have_closed_forms():
    sure = replace(judge(), line=(100.0, 0.0))
    assert sure.distribution(0.0, 6.0).value_percent == pytest.approx(36.0, abs=0.5)
    healthy = replace(judge(), line=(-100.0, 0.0)).distribution(0.0, 6.0)
    assert healthy.value_percent == pytest.approx((HURDLE / 2) ** 2, abs=1e-6)
    assert healthy.below(HURDLE) == pytest.approx(1.0)


def test_wider_residuals_widen_the_interval_and_doubt_the_answer():
    plain, wide = judge().distribution(1.0, 6.0), judge().distribution(1.0, 6.0, 1.5)
    narrow, broad = (np.subtract(*judge().interval(one)[::-1]) for one in (plain, wide))
    assert broad > narrow
    assert 0.5 < wide.probability < plain.probability


def test_interval_is_the_range_stretched_about_the_median():
    found = judge().distribution(2.0, 6.0)
    low, high = replace(judge(), adjustment=1.0).interval(found)
    assert found.below(sqrt(low)) == pytest.approx(0.05, abs=1e-3)
    assert found.below(sqrt(high)) == pytest.approx(0.95, abs=1e-3)
    half = replace(judge(), adjustment=0.5).interval(found)
    assert sqrt(half[1]) - found.root(0.5) == pytest.approx((sqrt(high) - found.root(0.5)) / 2.0)


def test_grades_follow_the_histology_limits():
    assert grade_index(np.array([0.0, 4.99, 5.0, 33.0, 33.1, 66.0, 66.1])).tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert sqrt(5.0) == HURDLE


def test_grade_set_keeps_what_is_likely_enough_and_is_never_empty():
    shares = dict(zip(GRADES, (0.1, 0.55, 0.3, 0.05), strict=True))
    assert grade_set(shares, 0.75) == ("mild", "moderate")
    assert grade_set(shares, 0.1) == ("mild",)
