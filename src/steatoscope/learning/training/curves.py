"""The picture of a training: its loss and the monitor's score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def draw_curves(losses: Sequence[float], scored: Sequence[tuple[float, float]], path: Path) -> None:
    """Loss (running mean of 20 steps) and the monitor's scores (step, score) against the step, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 3.0), layout="constrained")
    axes = figure.subplots()
    loss = np.asarray(losses)
    width = min(20, loss.size)
    axes.plot(np.arange(width, loss.size + 1), np.convolve(loss, np.full(width, 1.0 / width), "valid"), label="loss")
    if scored:
        axes.plot(*zip(*scored, strict=True), marker="o", label="score")
    axes.set_xlabel("step")
    axes.legend()
    figure.savefig(path, dpi=100)
