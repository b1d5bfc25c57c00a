"""Figures and their intervals side by side."""

from __future__ import annotations

from steatoscope.core.measurement import Interval
from steatoscope.learning.evaluation.intervals import with_intervals


def test_figures_stand_beside_their_intervals_and_undefined_ones_are_left_out() -> None:
    figures = {"auc": 0.91237, "rho": float("nan"), "n": 3.0}
    spans = {"auc": Interval(0.80001, 0.99999, 0.95), "rho": Interval(0.1, 0.2, 0.95)}
    assert with_intervals(figures, spans) == {"auc": 0.91237, "auc_ci": [0.80001, 0.99999], "n": 3.0}
    assert with_intervals(figures, spans, digits=2) == {"auc": 0.91, "auc_ci": [0.8, 1.0], "n": 3.0}
