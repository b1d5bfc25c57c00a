"""Tests of maps: shares, ranks and paths with closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from steatoscope.science.explain.saliency import (
    block_order,
    block_sums,
    blocks_mask,
    perturbed,
    rank_correlation,
    share_within,
)

RNG = np.random.default_rng(0)


def test_share_counts_absolute_values():
    points = np.array([[1.0, -3.0], [4.0, 0.0]])
    assert share_within(points, np.array([[True, True], [False, False]])) == pytest.approx(0.5)
    assert np.isnan(share_within(np.zeros((2, 2)), np.ones((2, 2), bool)))


def test_rank_correlation_knows_monotone_maps_and_constant_ones():
    one = RNG.normal(size=(6, 7))
    where = np.ones(one.shape, bool)
    assert rank_correlation(one, np.exp(one), where) == pytest.approx(1.0)
    assert rank_correlation(one, -one, where) == pytest.approx(-1.0)
    assert np.isnan(rank_correlation(one, np.zeros_like(one), where))


def test_blocks_sum_and_order():
    points = np.zeros((5, 7))
    points[0, 0], points[4, 6], points[2, 3] = 1.0, -5.0, 2.0
    sums = block_sums(np.abs(points), 2)
    assert sums.shape == (3, 4)
    assert sums.sum() == pytest.approx(8.0)
    area = np.ones(points.shape, bool)
    area[:2, :2] = False
    order = block_order(points, area, 2)
    assert list(order[:2]) == [11, 5]
    assert 0 not in order
    assert len(order) == 11
    mask = blocks_mask(order[:1], (5, 7), 2)
    assert mask.sum() == 1
    assert mask[4, 6]


def test_deletion_and_insertion_of_a_sum_have_closed_forms():
    # The value is the grey of one square: found first or last, it is gone (or there) for nearly all or none of the way.
    picture, blank = np.full((8, 8), 9, np.uint8), np.zeros((8, 8), np.uint8)

    def value(grey):
        return float(grey[:4, :4].mean())

    fractions = (0.25, 0.5, 0.75)
    first = perturbed(value, picture, blank, np.array([0, 1, 2, 3]), 4, fractions=fractions)
    last = perturbed(value, picture, blank, np.array([3, 2, 1, 0]), 4, fractions=fractions, ends=(9.0, 0.0))
    assert first.deletion == pytest.approx(9.0 * (0.125 + 0.75))
    assert first.insertion == pytest.approx(9.0 * 0.125)
    assert last.deletion == pytest.approx(9.0 * 0.125)
    assert last.insertion == pytest.approx(9.0 * (0.75 + 0.125))
