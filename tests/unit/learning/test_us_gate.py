"""The gate for ultrasound pictures: distances in closed form, limits by left-out groups, the shipped file."""

from __future__ import annotations

import io

import numpy as np
import pytest

from steatoscope.core.image import Clip
from steatoscope.imaging.phantoms.us import simulate_us
from steatoscope.imaging.preprocess.us_clean import tissue_mask
from steatoscope.imaging.preprocess.us_sector import find_sector
from steatoscope.learning.catalogue import SHIPPED
from steatoscope.learning.inference.us_gate import (
    REAL,
    SIMULATED,
    GateReference,
    packed,
    pooled_maps,
    read_us_gate,
)
from steatoscope.learning.training.us_gate import HELD_OUT_TENTHS, held_out
from steatoscope.learning.training.us_gate_fit import fitted, folds_of, left_out_distances

AXIS = GateReference(
    centre=np.array([1.0, 0.0, 0.0]),
    spread=np.array([1.0, 1.0, 2.0]),
    directions=np.array([[1.0, 0.0, 0.0]]),
    variances=np.array([4.0]),
    within_limit=2.0,
    beyond_limit=1.0,
)


def test_distances_along_and_beyond_the_directions_in_closed_form():
    within, beyond = AXIS.distances(np.array([7.0, 0.0, 6.0]))
    assert within == pytest.approx(6.0 / 2.0)  # 6 off the centre, SD 2 along the axis
    assert beyond == pytest.approx(np.sqrt(9.0 / 3.0))  # 6 / 2 = 3 in one of three values
    assert AXIS.score(np.array([7.0, 0.0, 6.0])) == pytest.approx(max(3.0 / 2.0, np.sqrt(3.0)))


def test_features_that_are_not_numbers_are_foreign():
    assert AXIS.score(np.array([np.nan, 0.0, 0.0])) == float("inf")


def test_a_file_keeps_the_references():
    with np.load(io.BytesIO(packed({REAL: AXIS, SIMULATED: AXIS}))) as arrays:
        again = GateReference.read({name: arrays[f"real_{name}"] for name in AXIS.arrays()})
    point = np.array([3.0, 1.0, -2.0])
    assert again.score(point) == pytest.approx(AXIS.score(point), rel=1e-6)


def low_rank(rng: np.random.Generator, n: int) -> np.ndarray:
    """Points with three strong directions among 30 and weak noise in all."""
    mixing = np.random.default_rng(1).normal(size=(3, 30))
    return rng.normal(size=(n, 3)) @ mixing + 0.3 * rng.normal(size=(n, 30))


def test_new_points_of_the_same_kind_pass_and_others_do_not():
    rng = np.random.default_rng(0)
    reference, figures = fitted(low_rank(rng, 400), [f"p{k // 2}" for k in range(400)], 3, seed=0)
    fresh = np.array([reference.score(row) for row in low_rank(rng, 2000)])
    assert (fresh > 1.0).mean() < 0.01
    assert figures["groups"] == 200
    assert figures["left_out_refused"] <= 0.005
    others = rng.normal(size=(200, 30)) * 2.0  # as large, in all directions
    assert all(reference.score(row) > 1.0 for row in others)


def test_whole_groups_are_left_out():
    groups = [f"g{k % 11}" for k in range(44)]
    fold = folds_of(groups, seed=3)
    assert all(len({int(f) for f, g in zip(fold, groups, strict=True) if g == name}) == 1 for name in set(groups))
    assert set(fold.tolist()) == set(range(5))


def test_a_lone_group_is_far_when_it_is_left_out():
    rng = np.random.default_rng(0)
    rows = low_rank(rng, 60)
    rows[:6] += 40.0 * np.eye(30)[0]  # one patient unlike all others, seen or not
    groups = ["odd"] * 6 + [f"p{k}" for k in range(54)]
    left_out = left_out_distances(rows, groups, 3, seed=0)
    seen = fitted(rows, groups, 3, seed=0)[0]
    assert left_out[:6, 1].min() > 3.0 * max(seen.distances(row)[1] for row in rows[:6])


def test_three_tenths_of_the_groups_are_held_out():
    share = np.mean([held_out(f"look-alike-{k:03d}") for k in range(1000)])
    assert share == pytest.approx(HELD_OUT_TENTHS / 10, abs=0.05)


def test_pooling_sees_the_tissue_only():
    maps = np.zeros((2, 8, 8), np.float32)
    maps[0, :, :4], maps[0, :, 4:], maps[1] = 3.0, 9.0, 1.0
    tissue = np.zeros((80, 80), dtype=bool)
    tissue[:, :40] = True
    found = pooled_maps((maps, maps[:1]), tissue)
    assert found.tolist() == [3.0, 1.0, 0.0, 0.0, 3.0, 0.0]
    assert np.isnan(pooled_maps((maps, maps), np.zeros_like(tissue))).all()


def test_the_shipped_gate_knows_simulated_livers_and_is_small():
    folder = SHIPPED / "us-gate"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_000_000
    clip = simulate_us(12.0, seed=77).clip
    sector = find_sector(clip)
    assert sector is not None
    found = read_us_gate().score(clip.frames[0], sector, tissue_mask(clip.frames, sector))
    assert found.score < 1.0
    assert found.simulated


@pytest.mark.realdata
def test_held_out_livers_pass_and_are_not_taken_for_simulated(data_dir):
    from steatoscope.learning.evaluation.trust_refusal_real import aul_held_out
    from steatoscope.learning.evaluation.trust_refusal_sources import grey, some

    for path in some(aul_held_out(data_dir / "us" / "aul"), seed=5, most=8):
        clip = Clip(grey(path)[None])
        sector = find_sector(clip)
        assert sector is not None
        found = read_us_gate().score(clip.frames[0], sector, tissue_mask(clip.frames, sector))
        assert (found.score < 1.0, found.simulated) == (True, False), path.name
