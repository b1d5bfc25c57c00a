"""The compiled kernels against plain numpy, and compilation without a disk cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from steatoscope.core import kernels
from steatoscope.science.quantify import mr_kernels_field as field
from steatoscope.science.quantify import mr_kernels_grid as grid
from steatoscope.science.quantify.mr_lag import lag_plan, projector
from steatoscope.science.quantify.mr_model import fat_basis

TIMES = 1e-3 * (1.15 + 0.96 * np.arange(6))


def _signals(count: int) -> np.ndarray:
    rng = np.random.default_rng(2)
    return (rng.normal(size=(6, count)) + 1j * rng.normal(size=(6, count))).astype(np.complex64)


def _residual(signal: np.ndarray, times: np.ndarray, decay: float, psi: float, field_t: float) -> np.ndarray:
    turned = signal * np.exp(-2j * np.pi * psi * times)[:, None]
    left = projector(fat_basis(times, field_t), times, decay) @ turned
    return np.asarray(np.sum(np.abs(left) ** 2, axis=0))


@pytest.mark.parametrize("times", [TIMES, 1e-3 * np.array([1.1, 2.0, 3.3, 4.0, 5.2, 7.1])])
def test_lag_form_equals_the_projected_residual(times: np.ndarray) -> None:
    signal = _signals(40)
    plan = lag_plan(fat_basis(times, 3.0), times, 3.0, (40.0, 200.0))
    real, imag = grid.gather(signal.view(np.float32).reshape(6, 40, 2), np.arange(40, dtype=np.int32))
    products = grid.pair_products(real, imag, np.arange(40, dtype=np.int32), 40)
    points = plan.table.shape[0]
    for decay in range(2):
        table = products @ plan.cell_table()[decay]
        turned = products.copy()
        turned[:, 7::2] *= -1
        opposite = turned @ plan.cell_table(conjugate=True)[decay]
        np.testing.assert_allclose(opposite, table, rtol=1e-4, atol=1e-4)
        for j in (0, points // 3, points - 1):
            psi = (j / points - 0.5) * plan.width * plan.unit_hz
            expected = _residual(signal, times, plan.decays[decay], psi, 3.0)
            np.testing.assert_allclose(table[:, j], expected, rtol=2e-4, atol=2e-4)


def test_candidates_are_the_lowest_minima_of_the_residual() -> None:
    signal = _signals(32)
    plan = lag_plan(fat_basis(TIMES, 3.0), TIMES, 3.0, (40.0,))
    real, imag = grid.gather(signal.view(np.float32).reshape(6, 32, 2), np.arange(32, dtype=np.int32))
    decays = np.array([40.0], np.float32)
    place, value, bend, rate = grid.candidates(real, imag, decays, plan.weights, plan.lag, plan.table, plan.width)
    dense = np.linspace(-0.5, 0.5, 2001) * plan.unit_hz
    curves = np.array([_residual(signal, TIMES, 40.0, psi, 3.0) for psi in dense])
    np.testing.assert_allclose(value[:, 0], curves.min(axis=0), rtol=0.02, atol=0.02)
    gap = place[:, 0] - dense[curves.argmin(axis=0)] / plan.unit_hz
    assert np.abs(gap - np.rint(gap)).max() < 0.02
    assert (value[:, 0] <= value[:, 1]).all()
    assert (bend[:, 0] > 0).all()
    assert (rate == 40.0).all()


def test_messages_find_the_best_labels_of_a_chain() -> None:
    rng = np.random.default_rng(4)
    place, unary = (rng.random((7, 3)).astype(np.float32) for _ in range(2))
    bend = np.ones((7, 3), np.float32)
    ahead, behind = field.neighbours(np.arange(7, dtype=np.int32), 1, 1, 7)
    label = field.choose(place, unary, bend, ahead, behind, np.array([0.7, 0.05, 1.0, 1.0], np.float32), 20)

    def energy(labels: tuple[int, ...]) -> float:
        total = sum(float(unary[i, k]) for i, k in enumerate(labels))
        for i in range(6):
            gap = float(place[i, labels[i]] - place[i + 1, labels[i + 1]])
            total += 0.7 * min((gap - round(gap)) ** 2, 0.05)
        return total

    best = min(energy(tuple(labels)) for labels in np.ndindex(*(3,) * 7))
    assert energy(tuple(int(k) for k in label)) == pytest.approx(best, abs=1e-5)


def test_cells_hold_each_voxel_once() -> None:
    mask = np.random.default_rng(0).random((3, 10, 13)) > 0.6
    index = np.flatnonzero(mask).astype(np.int32)
    used, cell = grid.cells(index, 10, 13, 4)
    slab, row, column = np.nonzero(mask)
    np.testing.assert_array_equal(used[cell], (slab * 3 + row // 4) * 4 + column // 4)
    assert np.unique(used).size == used.size


def test_kernels_compile_where_nothing_can_be_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*, cache: bool = False, **options: Any) -> Callable[..., Any]:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        decorate: Callable[..., Any] = numba.njit(**options)
        return decorate

    monkeypatch.setattr(kernels, "njit", refuse)

    @kernels.compiled()
    def double(x: float) -> float:
        return 2.0 * x

    assert double(4.0) == 8.0
