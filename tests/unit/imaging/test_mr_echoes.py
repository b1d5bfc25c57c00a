"""Changes of echo trains and their replay."""

from __future__ import annotations

import numpy as np

from steatoscope.core.transforms import apply, replay
from steatoscope.imaging.phantoms.mr_signal import Acquisition, Tissue, even_echoes, simulate_echoes
from steatoscope.imaging.preprocess import mr_echoes


def _echoes(**changes: object) -> np.ndarray:
    one = np.ones((1, 4, 5), np.float32)
    tissue = Tissue(100 * one, 20 * one, 40 * one, 30 * one, 0.3 * one)
    acquisition = Acquisition(even_echoes(1.15e-3, 0.96e-3, 6), 3.0, 1e9, **changes)  # type: ignore[arg-type]
    return simulate_echoes(tissue, acquisition, np.random.default_rng(0))


def test_turning_even_echoes_undoes_a_bipolar_readout() -> None:
    mended = mr_echoes.turn_even_echoes(_echoes(bipolar_rad=(0.7, 0.05)), turn_rad=0.7, slope_rad_per_column=0.05)
    np.testing.assert_allclose(mended, _echoes(), atol=1e-4)


def test_conjugation_undoes_the_opposite_precession() -> None:
    np.testing.assert_allclose(mr_echoes.conjugate(_echoes(precession=-1)), _echoes(), atol=1e-4)


def test_records_replay() -> None:
    start = _echoes()
    turned, first = apply("mr.turn_even_echoes", start, turn_rad=0.2)
    signed, second = apply("mr.conjugate", turned)
    kept, third = apply("mr.keep_echoes", signed, echoes=[0, 1, 2])
    assert kept.shape[0] == 3
    np.testing.assert_array_equal(replay(start, [first, second, third]), kept)
