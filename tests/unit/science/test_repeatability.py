from __future__ import annotations

import numpy as np
import pytest

from steatoscope.science.metrics.repeatability import repeatability_figures


def test_two_repeats_by_hand() -> None:
    # differences 1, -1, 2, 0: within variances d^2/2 = .5, .5, 2, 0; mean .75
    figures, spans = repeatability_figures([[1.0, 0.0], [4.0, 5.0], [9.0, 7.0], [3.0, 3.0]])
    assert figures["wsd"] == pytest.approx(0.75**0.5, rel=1e-4)
    assert figures["rc"] == pytest.approx(1.96 * (2 * 0.75) ** 0.5, rel=1e-4)
    assert spans["rc"].low <= figures["rc"] <= spans["rc"].high


def test_the_coefficient_covers_95_percent_of_new_pairs() -> None:
    rng = np.random.default_rng(0)
    figures, _ = repeatability_figures(10.0 + rng.normal(0.0, 0.7, (400, 2)))
    assert figures["wsd"] == pytest.approx(0.7, rel=0.1)
    fresh = rng.normal(0.0, 0.7, (20000, 2))
    assert np.mean(np.abs(fresh[:, 0] - fresh[:, 1]) <= figures["rc"]) == pytest.approx(0.95, abs=0.02)
