"""Error budgets and ensembles: sums in closed form, and against draws."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.science.uncertainty.budget import ErrorBudget, ErrorSource
from steatoscope.science.uncertainty.ensemble import doubt, spread


def test_independent_errors_add_as_squares_bounds_plainly() -> None:
    budget = ErrorBudget((ErrorSource("a", 3.0), ErrorSource("b", 4.0)))
    assert budget.sd == pytest.approx(5.0)
    assert budget.half_width(0.9) == pytest.approx(5.0 * 1.6448536)
    wider = budget.with_sources([ErrorSource("tube", 1.5, "plain"), ErrorSource("nothing", 0.0)])
    assert wider.sd == pytest.approx(6.5)
    assert [one.source for one in wider.sources] == ["a", "b", "tube"]
    assert (wider.part("b"), wider.part("absent")) == (4.0, 0.0)


def test_the_sum_is_that_of_drawn_errors() -> None:
    rng = np.random.default_rng(0)
    sizes = (0.4, 1.1, 2.3)
    drawn = sum(rng.normal(0.0, size, 200000) for size in sizes)
    budget = ErrorBudget(tuple(ErrorSource(f"{size}", size) for size in sizes))
    assert budget.sd == pytest.approx(float(np.std(drawn)), rel=0.01)
    assert np.mean(np.abs(drawn) <= budget.half_width(0.9)) == pytest.approx(0.9, abs=0.003)


@pytest.mark.parametrize("size", [-1.0, float("nan"), float("inf")])
def test_a_size_must_be_a_size(size: float) -> None:
    with pytest.raises(ValueError, match="SD of noise"):
        ErrorSource("noise", size)


def test_spread_follows_the_law_of_total_variance() -> None:
    rng = np.random.default_rng(1)
    centres, sds = np.array([[1.0], [2.0], [6.0]]), np.array([[0.5], [1.0], [2.0]])
    drawn = np.concatenate([rng.normal(c, s, 200000) for c, s in zip(centres[:, 0], sds[:, 0], strict=True)])
    found = spread(centres, sds)
    assert (found.mean[0], found.total[0]) == pytest.approx((drawn.mean(), drawn.std()), rel=0.01)
    assert found.between[0] == pytest.approx(np.std([1.0, 2.0, 6.0]))
    assert spread(centres).within[0] == 0.0


def test_doubt_of_members_that_agree_and_that_contradict() -> None:
    same = doubt(np.full((5, 1, 4), 0.25))
    assert same.total[0] == pytest.approx(np.log(4.0))
    assert same.disagreement[0] == pytest.approx(0.0, abs=1e-12)
    apart = doubt(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]))
    assert (apart.total[0], apart.own[0], apart.disagreement[0]) == pytest.approx((np.log(2.0), 0.0, np.log(2.0)))


def test_one_member_is_no_ensemble() -> None:
    with pytest.raises(ValueError, match="two members"):
        spread(np.ones((1, 3)))
    with pytest.raises(ValueError, match="two members"):
        doubt(np.ones((1, 3, 2)))
